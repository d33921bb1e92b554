"""The batches of a dataset by day, from one listing of AEP's catalog, and comparisons with the ledgers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from include.aep.batch_state import BatchState, classify_status
from include.aep.client import AepClient
from include.aep.model import Batch
from include.lake.history import History
from include.lake.ledger import LedgerRecord
from include.lake.ledger_state import active_records, in_flight

_MAY_SHOW_ROWS = (BatchState.COMMITTED, BatchState.ACTIVE, BatchState.UNKNOWN)


@dataclass(frozen=True)
class DatasetBatches:
    """All batches of a dataset, as AEP's catalog listed them at one time. Only batches of this project have a day."""

    all: tuple[Batch, ...]
    find: Callable[[str], Batch | None]
    """A function that requests one batch by its id, also of another dataset; None if AEP does not list it."""

    @classmethod
    def of(cls, history: History, aep: AepClient) -> DatasetBatches:
        """List all batches of the history's dataset in AEP's catalog."""
        return cls(aep.catalog.batches_created_after(history.target.dataset_id, None), aep.batches.find)

    @cached_property
    def by_id(self) -> dict[str, Batch]:
        """All batches of the dataset by id."""
        return {batch.id: batch for batch in self.all}

    @cached_property
    def _by_day(self) -> dict[date | None, list[Batch]]:
        found: dict[date | None, list[Batch]] = {}
        for batch in self.all:
            if batch.is_of_this_project:
                found.setdefault(batch.day, []).append(batch)
        return found

    @cached_property
    def days(self) -> set[date]:
        """The days for which AEP has an active batch of this project."""
        return {day for day in self._by_day if day is not None and self.active_of(day)}

    @cached_property
    def recorded_days(self) -> set[date]:
        """The days for which AEP lists a batch of this project, whatever its status."""
        return {day for day in self._by_day if day is not None}

    def of_day(self, day: date | None) -> list[Batch]:
        """Return this project's batches of a day, whatever their status; for None, the batches that name no day."""
        return self._by_day.get(day, [])

    def active_of(self, day: date | None) -> list[Batch]:
        """Return this project's active batches of a day, oldest first."""
        return [batch for batch in self.of_day(day) if classify_status(batch.status) is BatchState.ACTIVE]

    def near(self, day: date) -> set[str]:
        """Return the ids of this project's batches of a day, of the day before and of the day after."""
        around = (day + timedelta(days=offset) for offset in (-1, 0, 1))
        return {batch.id for each in around for batch in self.of_day(each)}

    def rows_of_others(self) -> int:
        """Return the number of rows in active batches of other producers, as the catalog counts them."""
        return sum(
            batch.output_records or 0
            for batch in self.all
            if not batch.is_of_this_project and classify_status(batch.status) is BatchState.ACTIVE
        )

    def is_loading(self, records: Sequence[LedgerRecord]) -> bool:
        """Return whether rows of an unfinished batch may be visible in AEP before the ledger shows it as active."""
        flying = in_flight(records)
        if flying is None or flying.kind == "failed":
            return False
        found = self.by_id.get(str(flying.batch))
        return found is not None and classify_status(found.status) in _MAY_SHOW_ROWS

    def contradiction(self, pipeline: str, day: date, records: Sequence[LedgerRecord]) -> str | None:
        """Return a sentence if AEP shows an active batch of the ledger for another day or dataset; otherwise None."""
        for record in active_records(records):
            listed = self.by_id.get(str(record.batch))
            found = listed or self.find(str(record.batch))
            if found is not None and not (listed and found.is_of_this_project and found.day == day):
                return (
                    f"the ledger names batch {found.id}, which in AEP is a load of {found.day or 'no day'} into dataset "
                    f"{found.dataset_id or 'without a name'}; release it with mixpanel-aep ledger release {pipeline} "
                    f"{day} --batch {found.id} --why TEXT"
                )
        return None

    def unexpected(self, day: date, records: Sequence[LedgerRecord]) -> set[str]:
        """Return the ids of a day's active batches that the ledger lacks, or lists with another number of rows."""
        rows = {str(each.batch): each.counts.get("active") for each in active_records(records)}
        return {
            batch.id
            for batch in self.active_of(day)
            if batch.id not in rows
            or (None not in (batch.output_records, rows[batch.id]) and batch.output_records != rows[batch.id])
        }

"""Rebuild ledgers and id files from AEP, after a lake was lost or if the lake is an older copy.

AEP's active batches of this project define which rows were loaded. Later runs load the rows that are missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from include.aep.batch_listing import require_source
from include.aep.batch_state import BatchState, classify_status
from include.aep.client import AepClient
from include.aep.data_lake import DataLakeReader
from include.aep.model import Dataset
from include.clock import SYSTEM_CLOCK, Clock
from include.config.model import Pipeline
from include.errors import AmendmentRefused, BadManifest, CountMismatch
from include.lake.history import History
from include.lake.lake_id import LAKE_TAG, ensure_lake_id, tagged_lake_id
from include.lake.ledger import LedgerRecord
from include.lake.ledger_state import active_records, in_flight
from include.steps.duckdb_connection import open_duckdb
from include.steps.history.id_sets import read_ids
from include.steps.recover.aep_ids import AepIds, Writer, may_become_active
from include.steps.recover.person import current_person
from include.steps.verify.dataset_batches import DatasetBatches

_UNDECIDED = (BatchState.OPEN, BatchState.COMMITTED, BatchState.UNKNOWN)


@dataclass(frozen=True)
class RecoveredDay:
    """The result of recovering one day.

    Attributes:
        written: The ids of the batches that were recorded as active.
        ended: The ids of the batches that were recorded as gone, because AEP does not have them any more.
        refused: Why the day could not be recovered; empty if it was.
    """

    written: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()
    refused: str = ""


@dataclass(frozen=True)
class Recovery:
    """The result of recovering several days of a history.

    ``tagged``: whether the dataset was tagged with the id of this lake.
    """

    days: Mapping[date, RecoveredDay]
    tagged: bool = False

    @property
    def written(self) -> dict[date, list[str]]:
        """The ids of the batches that were recorded as active, by day."""
        return {day: list(found.written) for day, found in self.days.items() if found.written}

    @property
    def ended(self) -> dict[date, list[str]]:
        """The ids of the batches that were recorded as gone, by day."""
        return {day: list(found.ended) for day, found in self.days.items() if found.ended}

    @property
    def refused(self) -> dict[date, str]:
        """The reason for each day that could not be recovered."""
        return {day: found.refused for day, found in self.days.items() if found.refused}

    @property
    def known(self) -> list[date]:
        """The days whose ledgers already agreed with AEP, so that nothing was written."""
        return [day for day, found in self.days.items() if found == RecoveredDay()]


def recover(
    history: History,
    dataset: Dataset,
    reader: DataLakeReader,
    aep: AepClient,
    pipeline: Pipeline,
    days: Sequence[date] | None = None,
    clock: Clock = SYSTEM_CLOCK,
    *,
    why: str = "the lake is rebuilt from AEP",
    on_progress: Callable[[int, int], object] | None = None,
) -> Recovery:
    """Record the active batches of ``days`` (or of all days) that the history lacks; then tag the dataset.

    The dataset's tag gets the id of the lake. ``history`` is opened without comparing lake ids (``open_history(...,
    any_lake=True)``). ``on_progress`` is called with the number of finished days and the number of all days.

    Raises:
        AnotherSource: batches of the dataset contain events of another Mixpanel project. Nothing was written.
        LakeNotReadable, QueryServiceBusy: AEP's data lake cannot be read. The call can be repeated.
        Conflict: a run wrote to a ledger at the same time.
    """
    batches = DatasetBatches.of(history, aep)
    require_source(history, batches.all)
    ids = AepIds(history, dataset, reader, pipeline, clock, Writer(f"recover/{current_person()}", why))
    chosen = sorted(batches.recorded_days if days is None else set(days) & batches.recorded_days)
    recovered = {}
    for number, day in enumerate(chosen):
        if on_progress is not None:
            on_progress(number, len(chosen))
        history.bind(pipeline.name, clock.now().isoformat(timespec="seconds"))
        recovered[day] = _Day(ids, day, batches).recover()
    # Last, so that a partly rebuilt lake does not yet own the dataset. A lake without an id gets a new one: if the old
    # lake still exists, its runs are refused from here on instead of loading in parallel.
    own = ensure_lake_id(history.lake)
    is_new = tagged_lake_id(dataset) != own
    if is_new:
        aep.catalog.tag_dataset(dataset, {LAKE_TAG: [own]})
    return Recovery(recovered, is_new)


@dataclass(frozen=True)
class _Day:
    ids: AepIds
    day: date
    batches: DatasetBatches

    def recover(self) -> RecoveredDay:
        ledger = self.ids.history.ledger(self.day)
        try:
            records = ledger.records()
            active = active_records(records)
            if (reason := self._contradiction(active) or self._in_flight(records)) is not None:
                return RecoveredDay(refused=reason)
            readable = {str(record.batch) for record in active if self._is_readable(record)}
        except BadManifest as error:
            return RecoveredDay(refused=self._unreadable(error))
        gone = [record for record in active if self._state(str(record.batch)) is BatchState.GONE]
        for record in gone:
            records = self.ids.record(ledger, records, "gone", record.batch, **record.row_fields())
        ended = tuple(str(record.batch) for record in gone)
        missing = [batch for batch in self.batches.active_of(self.day) if batch.id not in readable]
        try:
            if missing:
                self.ids.record_batches(self.day, missing)
        except (CountMismatch, AmendmentRefused) as error:
            return RecoveredDay(ended=ended, refused=str(error))
        except BadManifest as error:
            return RecoveredDay(ended=ended, refused=self._unreadable(error))
        return RecoveredDay(tuple(batch.id for batch in missing), ended)

    def _unreadable(self, error: BadManifest) -> str:
        ledger = self.ids.history.ledger(self.day)
        folder = self.ids.history.lake.uri(ledger.prefix)
        return f"{error} Move the folder {folder} out of the lake, then run recover again."

    def _contradiction(self, active: Sequence[LedgerRecord]) -> str | None:
        """Return why the batches in AEP prevent the recovery of the day now; None if they do not."""
        undecided = [b for b in self.batches.of_day(self.day) if classify_status(b.status) in _UNDECIDED]
        if undecided:
            batch = undecided[0]
            return (
                f"AEP reports batch {batch.id} of the day as {batch.status or 'without a status'}: a run is loading it, or "
                "a run crashed. Wait until AEP has decided it, or abort it in AEP if it stays loading, then run "
                "recover again."
            )
        name = self.ids.pipeline.name
        if (elsewhere := self.batches.contradiction(name, self.day, active)) is not None:
            return elsewhere
        for record in active:
            state, found = self._state(str(record.batch)), self.batches.by_id.get(str(record.batch))
            if state not in (BatchState.ACTIVE, BatchState.GONE):
                says = (
                    "does not list it"
                    if found is None
                    else f"reports its status as {found.status or 'nothing'}"
                )
                return (
                    f"the ledger lists batch {record.batch} as active, but AEP {says}. If the batch is permanently gone: "
                    f"mixpanel-aep ledger release {name} {self.day} --batch {record.batch} --why TEXT"
                )
        return None

    def _in_flight(self, records: list[LedgerRecord]) -> str | None:
        """Return why an unfinished batch prevents the recovery; None if it does not.

        A run continues only the newest batch of the ledger, so it would not find an unfinished one after the recovery.
        """
        unfinished = in_flight(records)
        if unfinished is None or unfinished.batch in {batch.id for batch in self.batches.active_of(self.day)}:
            return None
        if not may_become_active(unfinished, self.batches.by_id.get(str(unfinished.batch))):
            return None
        return (
            f"a run has submitted batch {unfinished.batch}, which AEP does not list as a load of this day. Run the day, or "
            "release it with mixpanel-aep ledger release; then run recover again."
        )

    def _state(self, batch: str) -> BatchState:
        found = self.batches.by_id.get(batch)
        return classify_status(found.status if found is not None else None)

    def _is_readable(self, record: LedgerRecord) -> bool:
        """Return whether the lake has the ids of a load."""
        workspace = self.ids.workspace(self.day)
        with workspace.scratch() as scratch, open_duckdb(scratch) as db:
            try:
                read_ids(db, "load", workspace, [record], Path(scratch))
            except BadManifest:
                return False
        return True

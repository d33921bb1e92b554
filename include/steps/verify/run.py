"""The verification of a history: selects the days, their order and the budget."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from include.aep.client import AepClient
from include.aep.data_lake import DataAccessReader, LakeReader
from include.aep.model import Dataset
from include.clock import SYSTEM_CLOCK, Clock
from include.config.model import Pipeline
from include.errors import BadManifest, LakeNotReadable, QueryServiceBusy
from include.lake.history import History
from include.lake.ledger import LedgerRecord
from include.steps.history.day_states import read_days
from include.steps.verify.compare_days import DayComparer, window_of
from include.steps.verify.dataset_batches import DatasetBatches
from include.steps.verify.results import DayResult, Verification
from include.steps.verify.verified_days import days_to_verify, read_verified, write_verified

_DAYS_A_QUERY = 7


def verify(
    history: History,
    dataset: Dataset,
    reader: LakeReader,
    aep: AepClient,
    pipeline: Pipeline,
    days: Sequence[date] | None = None,
    clock: Clock = SYSTEM_CLOCK,
    *,
    budget_seconds: float | None = None,
    on_progress: Callable[[int, int], object] | None = None,
) -> Verification:
    """Compare the ``_id``s of days in AEP with those of the ledger, as sets.

    ``days``: those of them that were loaded. None: every loaded day, first those that changed since their last
    verification, then those whose verification is oldest, as long as queries took less than ``budget_seconds``.
    ``on_progress`` is called with the number of finished days and the number of all days. Results are written into the
    lake. If AEP's data lake cannot be read, the result contains the reason; no error is raised.

    Raises:
        ServiceUnavailable: AEP could not be reached or does not respond.
    """
    batches = DatasetBatches.of(history, aep)
    numbers = {day: state.number for day, state in read_days(history).items()}
    numbers = dict.fromkeys(batches.days, 0) | numbers
    if days is None:
        chosen = days_to_verify(numbers, read_verified(history))
    else:
        chosen = [day for day in sorted(set(days)) if day in numbers]
    comparer = DayComparer(history, dataset, reader, pipeline, batches, clock)
    return _Run(comparer, numbers, budget_seconds, on_progress).verify(chosen)


@dataclass
class _Run:
    comparer: DayComparer
    numbers: dict[date, int]
    budget_seconds: float | None
    on_progress: Callable[[int, int], object] | None = None
    results: list[DayResult] = field(default_factory=list)
    postponed: list[date] = field(default_factory=list)
    others: int = 0

    def verify(self, days: Sequence[date]) -> Verification:
        began = self.comparer.clock.seconds()
        left = list(days)
        reason, is_busy = ("" if days else "no day of it was loaded"), False
        try:
            if (undated := self.comparer.compare_undated(sorted(self.numbers))) is not None:
                self.results.append(undated)
            for chunk in _chunks(days):
                # If no query is run, the time for reading files counts.
                spent = self.comparer.reader.query_seconds or self.comparer.clock.seconds() - began
                if self.budget_seconds is not None and left != list(days) and spent >= self.budget_seconds:
                    break
                self._compare(chunk)
                left = [day for day in left if day not in chunk]
                if self.on_progress is not None:
                    self.on_progress(len(days) - len(left), len(days))
        except QueryServiceBusy as error:
            reason, is_busy = str(error), True
        except LakeNotReadable as error:
            reason = str(error)
        if not self.results and not reason:
            reason = f"runs are loading {', '.join(map(str, sorted(self.postponed)))} now"
        return Verification(
            self.comparer.pipeline.name,
            tuple(sorted(self.results, key=lambda result: (result.day is None, result.day or date.max))),
            self.others,
            tuple(sorted(self.postponed)),
            len(left),
            reason,
            is_busy,
        )

    def _compare(self, days: list[date]) -> None:
        """Compare days; halve them if Query Service is busy, which it also reports for a query that takes long."""
        try:
            self._compare_together(days)
        except QueryServiceBusy:
            if len(days) == 1:
                raise
            self._compare(days[: len(days) // 2])
            self._compare(days[len(days) // 2 :])

    def _compare_together(self, days: list[date]) -> None:
        history, batches = self.comparer.history, self.comparer.batches
        records, unreadable = self._ledgers(days)
        quiet = [day for day in records if not batches.is_loading(records[day])]
        found = {result.day: result for result in self.comparer.compare(quiet)} if quiet else {}
        # A change by a run after the batches were listed is not a difference.
        changed = {day for day in quiet if len(history.ledger(day).records()) != self.numbers.get(day, 0)}
        results = [*unreadable, *(result for day, result in found.items() if day not in changed)]
        others = self._rows_of_others(quiet, records)
        write_verified(
            history, results, self.numbers, self.comparer.clock.now().isoformat(timespec="seconds")
        )
        self.results += results
        self.postponed += [day for day in records if day not in quiet or day in changed]
        self.others += others

    def _ledgers(self, days: Sequence[date]) -> tuple[dict[date, list[LedgerRecord]], list[DayResult]]:
        """Return the ledgers of some days, and a result for each unreadable one: one does not stop the others."""
        records, unreadable = {}, []
        for day in days:
            try:
                records[day] = self.comparer.history.ledger(day).records()
            except BadManifest as error:
                unreadable.append(DayResult(day, trouble=str(error)))
        return records, unreadable

    def _rows_of_others(self, days: Sequence[date], records: Mapping[date, list[LedgerRecord]]) -> int:
        comparer = self.comparer
        if isinstance(comparer.reader, DataAccessReader):  # it would download their files
            return comparer.batches.rows_of_others() if not self.results else 0
        windows = [window for day in days if (window := window_of(comparer.pipeline, day))]
        if not windows:
            return 0
        first, last = min(each.start for each in windows), max(each.end for each in windows)
        known = {str(r.batch) for day in days for r in records[day] if r.batch}
        ours = known | {batch.id for batch in comparer.batches.all if batch.is_of_this_project}
        found = comparer.reader.rows_by_batch(comparer.dataset, first, last)
        return sum(count for batch, count in found.items() if batch not in ours)


def _chunks(days: Sequence[date]) -> Iterator[list[date]]:
    """Yield days in groups that one query can process: close together, in the order of the first day of each group."""
    left = list(days)
    while left:
        first = left[0]
        near = {day for day in left if first <= day < first + timedelta(days=_DAYS_A_QUERY)}
        yield sorted(near)
        left = [day for day in left if day not in near]

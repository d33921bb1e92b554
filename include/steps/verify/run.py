"""Verify the days of a history: select them, and compare several at a time until the time budget is used."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from include.aep.client import AepClient
from include.aep.data_lake import DataAccessReader, DataLakeReader
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
    reader: DataLakeReader,
    aep: AepClient,
    pipeline: Pipeline,
    days: Sequence[date] | None = None,
    clock: Clock = SYSTEM_CLOCK,
    *,
    budget_seconds: float | None = None,
    on_progress: Callable[[int, int], object] | None = None,
) -> Verification:
    """Compare the ``_id``s of days in AEP with those that the ledgers list, as sets; store the results in the lake.

    ``days``: the days to compare, if they were loaded. None: every loaded day, first the days that changed or differed
    since their last verification, then those whose verification is oldest, until queries have taken ``budget_seconds``.
    ``on_progress`` is called with the number of finished days and the number of all days. If AEP's data lake cannot be
    read, the result contains the reason, and no error is raised.

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
    parts, error = _compare(comparer, numbers, chosen, budget_seconds, on_progress)
    return _verification(pipeline.name, chosen, parts, error)


@dataclass(frozen=True)
class _Part:
    """The comparison of some days.

    ``postponed``: the days that a run is loading now. ``others``: the number of rows of other producers.
    """

    days: Sequence[date]
    results: Sequence[DayResult]
    postponed: Sequence[date] = ()
    others: int = 0


def _verification(
    pipeline: str,
    chosen: Sequence[date],
    parts: Sequence[_Part],
    error: QueryServiceBusy | LakeNotReadable | None,
) -> Verification:
    """Return the result for the ``chosen`` days from the ``parts`` that were compared.

    ``error``: why the comparison ended early; None if it did not.
    """
    results = [result for part in parts for result in part.results]
    postponed = sorted(day for part in parts for day in part.postponed)
    reason = str(error) if error else "" if chosen else "no day of the pipeline was loaded"
    if not results and not reason:
        reason = f"runs are loading {', '.join(map(str, postponed))} now"
    return Verification(
        pipeline,
        tuple(sorted(results, key=lambda result: (result.day is None, result.day or date.max))),
        sum(part.others for part in parts),
        tuple(postponed),
        len(chosen) - sum(len(part.days) for part in parts),
        reason,
        isinstance(error, QueryServiceBusy),
    )


def _compare(
    comparer: DayComparer,
    numbers: Mapping[date, int],
    days: Sequence[date],
    budget_seconds: float | None,
    on_progress: Callable[[int, int], object] | None,
) -> tuple[list[_Part], QueryServiceBusy | LakeNotReadable | None]:
    """Compare days in the given order; return the compared parts, and the error that ended it early or None."""
    began = comparer.clock.seconds()
    chunks, done = deque(_chunks(days)), 0
    parts: list[_Part] = []
    try:
        if (undated := comparer.compare_undated(sorted(numbers))) is not None:
            parts.append(_Part((), (undated,)))
        while chunks:
            # If no query is run, the time for reading files counts.
            spent = comparer.reader.query_seconds or comparer.clock.seconds() - began
            if done and budget_seconds is not None and spent >= budget_seconds:
                break
            chunk = chunks.popleft()
            try:
                parts.append(_compare_chunk(comparer, numbers, chunk, is_first=not done))
            except QueryServiceBusy:  # also reported for a query that takes long: fewer days take less time
                if len(chunk) == 1:
                    raise
                half = len(chunk) // 2
                chunks.extendleft((chunk[half:], chunk[:half]))
                continue
            done += len(chunk)
            if on_progress is not None:
                on_progress(done, len(days))
    except (QueryServiceBusy, LakeNotReadable) as error:
        return parts, error
    return parts, None


def _compare_chunk(
    comparer: DayComparer, numbers: Mapping[date, int], days: Sequence[date], *, is_first: bool
) -> _Part:
    """Compare several days with one query, and store their results in the lake."""
    history, batches = comparer.history, comparer.batches
    records, unreadable = _ledgers(history, days)
    quiet = [day for day in records if not batches.is_loading(records[day])]
    found = {result.day: result for result in comparer.compare(quiet)} if quiet else {}
    # A change by a run after the batches were listed is not a difference.
    changed = {day for day in quiet if len(history.ledger(day).records()) != numbers.get(day, 0)}
    results = [*unreadable, *(result for day, result in found.items() if day not in changed)]
    # Data Access would have to download the files of other producers to count their rows by day.
    if isinstance(comparer.reader, DataAccessReader):
        others = batches.rows_of_others() if is_first else 0
    else:
        others = _rows_of_others(comparer, quiet, records)
    write_verified(history, results, numbers, comparer.clock.now().isoformat(timespec="seconds"))
    postponed = [day for day in records if day not in quiet or day in changed]
    return _Part(days, results, postponed, others)


def _ledgers(
    history: History, days: Sequence[date]
) -> tuple[dict[date, list[LedgerRecord]], list[DayResult]]:
    """Return the ledgers of days, and a result for each ledger that cannot be read; it does not stop the others."""
    records, unreadable = {}, []
    for day in days:
        try:
            records[day] = history.ledger(day).records()
        except BadManifest as error:
            unreadable.append(DayResult(day, trouble=str(error)))
    return records, unreadable


def _rows_of_others(
    comparer: DayComparer, days: Sequence[date], records: Mapping[date, list[LedgerRecord]]
) -> int:
    """Return how many rows of other producers AEP has in the time from the first to the last of the days."""
    windows = [window for day in days if (window := window_of(comparer.pipeline, day))]
    if not windows:
        return 0
    first, last = min(each.start for each in windows), max(each.end for each in windows)
    known = {str(r.batch) for day in days for r in records[day] if r.batch}
    ours = known | {batch.id for batch in comparer.batches.all if batch.is_of_this_project}
    found = comparer.reader.rows_by_batch(comparer.dataset, first, last)
    return sum(count for batch, count in found.items() if batch not in ours)


def _chunks(days: Sequence[date]) -> Iterator[list[date]]:
    """Yield the days in groups that one query can compare: each within seven days, in the order of their first days."""
    left = list(days)
    while left:
        first = left[0]
        near = {day for day in left if first <= day < first + timedelta(days=_DAYS_A_QUERY)}
        yield sorted(near)
        left = [day for day in left if day not in near]

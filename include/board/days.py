"""Determines the state of each day of a pipeline from its ledger, the last audit, and the day's runs in Airflow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum

from include.board.facts import DayFacts
from include.board.index import Verdict
from include.board.source import PipelineFacts
from include.config.model import Pipeline
from include.mixpanel.event_time import settled_at


class State(Enum):
    """The state of a day; the value of a member is what the board shows."""

    ACTIVE = "active"
    QUARANTINE = "quarantine"
    RUNNING = "running"
    LATE = "late pending"
    FAILED = "failed"
    MISSING = "missing"
    EMPTY = "empty"
    NEVER_RUN = "never run"
    NOT_DUE = "not due"
    UNREAD = "being read"
    """The day's run has ended, and the day's ledger has not been read since then."""


COMPLETE = (State.ACTIVE, State.QUARANTINE, State.EMPTY)
GAPS = (State.FAILED, State.MISSING, State.NEVER_RUN, State.LATE)
"""The states of days that should be in AEP, but are missing or incomplete."""
_LATE_STATUSES = ("partly loaded",)
_MAX_SETTLING_DAYS = 13
"""Days that are older have settled: ``settle_hours`` is at most ten days, and a day may end later in another zone."""
_FAILED_STATUSES = ("failed",)


@dataclass(frozen=True)
class Problem:
    """Why a task of a run failed, as the task wrote it into XCom.

    Attributes:
        step: the id of the task.
        sentence: the sentence of the error.
        hint: the hint of the error.
    """

    step: str
    sentence: str
    hint: str = ""


@dataclass(frozen=True)
class Run:
    """An Airflow run that loads one day.

    Attributes:
        dag_id: the id of the run's DAG.
        run_id: the id of the run.
        day: the day that it loads.
        state: Airflow's state of the run, such as ``queued`` or ``failed``.
        kind: Airflow's type of the run, such as ``scheduled`` or ``backfill``.
        queued: when the run was queued; None if Airflow does not know it.
        started: when the run started; None if it has not.
        ended: when the run ended; None if it has not.
        problem: why a task failed; None if no task reported it.
    """

    dag_id: str
    run_id: str
    day: date
    state: str
    kind: str
    queued: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    problem: Problem | None = None

    @property
    def is_at_work(self) -> bool:
        """Whether the run is queued or running."""
        return self.state in ("queued", "running")


@dataclass(frozen=True)
class Day:
    """One day of a pipeline as the board shows it.

    Attributes:
        day: the day.
        state: the state of the day.
        facts: the facts from its ledger and manifests; None if it has no ledger.
        verdict: the last audit's verdict; None if the audit had none, or the ledger has changed since then.
        run: the run to show, which is unfinished or the newest one; None without one.
        settled: when the day settles; None for an old day.
    """

    day: date
    state: State
    facts: DayFacts | None = None
    verdict: Verdict | None = None
    run: Run | None = None
    settled: datetime | None = None

    @property
    def volume(self) -> int:
        """The number of exported events of the day; 0 if the day has no ledger."""
        return self.facts.counts.exported if self.facts else 0


def all_days(pipeline: Pipeline, facts: PipelineFacts, runs: Mapping[date, Run], now: datetime) -> list[Day]:
    """Return every day of a pipeline up to yesterday or its ``end_date``, with its state, newest first.

    Args:
        pipeline: the pipeline.
        facts: what was read from the lake about the pipeline.
        runs: the newest Airflow run of each day that has one.
        now: the current time.
    """
    last = last_day(pipeline, now)
    count = (last - pipeline.start_date).days + 1
    days = (last - timedelta(days=number) for number in range(max(0, count)))
    return [one_day(pipeline, facts, day, facts.days.get(day), runs.get(day), now) for day in days]


def last_day(pipeline: Pipeline, now: datetime) -> date:
    """Return yesterday in the project's time zone, or the pipeline's ``end_date`` if that is earlier."""
    yesterday = now.astimezone(pipeline.mixpanel.day_zone).date() - timedelta(days=1)
    return min(yesterday, pipeline.end_date) if pipeline.end_date else yesterday


def one_day(
    pipeline: Pipeline,
    facts: PipelineFacts,
    day: date,
    day_facts: DayFacts | None,
    run: Run | None,
    now: datetime,
) -> Day:
    """Return one day with its state.

    Args:
        pipeline: the pipeline.
        facts: what was read from the lake about the pipeline, with the last audit.
        day: the day.
        day_facts: the facts about this day; None if it has no ledger.
        run: the newest Airflow run of the day; None if it has none.
        now: the current time.
    """
    # For several years, computing when each day settled would take longer than everything else.
    is_recent = (now.date() - day).days <= _MAX_SETTLING_DAYS
    settled = settled_at(day, pipeline.mixpanel, pipeline.settle_hours) if is_recent else None
    run = _unless_replaced(run, day_facts)
    verdict = _verdict(facts, day, day_facts)
    state = _state(
        day_facts, verdict, run, is_unread=day in facts.unread, is_due=settled is None or settled <= now
    )
    return Day(day, state, day_facts, verdict, run, settled)


def _unless_replaced(run: Run | None, facts: DayFacts | None) -> Run | None:
    """Return the run; None if it failed, and the day's ledger has a newer record, which another run has written."""
    if run is None or run.state != "failed" or run.ended is None or facts is None or not facts.at:
        return run
    return run if run.ended >= datetime.fromisoformat(facts.at) else None


def _verdict(facts: PipelineFacts, day: date, day_facts: DayFacts | None) -> Verdict | None:
    """Return the last audit's verdict on a day; None if it has none, or the day's ledger has changed since then."""
    verdict = facts.index.verdicts.get(str(day))
    known = facts.index.days.get(str(day))
    if verdict is None or (day_facts is not None and (known is None or day_facts.number > known.number)):
        return None
    return verdict


def _state(
    facts: DayFacts | None, verdict: Verdict | None, run: Run | None, *, is_unread: bool, is_due: bool
) -> State:
    """Return the state of a day.

    ``is_unread``: whether its ledger has not been read since its run ended. ``is_due``: whether the day has settled.
    """
    if run is not None and run.is_at_work:
        return State.RUNNING if is_due else State.NOT_DUE
    if is_unread:
        return State.UNREAD
    is_failed = run is not None and run.state == "failed"
    if facts is None:
        if is_failed:
            return State.FAILED
        if verdict is not None and verdict.remedy not in ("NONE", "RUN"):
            return State.MISSING
        return State.NEVER_RUN if is_due else State.NOT_DUE
    if verdict is not None and verdict.remedy != "NONE":
        if verdict.status in _LATE_STATUSES:
            return State.LATE
        return State.FAILED if verdict.status in _FAILED_STATUSES or is_failed else State.MISSING
    return _by_ledger(facts, is_failed=is_failed)


def _by_ledger(facts: DayFacts, *, is_failed: bool) -> State:
    """Return the state of a day by its ledger. ``is_failed``: whether the newest run of the day failed."""
    if facts.progress == "unreadable":
        return State.MISSING
    if facts.batches:
        if facts.progress in ("waiting", "failed"):
            return State.LATE
        return State.QUARANTINE if facts.counts.not_sent else State.ACTIVE
    if facts.progress == "empty":
        return State.QUARANTINE if facts.counts.quarantined else State.EMPTY
    return State.FAILED if is_failed or facts.progress == "failed" else State.MISSING


def newest_runs(runs: Iterable[Run]) -> dict[date, Run]:
    """Return the run to show for each day: an unfinished one, or else the newest.

    ``runs``: the runs, oldest first.
    """
    found: dict[date, Run] = {}
    for run in runs:
        other = found.get(run.day)
        if other is None or run.is_at_work or not other.is_at_work:
            found[run.day] = run
    return found


def gaps(days: Sequence[Day]) -> list[tuple[date, date, State]]:
    """Return the spans of consecutive days that have the same of the states ``GAPS``, newest first.

    Each is a tuple of its first day, its last day and the state. ``days``: the days, newest first.
    """
    found: list[tuple[date, date, State]] = []
    for day in days:
        if day.state not in GAPS:
            continue
        if found and found[-1][2] is day.state and found[-1][0] - timedelta(days=1) == day.day:
            found[-1] = (day.day, found[-1][1], day.state)
        else:
            found.append((day.day, day.day, day.state))
    return found

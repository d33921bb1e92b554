"""Determines the state of each day of a pipeline from the lake's facts, the last audit and Airflow's runs."""

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
    """The state of a day. The values are the words that the board shows."""

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
    """The day's run has ended, and its ledger was not read since."""


COMPLETE = (State.ACTIVE, State.QUARANTINE, State.EMPTY)
GAPS = (State.FAILED, State.MISSING, State.NEVER_RUN, State.LATE)
"""The states of days that should be complete and are not."""
_LATE_STATUSES = ("partly loaded",)
_MAX_SETTLING_DAYS = 13
"""Older days have settled: ``settle_hours`` is at most ten days, and a day ends up to a day later in another zone."""
_FAILED_STATUSES = ("failed",)


@dataclass(frozen=True)
class Problem:
    """Why a task of a run failed, as the task stored it in XCom. ``step``: the id of the task."""

    step: str
    sentence: str
    hint: str = ""


@dataclass(frozen=True)
class Run:
    """An Airflow run that loads one day. ``kind``: the type of the run, such as ``scheduled`` or ``backfill``."""

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

    ``facts``: None if the day has no ledger. ``verdict``: the audit's verdict, if it is not outdated. ``run``: the
    newest run of the day. ``settled``: when the day settles; None for a day that has settled long ago.
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
        facts: the facts read from the lake.
        runs: the newest Airflow run of each day.
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
        facts: the facts about all days, with the last audit.
        day: the day.
        day_facts: the facts about this day; None if it has no ledger.
        run: the newest Airflow run of the day; None if it has none.
        now: the current time.
    """
    # For years of days, computing the time at which each one settled would take longer than everything else.
    is_recent = (now.date() - day).days <= _MAX_SETTLING_DAYS
    settled = settled_at(day, pipeline.mixpanel, pipeline.settle_hours) if is_recent else None
    run = _unless_replaced(run, day_facts)
    verdict = _verdict(facts, day, day_facts)
    state = _state(
        day_facts, verdict, run, is_unread=day in facts.unread, is_due=settled is None or settled <= now
    )
    return Day(day, state, day_facts, verdict, run, settled)


def _unless_replaced(run: Run | None, facts: DayFacts | None) -> Run | None:
    """Return the run, or None if it failed before the ledger's newest record was written, by another run."""
    if run is None or run.state != "failed" or run.ended is None or facts is None or not facts.at:
        return run
    return run if run.ended >= datetime.fromisoformat(facts.at) else None


def _verdict(facts: PipelineFacts, day: date, day_facts: DayFacts | None) -> Verdict | None:
    """Return the last audit's verdict on a day, or None if it has none or the day's ledger has changed since."""
    verdict = facts.index.verdicts.get(str(day))
    known = facts.index.days.get(str(day))
    if verdict is None or (day_facts is not None and (known is None or day_facts.number > known.number)):
        return None
    return verdict


def _state(
    facts: DayFacts | None, verdict: Verdict | None, run: Run | None, *, is_unread: bool, is_due: bool
) -> State:
    """Return the state of a day. ``is_unread``: its ledger was not read since its run ended; ``is_due``: settled."""
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
    """Return the state that follows from the day's ledger alone. ``is_failed``: whether the day's newest run failed."""
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
    """Return the run to show for each day: a queued or running one, otherwise the newest. ``runs``: oldest first."""
    found: dict[date, Run] = {}
    for run in runs:
        other = found.get(run.day)
        if other is None or run.is_at_work or not other.is_at_work:
            found[run.day] = run
    return found


def gaps(days: Sequence[Day]) -> list[tuple[date, date, State]]:
    """Return the spans of consecutive days in one of the states ``GAPS``, newest first.

    ``days``: newest first. Each span is a tuple of its first day, its last day and the state.
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

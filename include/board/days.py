"""The state of each day, from the lake's facts, the last audit and Airflow's runs. Pure functions."""

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
    """The state of a day, as the board names it."""

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


COMPLETE = (State.ACTIVE, State.QUARANTINE, State.EMPTY)
GAPS = (State.FAILED, State.MISSING, State.NEVER_RUN, State.LATE)
_LATE_STATUSES = ("partly loaded",)
_LONGEST_SETTLING_DAYS = 13
"""``settle_hours`` is at most ten days; a day ends up to a day later in another zone."""
_FAILED_STATUSES = ("failed",)


@dataclass(frozen=True)
class Problem:
    """The reason why a task failed, as the task stored it in XCom."""

    step: str
    sentence: str
    hint: str = ""


@dataclass(frozen=True)
class Run:
    """A run of Airflow that is about one day."""

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
    """One day of a pipeline. ``run``: its newest run."""

    day: date
    state: State
    facts: DayFacts | None = None
    verdict: Verdict | None = None
    run: Run | None = None
    settled: datetime | None = None

    @property
    def volume(self) -> int:
        """The number of exported events of the day; 0 if it is unknown."""
        return self.facts.counts.exported if self.facts else 0


def all_days(pipeline: Pipeline, facts: PipelineFacts, runs: Mapping[date, Run], now: datetime) -> list[Day]:
    """Return every day from the pipeline's first to yesterday (or its last), newest first."""
    last = last_day(pipeline, now)
    count = (last - pipeline.start_date).days + 1
    days = (last - timedelta(days=number) for number in range(max(0, count)))
    return [one_day(pipeline, facts, day, facts.days.get(day), runs.get(day), now) for day in days]


def last_day(pipeline: Pipeline, now: datetime) -> date:
    """Return yesterday in the project's time zone, or the pipeline's last day if that is earlier."""
    yesterday = now.astimezone(pipeline.mixpanel.day_zone).date() - timedelta(days=1)
    return min(yesterday, pipeline.end_date) if pipeline.end_date else yesterday


def one_day(
    pipeline: Pipeline,
    facts: PipelineFacts,
    day: date,
    of_day: DayFacts | None,
    run: Run | None,
    now: datetime,
) -> Day:
    """Return one day with its state. ``of_day``: the day's facts; None where it has no ledger."""
    # Older days have settled; computing the instant for years of days would take longer than everything else.
    is_recent = (now.date() - day).days <= _LONGEST_SETTLING_DAYS
    settled = settled_at(day, pipeline.mixpanel, pipeline.settle_hours) if is_recent else None
    run = _unless_replaced(run, of_day)
    verdict = _verdict(facts, day, of_day)
    state = _state(
        of_day, verdict, run, is_unread=day in facts.unread, is_due=settled is None or settled <= now
    )
    return Day(day, state, of_day, verdict, run, settled)


def _unless_replaced(run: Run | None, facts: DayFacts | None) -> Run | None:
    """Return the run, or None if it failed before the ledger's newest record: a later run replaced it."""
    if run is None or run.state != "failed" or run.ended is None or facts is None or not facts.at:
        return run
    return run if run.ended >= datetime.fromisoformat(facts.at) else None


def _verdict(facts: PipelineFacts, day: date, of_day: DayFacts | None) -> Verdict | None:
    """Return the audit's verdict, as long as the day's ledger has not changed since."""
    verdict = facts.index.verdicts.get(str(day))
    known = facts.index.days.get(str(day))
    if verdict is None or (of_day is not None and (known is None or of_day.number > known.number)):
        return None
    return verdict


def _state(
    facts: DayFacts | None, verdict: Verdict | None, run: Run | None, *, is_unread: bool, is_due: bool
) -> State:
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
    """Return for each day the run to show: a queued or running one, otherwise the newest. ``runs``: oldest first."""
    found: dict[date, Run] = {}
    for run in runs:
        other = found.get(run.day)
        if other is None or run.is_at_work or not other.is_at_work:
            found[run.day] = run
    return found


def gaps(days: Sequence[Day]) -> list[tuple[date, date, State]]:
    """Return the spans of days that should be complete and are not, newest first: first day, last day, state."""
    found: list[tuple[date, date, State]] = []
    for day in days:
        if day.state not in GAPS:
            continue
        if found and found[-1][2] is day.state and found[-1][0] - timedelta(days=1) == day.day:
            found[-1] = (day.day, found[-1][1], day.state)
        else:
            found.append((day.day, day.day, day.state))
    return found

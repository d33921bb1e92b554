"""The data of the board's pages: combines the lake's facts with Airflow's runs, for one request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from include.board.calendar import Month, months
from include.board.days import GAPS, Day, Run, State, all_days, gaps, newest_runs, one_day
from include.board.sentences import Advice, advice, day_name, outcome
from include.board.source import FactsReader, PipelineFacts
from include.clock import SYSTEM_CLOCK
from include.config.model import Pipeline
from include.errors import PipelineError
from include.lake.ledger import LedgerRecord
from include.plural import counted, is_or_are
from mixpanel_aep.board.readers import reader_of
from mixpanel_aep.board.runs import read_runs, runs_of_day, with_problems

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_OVERVIEW_MONTHS = 3
_MAX_NAMED = 5
SHOWN_GAPS = 6
"""How many gaps of a pipeline the overview lists, with their causes."""


@dataclass(frozen=True)
class PipelineView:
    """The data of a pipeline's page and of its part of the overview.

    Attributes:
        pipeline: the pipeline.
        now: the time of the request.
        facts: what the lake contains about the pipeline's days.
        days: all days, newest first.
        lake_error: why the lake cannot be read, as a sentence; ``facts`` and ``days`` are then empty.
    """

    pipeline: Pipeline
    now: datetime
    facts: PipelineFacts = field(default_factory=PipelineFacts)
    days: Sequence[Day] = ()
    lake_error: str = ""

    @property
    def last(self) -> Day | None:
        """The newest day: yesterday, or the pipeline's ``end_date``; None if the pipeline has no day yet."""
        return self.days[0] if self.days else None

    @property
    def last_day_name(self) -> str:
        """The subject of the headline: the newest day with its time zone."""
        if self.last is None:
            return f"The pipeline begins on {self.pipeline.start_date}"
        yesterday = self.now.astimezone(self.pipeline.mixpanel.day_zone).date().toordinal() - 1
        return day_name(self.pipeline, self.last.day, self.last.day, date.fromordinal(yesterday))

    @property
    def outcome(self) -> str:
        """The text of the headline after ``last_day_name``: the state of the newest day, with its numbers of events."""
        return outcome(self.last) if self.last else "it has no day yet."

    @property
    def advice(self) -> Advice:
        """The cause of the newest day's state, and what to do about it."""
        return advice(self.last) if self.last else Advice()

    @cached_property
    def gaps(self) -> list[tuple[date, date, State]]:
        """The spans of days that should be in AEP and are not, newest first: first day, last day, state."""
        return gaps(self.days)

    @cached_property
    def newest_gaps(self) -> list[tuple[date, date, State, str]]:
        """The newest ``SHOWN_GAPS`` gaps: first day, last day, state, and the cause of the last day's state."""
        by_day = {day.day: day for day in self.days}
        return [
            (first, last, state, advice(by_day[last]).why) for first, last, state in self.gaps[:SHOWN_GAPS]
        ]

    @cached_property
    def missing(self) -> int:
        """The number of days that should be complete and are not."""
        return sum(day.state in GAPS for day in self.days)

    @cached_property
    def failed(self) -> list[date]:
        """The days that are not in AEP because their newest run failed, or AEP refused their batch."""
        return [day.day for day in self.days if day.state is State.FAILED]

    @property
    def needs_attention(self) -> bool:
        """Whether the newest day should be in AEP and is not, or the lake cannot be read."""
        return bool(self.lake_error) or (self.last is not None and self.last.state in GAPS)

    @property
    def is_at_work(self) -> bool:
        """Whether the page must reload itself.

        It must while a run of a day is queued or running, or the facts of some days have not been read.
        """
        return bool(self.facts.unread) or any(day.state is State.RUNNING for day in self.days)

    def months(self, most: int | None = None) -> list[Month]:
        """Return the months of the calendar, newest first. ``most``: the largest number of months; None: all."""
        return months(self.days, most)

    @property
    def newest_months(self) -> list[Month]:
        """The newest months of the calendar, which the overview page shows."""
        return self.months(_OVERVIEW_MONTHS)


def summary(views: Sequence[PipelineView]) -> str:
    """Return the answer to the overview's question "Is every day in AEP?", for all pipelines together."""
    bad, gaps = sum(view.needs_attention for view in views), sum(view.missing > 0 for view in views)
    of_all = f"of {counted(len(views), 'pipeline')}"
    if bad:
        newest = f"No. The newest day is not in AEP, although it should be, in {bad} {of_all}."
        return newest if gaps <= bad else f"{newest} Earlier days are not in AEP in {gaps} {of_all}."
    newest = "The newest day of each pipeline is complete, or not due yet."
    return f"No. Earlier days are not in AEP in {gaps} {of_all}. {newest}" if gaps else f"Yes. {newest}"


def failed_days(views: Sequence[PipelineView]) -> str:
    """Return the sentence about failed days of all pipelines for Airflow's home page; empty if no day has failed."""
    failed = sorted((view for view in views if view.failed), key=lambda view: -len(view.failed))
    if not failed:
        return ""
    days = sum(len(view.failed) for view in failed)
    named = ", ".join(
        f"{view.pipeline.name} ({view.failed[0] if len(view.failed) == 1 else counted(len(view.failed), 'day')})"
        for view in failed[:_MAX_NAMED]
    )
    more = f" and {len(failed) - _MAX_NAMED} more" if len(failed) > _MAX_NAMED else ""
    return f"Mixpanel to AEP: {counted(days, 'day')} failed and {is_or_are(days)} not in AEP: {named}{more}."


@dataclass(frozen=True)
class DayView:
    """The data of the page of one day.

    Attributes:
        pipeline: the pipeline.
        day: the state and the counts of the day.
        runs: the Airflow runs of the day, newest first.
        facts: what the lake contains about all days of the pipeline.
        advice: the cause of the day's state, and what to do about it.
        outcome: the state of the day with its numbers of events, as the headline shows it.
        ledger: the records of the day's ledger.
    """

    pipeline: Pipeline
    day: Day
    runs: Sequence[Run]
    facts: PipelineFacts
    advice: Advice
    outcome: str
    ledger: Sequence[LedgerRecord] = ()

    @property
    def is_refused(self) -> bool:
        """Whether validation refused the day as a whole, so that the ledger does not name its quarantine files."""
        problem = self.day.run.problem if self.day.run else None
        return self.day.facts is None and problem is not None and problem.step == "validate"

    @property
    def new_properties(self) -> list[str]:
        """The properties without a mapping that this day has and no earlier day has, sorted."""
        return sorted(name for name, first in self.facts.properties.items() if first == str(self.day.day))


def pipeline_views(session: Session, pipelines: Sequence[Pipeline]) -> list[PipelineView]:
    """Return the view of each pipeline, in the same order. If a lake cannot be read, its view contains the reason."""
    now = SYSTEM_CLOCK.now()
    readers: dict[str, FactsReader] = {}
    since: dict[str, datetime | None] = {}
    lake_errors: dict[str, str] = {}
    for pipeline in pipelines:
        try:
            reader = reader_of(pipeline)
            since[pipeline.dag_id] = reader.listed_at()
            readers[pipeline.dag_id] = reader
        except PipelineError as error:
            lake_errors[pipeline.dag_id] = str(error)
    runs = read_runs(session, since)
    views = []
    for pipeline in pipelines:
        found = runs.get(pipeline.dag_id, [])
        lake_error = lake_errors.get(pipeline.dag_id, "")
        if not lake_error:
            try:
                views.append(_view(session, pipeline, readers[pipeline.dag_id], found, now))
                continue
            except PipelineError as error:
                lake_error = str(error)
        views.append(PipelineView(pipeline, now, lake_error=lake_error))
    return views


def _view(
    session: Session, pipeline: Pipeline, reader: FactsReader, runs: Sequence[Run], now: datetime
) -> PipelineView:
    """Return the view of one pipeline.

    Args:
        session: the session of Airflow's metadata database.
        pipeline: the pipeline.
        reader: reads the pipeline's facts from its lake.
        runs: the pipeline's runs, oldest first.
        now: the time of the request.

    Raises:
        PipelineError: the lake cannot be read.
    """
    ended: dict[date, datetime] = {}
    for run in runs:
        if run.ended is not None:
            ended[run.day] = max(run.ended, ended.get(run.day, run.ended))
    facts = reader.read(ended)
    newest = newest_runs(runs)
    days = all_days(pipeline, facts, newest, now)
    # Only the headline and the listed gaps show why a run failed, so the reasons of other runs are not read.
    named = {days[0].day, *(last for _, last, _ in gaps(days)[:SHOWN_GAPS])} if days else set()
    places = [number for number, day in enumerate(days) if day.day in named and day.run is not None]
    runs_to_explain = [its_run for number in places if (its_run := days[number].run) is not None]
    for number, with_problem in zip(places, with_problems(session, runs_to_explain), strict=True):
        days[number] = one_day(pipeline, facts, days[number].day, days[number].facts, with_problem, now)
    return PipelineView(pipeline, now, facts, days)


def day_view(session: Session, pipeline: Pipeline, day: date) -> DayView:
    """Return the view of one day. The day's ledger is read from the lake, not from the cache.

    Raises:
        PipelineError: the lake cannot be read, or its settings are invalid.
    """
    reader = reader_of(pipeline)
    runs = runs_of_day(session, pipeline.dag_id, day)
    facts, day_facts = reader.read({}), reader.fresh_day(day)
    run = newest_runs(reversed(runs)).get(day)
    found = one_day(pipeline, facts, day, day_facts, run, SYSTEM_CLOCK.now())
    return DayView(pipeline, found, runs, facts, advice(found), outcome(found), reader.ledger(day))

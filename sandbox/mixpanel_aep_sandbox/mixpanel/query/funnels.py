"""``funnels/list`` returns saved funnels; ``funnels`` returns how many people completed each step, by period."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.mixpanel.errors import MixpanelError
from mixpanel_aep_sandbox.mixpanel.export.export_params import check_history
from mixpanel_aep_sandbox.mixpanel.models.documents import DocumentStore
from mixpanel_aep_sandbox.mixpanel.models.event_rows import parse_event
from mixpanel_aep_sandbox.mixpanel.models.events import EventStore
from mixpanel_aep_sandbox.mixpanel.models.projects import MAX_ID
from mixpanel_aep_sandbox.mixpanel.parameters import Test
from mixpanel_aep_sandbox.mixpanel.query.routes import QueryRequest

_EPOCH = date(1970, 1, 1)
_DAY_MS = 86_400_000
_UNIT_MS = {"second": 1000, "minute": 60_000, "hour": 3_600_000, "day": _DAY_MS}
_LONGEST_MS = 90 * _DAY_MS


class Funnel(BaseModel):
    """A saved funnel: a sequence of events that people complete within ``length_days`` days."""

    model_config = ConfigDict(extra="forbid")

    id: int = Field(ge=1, le=MAX_ID)
    name: str
    steps: list[str] = Field(min_length=1, max_length=100)
    """Names of the events that are the steps, in order."""
    length_days: int = Field(default=14, ge=1, le=90)


class _StepEvent(NamedTuple):
    """An event of a person whose name is a step of the funnel."""

    time_ms: int
    event: str


@dataclass
class _Bucket:
    """Totals for the people who entered a funnel in one period. Each list has one number for each step."""

    counts: list[int]
    """Number of people who completed the step."""
    waits: list[int] = field(default_factory=list)
    """Total time since the step before, in milliseconds."""
    from_start: list[int] = field(default_factory=list)
    """Total time since the first step, in milliseconds."""

    def __post_init__(self) -> None:
        self.waits = [0] * len(self.counts)
        self.from_start = [0] * len(self.counts)


class Funnels:
    """Handlers for the saved funnels of a project and their results."""

    def __init__(self, documents: DocumentStore, event_store: EventStore) -> None:
        self._documents, self._event_store = documents, event_store

    def all(self, request: QueryRequest) -> list[JsonObject]:
        """Return the ids and names of the project's saved funnels."""
        return [{"funnel_id": funnel.id, "name": funnel.name} for funnel in self._saved_funnels(request)]

    def query(self, request: QueryRequest) -> JsonObject:
        """Return the results of the funnel ``funnel_id`` for people who entered it from ``from_date`` to ``to_date``.

        The results are grouped by periods of ``unit`` or of ``interval`` days.
        """
        params = request.params
        number = params.integer("funnel_id", least=1, most=MAX_ID)
        funnel = next((saved for saved in self._saved_funnels(request) if saved.id == number), None)
        if funnel is None:
            raise MixpanelError(400, "invalid funnel_id, expected a funnel of this project", echo=True)
        first, last = params.day("from_date"), params.day("to_date")
        today = request.project.today(request.now)
        if last > today:
            raise MixpanelError(400, "to_date cannot be later than today", echo=True)
        if first > last:
            raise MixpanelError(400, "from_date cannot be later than to_date", echo=True)
        check_history(request.project, first, today)
        if params.text("on"):
            raise MixpanelError(501, "The sandbox does not support funnels by a property (the parameter on).")
        starts = _period_starts(request, first, last)
        buckets = {start: _Bucket([0] * len(funnel.steps)) for start in starts}
        within_ms = _length_ms(request, funnel)
        end = last + timedelta(within_ms // _DAY_MS + 1)
        for events in self._step_events(request, funnel, first, end):
            day = _first_entry_day(events, funnel.steps[0], first, last)
            if day is not None:
                bucket = buckets[max(start for start in starts if start <= day)]
                _count_steps(bucket, funnel.steps, events, first, within_ms)
        return {
            "meta": {"dates": [start.isoformat() for start in starts]},
            "data": {start.isoformat(): _step_results(funnel, bucket) for start, bucket in buckets.items()},
        }

    def _saved_funnels(self, request: QueryRequest) -> list[Funnel]:
        return [Funnel.model_validate(body) for body in self._documents.all(request.project.id, "funnel")]

    def _step_events(
        self, request: QueryRequest, funnel: Funnel, first: date, last: date
    ) -> Iterator[list[_StepEvent]]:
        """Yield for each person the events from ``first`` to ``last`` that are steps of the funnel, sorted by time."""
        test, steps = request.params.where(), frozenset(funnel.steps)
        found: dict[str, list[_StepEvent]] = {}
        for day in self._event_store.days_with_rows(request.project, first, last):
            for row in self._event_store.queried_rows(request.project, day, request.now_ms):
                if row.event in steps and _matches(test, row.line):
                    found.setdefault(row.distinct_id, []).append(_StepEvent(row.time_ms, row.event))
        for events in found.values():
            yield sorted(events)


def _length_ms(request: QueryRequest, funnel: Funnel) -> int:
    """Return the time in which a person must complete the funnel, in milliseconds: requested, or the funnel's own."""
    params = request.params
    unit = params.choice("length_unit", *_UNIT_MS) if params.text("length_unit") else "day"
    length = params.integer("length", least=1, most=_LONGEST_MS) or funnel.length_days
    if length * _UNIT_MS[unit] > _LONGEST_MS:
        raise MixpanelError(400, "length may not be greater than 90 days", echo=True)
    return length * _UNIT_MS[unit]


def _period_starts(request: QueryRequest, first: date, last: date) -> list[date]:
    """Return the first day of each period (``unit``, or ``interval`` days) from ``first`` to ``last``."""
    params = request.params
    unit = params.choice("unit", "day", "week", "month") if params.text("unit") else ""
    days = [first + timedelta(n) for n in range((last - first).days + 1)]
    if unit == "month":
        return [day for day in days if day == first or day.day == 1]
    step = {"day": 1, "week": 7}.get(unit) or params.integer("interval", least=1, most=10_000) or 1
    return days[::step]


def _matches(test: Test | None, line: bytes) -> bool:
    return test is None or test(parse_event(line) or {})


def _first_entry_day(events: list[_StepEvent], step: str, first: date, last: date) -> date | None:
    """Return the day of a person's first event ``step`` from ``first`` to ``last``, or None without such an event."""
    days = (_EPOCH + timedelta(event.time_ms // _DAY_MS) for event in events if event.event == step)
    return next((day for day in days if first <= day <= last), None)


def _count_steps(
    bucket: _Bucket, steps: list[str], events: list[_StepEvent], first: date, within_ms: int
) -> None:
    """Add the steps that one person completed to the totals of a period.

    Args:
        bucket: the totals of the period in which the person entered the funnel.
        steps: the names of the funnel's events, in order.
        events: the person's events that are steps, sorted by time.
        first: the first day of the query; earlier events do not count.
        within_ms: the time after the first step in which a step must be completed, in milliseconds.
    """
    start_ms = before_ms = (first - _EPOCH).days * _DAY_MS
    at = 0
    for event in events:
        if at == len(steps):
            break
        late = at > 0 and event.time_ms - start_ms > within_ms
        if event.event != steps[at] or event.time_ms < before_ms or late:
            continue
        start_ms = event.time_ms if at == 0 else start_ms
        bucket.counts[at] += 1
        bucket.waits[at] += event.time_ms - (before_ms if at else event.time_ms)
        bucket.from_start[at] += event.time_ms - start_ms
        before_ms, at = event.time_ms, at + 1


def _step_results(funnel: Funnel, bucket: _Bucket) -> JsonObject:
    """Return the results of one period in the form of the API's response."""
    counts = bucket.counts
    ratios = [1.0] + [_ratio(counts[n], counts[n - 1]) for n in range(1, len(counts))]
    steps = [
        {
            "count": count,
            "avg_time": round(bucket.waits[n] / count / 1000) if n and count else None,
            "avg_time_from_start": round(bucket.from_start[n] / count / 1000) if n and count else None,
            "step_conv_ratio": ratios[n],
            "goal": funnel.steps[n],
            "overall_conv_ratio": _ratio(count, counts[0]) if n else 1.0,
            "event": funnel.steps[n],
            "step_label": funnel.steps[n],
        }
        for n, count in enumerate(counts)
    ]
    worst = min(range(1, len(ratios)), key=ratios.__getitem__) if len(ratios) > 1 else 0
    analysis = {"completion": counts[-1], "starting_amount": counts[0], "steps": len(counts), "worst": worst}
    return {"steps": steps, "analysis": analysis}


def _ratio(part: int, total: int) -> float:
    return part / total if total else 0.0

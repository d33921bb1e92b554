"""``funnels/list``, and ``funnels``: how many people completed each step, by buckets of days."""

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
    """A saved funnel."""

    model_config = ConfigDict(extra="forbid")

    id: int = Field(ge=1, le=MAX_ID)
    name: str
    steps: list[str] = Field(min_length=1, max_length=100)
    """Names of events."""
    length_days: int = Field(default=14, ge=1, le=90)


class _Hit(NamedTuple):
    time_ms: int
    event: str


@dataclass
class _Bucket:
    """The people who entered the funnel in some days: for each step, how many completed the step and how long they took."""

    counts: list[int]
    waits: list[int] = field(default_factory=list)
    from_start: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.waits = [0] * len(self.counts)
        self.from_start = [0] * len(self.counts)


class Funnels:
    """Saved funnels of a project, and their results."""

    def __init__(self, documents: DocumentStore, event_store: EventStore) -> None:
        self._documents, self._event_store = documents, event_store

    def all(self, request: QueryRequest) -> list[JsonObject]:
        """Return the saved funnels."""
        return [{"funnel_id": funnel.id, "name": funnel.name} for funnel in self._saved_funnels(request)]

    def query(self, request: QueryRequest) -> JsonObject:
        """Return the results of ``funnel_id`` from ``from_date`` to ``to_date``, by ``unit`` or ``interval`` days."""
        params = request.params
        number = params.whole("funnel_id", least=1, most=MAX_ID)
        funnel = next((known for known in self._saved_funnels(request) if known.id == number), None)
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
            raise MixpanelError(501, "The sandbox does not know funnels by a property (on).")
        starts = _starts(request, first, last)
        buckets = {start: _Bucket([0] * len(funnel.steps)) for start in starts}
        within_ms = _length_ms(request, funnel)
        for hits in self._hits(request, funnel, first, last + timedelta(within_ms // _DAY_MS + 1)):
            day = _first_entry_day(hits, funnel.steps[0], first, last)
            if day is not None:
                _walk_steps(buckets[max(s for s in starts if s <= day)], funnel.steps, hits, first, within_ms)
        return {
            "meta": {"dates": [start.isoformat() for start in starts]},
            "data": {start.isoformat(): _step_results(funnel, bucket) for start, bucket in buckets.items()},
        }

    def _saved_funnels(self, request: QueryRequest) -> list[Funnel]:
        return [Funnel.model_validate(body) for body in self._documents.all(request.project.id, "funnel")]

    def _hits(self, request: QueryRequest, funnel: Funnel, first: date, last: date) -> Iterator[list[_Hit]]:
        """Yield each person's events that are steps of the funnel, ordered by time."""
        test, steps = request.params.where(), frozenset(funnel.steps)
        found: dict[str, list[_Hit]] = {}
        for day in self._event_store.days(request.project, first, last):
            for row in self._event_store.sample(request.project, day, request.now_ms):
                if row.event in steps and _fits(test, row.line):
                    found.setdefault(row.distinct_id, []).append(_Hit(row.time_ms, row.event))
        for hits in found.values():
            yield sorted(hits)


def _length_ms(request: QueryRequest, funnel: Funnel) -> int:
    params = request.params
    unit = params.choice("length_unit", *_UNIT_MS) if params.text("length_unit") else "day"
    length = params.whole("length", least=1, most=_LONGEST_MS) or funnel.length_days
    if length * _UNIT_MS[unit] > _LONGEST_MS:
        raise MixpanelError(400, "length may not be greater than 90 days", echo=True)
    return length * _UNIT_MS[unit]


def _starts(request: QueryRequest, first: date, last: date) -> list[date]:
    """Return the first day of each period (``unit`` or ``interval``) of the requested days."""
    params = request.params
    unit = params.choice("unit", "day", "week", "month") if params.text("unit") else ""
    days = [first + timedelta(n) for n in range((last - first).days + 1)]
    if unit == "month":
        return [day for day in days if day == first or day.day == 1]
    step = {"day": 1, "week": 7}.get(unit) or params.whole("interval", least=1, most=10_000) or 1
    return days[::step]


def _fits(test: Test | None, line: bytes) -> bool:
    return test is None or test(parse_event(line) or {})


def _first_entry_day(hits: list[_Hit], step: str, first: date, last: date) -> date | None:
    """Return the day of the first entry within the requested days."""
    days = (_EPOCH + timedelta(hit.time_ms // _DAY_MS) for hit in hits if hit.event == step)
    return next((day for day in days if first <= day <= last), None)


def _walk_steps(bucket: _Bucket, steps: list[str], hits: list[_Hit], first: date, within_ms: int) -> None:
    start_ms = before_ms = (first - _EPOCH).days * _DAY_MS
    at = 0
    for hit in hits:
        if at == len(steps):
            break
        late = at > 0 and hit.time_ms - start_ms > within_ms
        if hit.event != steps[at] or hit.time_ms < before_ms or late:
            continue
        start_ms = hit.time_ms if at == 0 else start_ms
        bucket.counts[at] += 1
        bucket.waits[at] += hit.time_ms - (before_ms if at else hit.time_ms)
        bucket.from_start[at] += hit.time_ms - start_ms
        before_ms, at = hit.time_ms, at + 1


def _step_results(funnel: Funnel, bucket: _Bucket) -> JsonObject:
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


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0

"""``events/names``, ``events/properties/top`` and ``events/properties/values``: counts over the last 31 days."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from mixpanel_aep_sandbox.mixpanel.export.export_params import check_history
from mixpanel_aep_sandbox.mixpanel.models.event_rows import Row, raw_parts
from mixpanel_aep_sandbox.mixpanel.models.events import EventStore
from mixpanel_aep_sandbox.mixpanel.query.routes import QueryRequest

_DAYS = 31
_MOST = 5000
_KINDS = ("general", "unique", "average")
_OMITTED_PROPERTIES = frozenset(("time", "distinct_id", "$insert_id"))
"""Properties that all events have; clients observed that ``properties/top`` omits them."""


class EventBreakdown:
    """Handlers for the names, properties and property values of a project's events.

    Properties and values are of the events whose name is the parameter ``event``, or of all events without it. The
    reference requires ``event``, but clients that omit it get a response.
    """

    def __init__(self, event_store: EventStore) -> None:
        self._event_store = event_store

    def names(self, request: QueryRequest) -> list[str]:
        """Return the most common event names, at most ``limit`` (default 255).

        The switch ``event_names_order`` of the project determines their order.
        """
        kind = request.params.choice("type", *_KINDS)
        limit = request.params.integer("limit", least=1, most=_MOST) or 255
        total: Counter[str] = Counter()
        people: dict[str, set[str]] = {}
        for row in self._recent(request):
            total[row.event] += 1
            if kind != "general":
                people.setdefault(row.event, set()).add(row.distinct_id)
        weights = {name: _weight(kind, count, people.get(name, set())) for name, count in total.items()}
        found = sorted(weights, key=lambda name: (-weights[name], name))[:limit]
        order = request.project.switches.event_names_order
        return found if order == "count" else sorted(found, reverse=order == "descending")

    def top_properties(self, request: QueryRequest) -> dict[str, dict[str, int]]:
        """Return the ``limit`` (default 10) most frequent properties: ``{name: {"count": number of events}}``."""
        limit = request.params.integer("limit", least=1, most=10**9) or 10
        counts: Counter[str] = Counter()
        for properties in self._properties(request):
            counts.update(name for name in properties if name not in _OMITTED_PROPERTIES)
        return {name: {"count": count} for name, count in _most_common(counts, limit)}

    def values(self, request: QueryRequest) -> list[str]:
        """Return the ``limit`` (default 255) most frequent values of the property ``name``, as texts."""
        name = request.params.required("name")
        limit = request.params.integer("limit", least=1, most=10**9) or 255
        counts: Counter[str] = Counter()
        for properties in self._properties(request):
            if name in properties:
                counts.update(_texts(json.loads(properties[name])))
        return [text for text, _ in _most_common(counts, limit)]

    def _properties(self, request: QueryRequest) -> Iterator[dict[str, bytes]]:
        """Yield the properties of each recent event with the requested name, by name, as raw JSON texts."""
        event = request.params.text("event")
        for row in self._recent(request):
            if event in ("", row.event):
                try:
                    yield raw_parts(row.line)[1]
                except ValueError:  # a raw line that is not an event
                    continue

    def _recent(self, request: QueryRequest) -> Iterator[Row]:
        """Yield the rows of the last 31 days, including today.

        Raises:
            MixpanelError: 403 if the project's plan includes fewer days.
        """
        today = request.project.today(request.now)
        first = today - timedelta(_DAYS - 1)
        check_history(request.project, first, today)
        for day in self._event_store.days_with_rows(request.project, first, today):
            yield from self._event_store.queried_rows(request.project, day, request.now_ms)


def _weight(kind: str, count: int, people: set[str]) -> float:
    """Return the number by which event names are ranked.

    Args:
        kind: ``general`` for the number of events, ``unique`` for that of users, ``average`` for events per user.
        count: the number of events with the name.
        people: the ``distinct_id``s of these events; not needed for ``general``.
    """
    if kind == "general":
        return count
    return len(people) if kind == "unique" else count / len(people)


def _most_common(counts: Counter[str], limit: int) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit]


def _texts(value: object) -> Iterator[str]:
    """Yield a value as text; for a list, yield each of its values; for null, yield nothing."""
    if isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value
    elif value is not None:
        yield json.dumps(value, ensure_ascii=False)

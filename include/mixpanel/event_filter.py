"""Whether Mixpanel knows the ``events`` of a pipeline and accepts its ``where``.

An export that asks for an unknown event is answered with nothing: a typo would be a green empty day for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import get_close_matches
from itertools import islice

from include.config.model import MixpanelSource
from include.errors import AccessDenied, ConfigError, Throttled
from include.mixpanel.client import MixpanelClient

_MOST_EXPORTS = 10
"""Of the project's 60 an hour; each finds one event that the list of recent names does not have."""
_LONGEST = timedelta(days=365)


@dataclass(frozen=True)
class EventFilter:
    """What was found out; ``unchecked`` names were too many to ask for."""

    found: tuple[str, ...]
    unchecked: tuple[str, ...]


def check_events(client: MixpanelClient, source: MixpanelSource, first: date, last: date) -> EventFilter:
    """Look for each of ``source.events`` in Mixpanel: in the names of the last 31 days, then in an export of one row.

    Only the last year from ``first`` to ``last`` is asked for. The list of names needs a plan with the Query API;
    without it every event takes an export.

    Raises:
        ConfigError: Mixpanel has no such event; the hint has the nearest name that it has.
        PipelineError: see ``include.mixpanel.errors.RULES``.
    """
    known = _recent_names(client)
    first = max(first, last - _LONGEST)
    rare = [name for name in dict.fromkeys(source.events) if name not in known]
    missing = [name for name in rare[:_MOST_EXPORTS] if not _has_row(client, [name], None, first, last)]
    if missing:
        near = {name: get_close_matches(name, known, 1) for name in missing}
        similar = [f"{name!r}: {found[0]!r}" for name, found in near.items() if found]
        raise ConfigError(
            f"Mixpanel has no event {', '.join(map(repr, missing))} from {first} to {last}; days would be green and empty.",
            "Correct mixpanel.events of the pipeline file, upper and lower case included."
            + (f" Similar names: {', '.join(similar)}." if similar else ""),
        )
    unchecked = rare[_MOST_EXPORTS:]
    return EventFilter(tuple(name for name in source.events if name not in unchecked), tuple(unchecked))


def check_where(client: MixpanelClient, source: MixpanelSource, day: date) -> None:
    """Export one row of a day with the pipeline's ``where``.

    Raises:
        RequestRefused: Mixpanel does not accept the expression.
    """
    _has_row(client, source.events, source.where, day, day)


def _recent_names(client: MixpanelClient) -> frozenset[str]:
    try:
        return frozenset(client.event_names())
    except (AccessDenied, Throttled):  # the export API, which every plan has, can answer as well
        return frozenset()


def _has_row(
    client: MixpanelClient, events: Sequence[str], where: str | None, first: date, last: date
) -> bool:
    with client.export(first, last, events=events, where=where, limit=1) as lines:
        return next(islice(lines, 1), None) is not None

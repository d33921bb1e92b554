"""Checks that Mixpanel has the ``events`` of a pipeline and accepts its ``where``.

An export with an unknown event name returns no rows: a typo would produce empty, successful days forever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import get_close_matches
from itertools import islice

from include.config.mixpanel_source import MixpanelSource
from include.errors import AccessDenied, ConfigError, Throttled
from include.mixpanel.client import MixpanelClient

_MOST_EXPORTS = 10
"""Out of the project's 60 an hour; each export checks one event that is not in the list of recent names."""
_LONGEST = timedelta(days=365)


@dataclass(frozen=True)
class EventFilter:
    """The names in ``mixpanel.events`` that Mixpanel has, and those that were not checked to save export requests."""

    found: tuple[str, ...]
    unchecked: tuple[str, ...]


def check_events(client: MixpanelClient, source: MixpanelSource, first: date, last: date) -> EventFilter:
    """Check that each of ``source.events`` is in Mixpanel: in the names of the last 31 days, then in an export of one row.

    The export covers at most the last year from ``first`` to ``last``. The list of names needs a plan with the Query
    API; without it every event needs an export.

    Raises:
        ConfigError: Mixpanel does not have an event; the hint contains the nearest existing name.
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
            f"Mixpanel has no events named {', '.join(map(repr, missing))} between {first} and {last}, so every export "
            "would be empty.",
            "Correct mixpanel.events in the pipeline file; names are case-sensitive."
            + (f" Similar names: {', '.join(similar)}." if similar else ""),
        )
    unchecked = rare[_MOST_EXPORTS:]
    return EventFilter(tuple(name for name in source.events if name not in unchecked), tuple(unchecked))


def check_where(client: MixpanelClient, source: MixpanelSource, day: date) -> None:
    """Check that Mixpanel accepts the pipeline's ``where``, with an export of one row of a day.

    Raises:
        RequestRefused: Mixpanel does not accept the expression.
    """
    _has_row(client, source.events, source.where, day, day)


def _recent_names(client: MixpanelClient) -> frozenset[str]:
    try:
        return frozenset(client.event_names())
    except (AccessDenied, Throttled):  # the export API, which every plan has, is used instead
        return frozenset()


def _has_row(
    client: MixpanelClient, events: Sequence[str], where: str | None, first: date, last: date
) -> bool:
    with client.export(first, last, events=events, where=where, limit=1) as lines:
        return next(islice(lines, 1), None) is not None

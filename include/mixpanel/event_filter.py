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
"""The maximum number of exports for a check, one per event name not used recently; Mixpanel allows 60 per hour."""
_LONGEST = timedelta(days=365)


@dataclass(frozen=True)
class CheckedEvents:
    """The names in ``mixpanel.events`` that exist in Mixpanel, and those not checked, to save export requests."""

    existing: tuple[str, ...]
    unchecked: tuple[str, ...]


def check_events(client: MixpanelClient, source: MixpanelSource, first: date, last: date) -> CheckedEvents:
    """Check that each name in ``source.events`` exists in Mixpanel, and return the result.

    A name exists if it is in Mixpanel's list of the last 31 days, or if an export of one row finds it between ``first``
    and ``last``, both included, of which at most the last 365 days are searched. The list needs a Mixpanel plan with
    the Query API; without the list, every name needs an export. At most 10 names are checked by an export.

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
    return CheckedEvents(tuple(name for name in source.events if name not in unchecked), tuple(unchecked))


def check_where(client: MixpanelClient, source: MixpanelSource, day: date) -> None:
    """Check that Mixpanel accepts the filter expression ``source.where``, with an export of one row of ``day``.

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

"""Checks ``mixpanel.events`` and ``mixpanel.where`` of a pipeline file against the Mixpanel project.

For an event name that does not exist, Mixpanel returns an empty export and no error, so that a misspelled name would
load empty days for ever.
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
"""How many export requests, of the 60 that Mixpanel allows an hour, a check sends at most: one for each name."""
_LONGEST = timedelta(days=365)


@dataclass(frozen=True)
class CheckedEvents:
    """The result of ``check_events``.

    Attributes:
        existing: the names in ``mixpanel.events`` that Mixpanel has.
        unchecked: the names that were not checked, because the check would need too many export requests.
    """

    existing: tuple[str, ...]
    unchecked: tuple[str, ...]


def check_events(client: MixpanelClient, source: MixpanelSource, first: date, last: date) -> CheckedEvents:
    """Check that Mixpanel has events with each of the names in ``source.events``.

    A name is searched in Mixpanel's list of the last 31 days, and then in an export of one event from ``first`` to
    ``last`` (inclusive; at most the last 365 of these days). If the project's plan does not include the list, which
    belongs to the Query API, every name needs an export. At most 10 names are searched by exports.

    Raises:
        ConfigError: Mixpanel has no event with one of the names; the hint contains the most similar existing names.
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
    """Check that Mixpanel accepts the filter expression ``source.where``, by an export of one event of ``day``.

    Raises:
        RequestRefused: Mixpanel does not accept the expression.
    """
    _has_row(client, source.events, source.where, day, day)


def _recent_names(client: MixpanelClient) -> frozenset[str]:
    try:
        return frozenset(client.event_names())
    except (AccessDenied, Throttled):  # the names are then checked by exports, which every plan includes
        return frozenset()


def _has_row(
    client: MixpanelClient, events: Sequence[str], where: str | None, first: date, last: date
) -> bool:
    with client.export(first, last, events=events, where=where, limit=1) as lines:
        return next(islice(lines, 1), None) is not None

"""Instants with a time zone (``datetime``): correct them for daylight saving time, and write them as text."""

from __future__ import annotations

from datetime import UTC, datetime

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def valid_wall_time(moment: datetime) -> datetime:
    """Return a wall-clock time that exists in its time zone.

    A time that is skipped at the start of daylight saving time is moved forward by the gap, as in Java.
    """
    return moment.astimezone(UTC).astimezone(moment.tzinfo)


def write_moment(moment: datetime) -> str:
    """Return an instant as ISO 8601 text, with the name of its zone in brackets, as Java's ZonedDateTime does."""
    text = moment.isoformat(timespec="microseconds")
    day, rest = text[:19], text[26:]
    fraction = text[19:26].rstrip("0").rstrip(".")
    if fraction:
        fraction = fraction.ljust(4, "0") if len(fraction) <= 4 else fraction.ljust(7, "0")
    zone = getattr(moment.tzinfo, "key", "")
    offset = "Z" if rest == "+00:00" else rest
    return f"{day}{fraction}{offset}" + (f"[{zone}]" if zone and zone != "UTC" else "")

"""Conversion of dates and times to numbers, including year 0, which Python's dates cannot represent."""

from __future__ import annotations

import re
from datetime import date

_MOMENT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?"
    r"(?:Z|([+-])([0-9]{2}):([0-9]{2}))"
)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_CYCLE_YEARS, _CYCLE_DAYS = 400, 146_097
"""The period, in years and in days, after which the calendar repeats."""


def epoch_ms(text: str) -> int:
    """Convert a date-time with a zone, such as ``2026-07-01T10:00:00Z``, to epoch milliseconds.

    Raises ValueError for any other text.
    """
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text} is not a date-time.")
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    fraction, sign, zone_hours, zone_minutes = match.groups()[6:]
    shift = (int(zone_hours) * 60 + int(zone_minutes)) * (1 if sign == "+" else -1) if sign else 0
    minutes = (_days(year, month, day) * 24 + hour) * 60 + minute - shift
    return (minutes * 60 + second) * 1000 + int((fraction or "0").ljust(3, "0")[:3])


def epoch_days(text: str) -> int:
    """Convert a date ``YYYY-MM-DD`` to days since 1 January 1970. Raises ValueError for any other text."""
    year, month, day = map(int, text.split("-"))
    return _days(year, month, day)


def _days(year: int, month: int, day: int) -> int:
    """Return the days since 1 January 1970 of a date. Raises ValueError if it is invalid."""
    if year == 0:
        return date(year + _CYCLE_YEARS, month, day).toordinal() - _CYCLE_DAYS - _EPOCH_DAY
    return date(year, month, day).toordinal() - _EPOCH_DAY

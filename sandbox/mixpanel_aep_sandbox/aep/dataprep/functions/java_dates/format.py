"""Formatting of dates by Java's patterns."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from mixpanel_aep_sandbox.aep.dataprep.functions.java_dates.names import (
    DAYS,
    ERAS,
    MONTHS,
    QUARTERS,
    ZONES,
    named,
)
from mixpanel_aep_sandbox.aep.dataprep.functions.java_dates.patterns import Part, pattern_parts
from mixpanel_aep_sandbox.aep.dataprep.functions.moments import ZonedDateTime, offset_text


def write_date(moment: ZonedDateTime, pattern: str) -> str:
    """Format a time, in its own zone, by Java's ``pattern``. Raises EvaluationError for an invalid pattern."""
    return "".join(_text(part, moment) if part.letter else part.text for part in pattern_parts(pattern))


def _text(part: Part, moment: ZonedDateTime) -> str:
    """Format one part of a pattern."""
    letter, count, at = part.letter, part.count, moment.at
    if letter in "yY":
        year = at.year if letter == "y" else at.isocalendar().year
        return f"{year % 100:02d}" if count == 2 else str(year).zfill(count)
    if letter == "S":
        return f"{moment.nanosecond:09d}".ljust(count, "0")[:count]
    if letter in "zZXxVO":
        return _zone(letter, count, at)
    if letter in "EGa" or (letter in "MLQq" and count > 2):
        return _name(letter, count, at)
    return str(_number(letter, at)).zfill(count)


def _name(letter: str, count: int, at: datetime) -> str:
    """Format a letter as a name: a month, quarter, weekday, era, or AM and PM."""
    if letter in "ML":
        return named(MONTHS, at.month, count)
    if letter in "Qq":
        return QUARTERS[quarter(at) - 1] if count == 4 else f"Q{quarter(at)}"
    if letter == "E":
        return named(DAYS, at.isoweekday(), count)
    if letter == "G":
        return ERAS[0] if count < 4 else ERAS[min(count - 3, 2)]
    return "AM" if at.hour < 12 else "PM"


def _number(letter: str, at: datetime) -> int:
    """Return the number that a letter of a pattern means, such as the month for "M"."""
    return {
        "M": at.month,
        "L": at.month,
        "Q": quarter(at),
        "q": quarter(at),
        "w": at.isocalendar().week,
        "W": week_of_month(at),
        "D": at.timetuple().tm_yday,
        "d": at.day,
        "F": (at.day - 1) // 7 + 1,
        "u": at.isoweekday(),
        "H": at.hour,
        "k": at.hour or 24,
        "K": at.hour % 12,
        "h": at.hour % 12 or 12,
        "m": at.minute,
        "s": at.second,
    }[letter]


def quarter(at: datetime) -> int:
    """Return the quarter of a date, 1 to 4."""
    return (at.month - 1) // 3 + 1


def week_of_month(at: datetime) -> int:
    """Return the week of a date in its month, by ISO's rule for years [I].

    Weeks begin on Monday. Week 1 is the first week with at least four days in the month; days before it are in week 0.
    """
    first = at.replace(day=1).isoweekday()
    return (at.day + first - 2) // 7 + (1 if first <= 4 else 0)


def _zone(letter: str, count: int, at: datetime) -> str:
    """Format the zone or the offset of a time by a letter and its count."""
    if letter in "Xx":
        return offset_text(at, letter * min(count, 5))
    if letter == "V":
        return zone_id(at)
    if letter == "z":
        short = at.tzname() if isinstance(at.tzinfo, ZoneInfo) or not at.utcoffset() else None
        if short is None or not short.isalpha():
            return zone_id(at)
        return ZONES.get(short, zone_id(at)) if count == 4 else short
    if letter == "Z" and count < 4:
        return offset_text(at, "xx")
    if letter == "Z" and count == 5:
        return offset_text(at, "XXX")
    if count == 1:  # O
        return _short_offset(at)
    return "GMT" + (offset_text(at, "xxx") if at.utcoffset() else "")


def _short_offset(at: datetime) -> str:
    """Return the offset in Java's short form, such as GMT, GMT+2 or GMT-3:30."""
    seconds = int((at.utcoffset() or timedelta()).total_seconds())
    hours, minutes = divmod(abs(seconds) // 60, 60)
    sign = "-" if seconds < 0 else "+"
    return "GMT" if not seconds else f"GMT{sign}{hours}" + (f":{minutes:02d}" if minutes else "")


def zone_id(at: datetime) -> str:
    """Return the IANA name of a time's zone, such as ``America/Los_Angeles``, or the offset if the zone has no name."""
    return at.tzinfo.key if isinstance(at.tzinfo, ZoneInfo) else offset_text(at, "XXX")

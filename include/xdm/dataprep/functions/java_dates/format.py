"""Write instants as English text by Java's date patterns."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import datetime, timedelta

from include.xdm.dataprep.functions.java_dates.patterns import pattern_parts

_ORDINALS = {1: "1st", 2: "2nd", 3: "3rd", 4: "4th"}


def write_date(moment: datetime, pattern: str) -> str:
    """Return an instant as English text by a Java date pattern, in the zone of the instant.

    Raises:
        ValueError: the pattern is invalid.
    """
    return "".join(p.text or WRITERS[p.letter](moment, p.times) for p in pattern_parts(pattern))


def _number(value: Callable[[datetime], int]) -> Callable[[datetime, int], str]:
    return lambda moment, count: f"{value(moment):0{count}d}"


def _year(value: Callable[[datetime], int]) -> Callable[[datetime, int], str]:
    return lambda moment, count: f"{value(moment) % 100:02d}" if count == 2 else f"{value(moment):0{count}d}"


def _named(number: int, full: str, count: int) -> str:
    if count < 3:
        return f"{number:0{count}d}"
    return {3: full[:3], 5: full[0]}.get(count, full)


def _month(moment: datetime, count: int) -> str:
    return _named(moment.month, calendar.month_name[moment.month], count)


def _weekday(moment: datetime, count: int) -> str:
    return _named(0, calendar.day_name[moment.weekday()], max(count, 3))


def _quarter(moment: datetime, count: int) -> str:
    number = (moment.month + 2) // 3
    if count < 3:
        return f"{number:0{count}d}"
    return {3: f"Q{number}", 4: f"{_ORDINALS[number]} quarter"}.get(count, str(number))


def _era(_: datetime, count: int) -> str:
    return {4: "Anno Domini", 5: "A"}.get(count, "AD")


def _fraction(moment: datetime, count: int) -> str:
    return f"{moment.microsecond:06d}000"[:count].ljust(count, "0")


def _week_of_month(moment: datetime) -> int:
    """Return the number of the week in its month, by ISO rules: week 1 has at least four days of the month."""
    first = moment.replace(day=1).weekday()
    return (moment.day + first - 1) // 7 + (1 if first <= 3 else 0)


def _split(moment: datetime) -> tuple[str, int, int]:
    offset = moment.utcoffset() or timedelta()
    minutes = abs(int(offset.total_seconds())) // 60
    return "-" if offset < timedelta() else "+", minutes // 60, minutes % 60


def _offset(moment: datetime, count: int) -> str:
    sign, hours, minutes = _split(moment)
    if count == 1:
        return f"{sign}{hours:02d}" + (f"{minutes:02d}" if minutes else "")
    return f"{sign}{hours:02d}{':' if count in (3, 5) else ''}{minutes:02d}"


def _offset_or_z(moment: datetime, count: int) -> str:
    return "Z" if not moment.utcoffset() else _offset(moment, count)


def _rfc822(moment: datetime, count: int) -> str:
    if count == 4:
        return _gmt(moment, 4)
    return _offset_or_z(moment, 5) if count == 5 else _offset(moment, 2)


def _gmt(moment: datetime, count: int) -> str:
    sign, hours, minutes = _split(moment)
    if not hours and not minutes:
        return "GMT"
    if count == 4:
        return f"GMT{sign}{hours:02d}:{minutes:02d}"
    return f"GMT{sign}{hours}" + (f":{minutes:02d}" if minutes else "")


def _zone_name(moment: datetime, count: int) -> str:
    """Return the abbreviation of the zone, or its offset from UTC in place of a full name, which is not available."""
    name = moment.tzname() or ""
    if not moment.utcoffset() and name in ("UTC", "GMT"):
        return name
    return name if count < 4 and name.isalpha() else _offset_or_z(moment, 5) if count < 4 else _gmt(moment, 4)


def _zone_id(moment: datetime, _: int) -> str:
    return str(getattr(moment.tzinfo, "key", "") or _offset_or_z(moment, 5))


WRITERS: dict[str, Callable[[datetime, int], str]] = {
    "G": _era,
    "y": _year(lambda m: m.year),
    "Y": _year(lambda m: m.isocalendar().year),
    "M": _month,
    "L": _month,
    "w": _number(lambda m: m.isocalendar().week),
    "W": _number(_week_of_month),
    "D": _number(lambda m: m.timetuple().tm_yday),
    "d": _number(lambda m: m.day),
    "F": _number(lambda m: (m.day - 1) // 7 + 1),
    "E": _weekday,
    "u": _number(lambda m: m.isoweekday()),
    "a": lambda m, _: "AM" if m.hour < 12 else "PM",
    "H": _number(lambda m: m.hour),
    "k": _number(lambda m: m.hour or 24),
    "K": _number(lambda m: m.hour % 12),
    "h": _number(lambda m: m.hour % 12 or 12),
    "m": _number(lambda m: m.minute),
    "s": _number(lambda m: m.second),
    "S": _fraction,
    "z": _zone_name,
    "Z": _rfc822,
    "X": _offset_or_z,
    "x": _offset,
    "V": _zone_id,
    "O": _gmt,
    "Q": _quarter,
    "q": _quarter,
}

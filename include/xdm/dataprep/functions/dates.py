"""Date and time functions (EP:data-prep/functions.md#date-and-time), with a precision of microseconds."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from include.xdm.dataprep.functions.java_dates.format import write_date
from include.xdm.dataprep.functions.java_dates.guess import date_from, guess_date, parse_moment
from include.xdm.dataprep.functions.java_dates.parse import parse_date, pattern_regex
from include.xdm.dataprep.functions.java_dates.patterns import pattern_parts
from include.xdm.dataprep.functions.moments import EPOCH, valid_wall_time
from include.xdm.dataprep.functions.registry import Function, optional, required
from include.xdm.dataprep.functions.values import Json, is_string, text_of
from include.xdm.dataprep.functions.zones import zone_named
from include.xdm.dataprep.language.errors import Failure
from include.xdm.dataprep.language.types import Type
from include.xdm.dataprep.sql_values import EvaluationContext, SqlValue, text_literal

CATEGORY = "Date and time"
_JAVA = "Java's date patterns and zones"


def now(around: EvaluationContext, _: Sequence[SqlValue]) -> tuple[str, str | None]:
    """Return SQL for the time when the events of the day were exported."""
    return text_literal(around.now), None


def timestamp(around: EvaluationContext, _: Sequence[SqlValue]) -> tuple[str, str | None]:
    """Return SQL for the time when the events of the day were exported, in milliseconds since 1970."""
    return f"epoch_ms({text_literal(around.now)}::TIMESTAMPTZ)", None


def date(value: Json | None, pattern: str, default: datetime | None) -> datetime | None:
    """Convert a value to an instant, by a Java date pattern if ``pattern`` is not empty; null gives ``default``."""
    if value is None:
        return default
    if pattern:
        return parse_date(text_of(value).strip(), pattern)
    return parse_moment(text_of(value), fraction=False) if is_string(value) else date_from(value)


@lru_cache(4096)
def date_or_none(text: str) -> datetime | None:
    """Parse a text, which a mapping copies to a date field, by Data Prep's own patterns; return None if none fits.

    The patterns are in EP:data-prep/data-handling.md#dates.
    """
    try:
        return guess_date(text)
    except ValueError:
        return None


def format_date(moment: datetime, pattern: str) -> str:
    """Format an instant by a Java date pattern."""
    return write_date(moment, pattern)


def dformat(milliseconds: int, pattern: str) -> str:
    """Format milliseconds since 1970 by a Java date pattern, in UTC."""
    return write_date(EPOCH + timedelta(milliseconds=milliseconds), pattern)


def date_part(component: str, moment: datetime) -> int:
    """Return a component of an instant, such as its month, as an integer; ``component``: its name."""
    return _part(component)[1](moment)


def set_date_part(component: str, value: int, moment: datetime) -> datetime:
    """Change one component of an instant; as in Java, a day after the end of the month is set to its last day."""
    part = _settable(component)
    if part in ("year", "month"):
        year, month = (value, moment.month) if part == "year" else (moment.year, value)
        if not 1 <= month <= 12:
            raise Failure("the month does not exist")
        day = min(moment.day, calendar.monthrange(year, month)[1])
        return valid_wall_time(moment.replace(year=year, month=month, day=day))
    return valid_wall_time(moment.replace(**{part: value}))  # type: ignore[arg-type]


def make_date_time(
    year: int, month: int, day: int, hour: int, minute: int, second: int, nanosecond: int, place: str
) -> datetime:
    """Return the instant of a wall-clock time in a zone; ``place``: the name of the zone."""
    if not 0 <= nanosecond <= 999_999_999:
        raise Failure("the nanoseconds are not below a second")
    return valid_wall_time(
        datetime(year, month, day, hour, minute, second, nanosecond // 1000, zone_named(place))
    )


def zone_date_to_utc(moment: datetime) -> datetime:
    """Convert an instant to the zone UTC."""
    return moment.astimezone(UTC)


def zone_date_to_zone(moment: datetime, place: str) -> datetime:
    """Convert an instant to a zone; ``place``: the name of the zone."""
    return moment.astimezone(zone_named(place))


_PARTS: list[tuple[str, tuple[str, ...], Callable[[datetime], int]]] = [
    ("year", ("yyyy", "yy"), lambda m: m.year),
    ("quarter", ("qq", "q"), lambda m: (m.month + 2) // 3),
    ("month", ("mm", "m"), lambda m: m.month),
    ("dayofyear", ("dy", "y"), lambda m: m.timetuple().tm_yday),
    ("day", ("dd", "d"), lambda m: m.day),
    ("week", ("ww", "w"), lambda m: m.isocalendar().week),
    ("weekday", ("dw",), lambda m: m.isoweekday()),  # the document has "w" here and for the week
    ("hour", ("hh", "hh24"), lambda m: m.hour),
    ("hour of twelve", ("hh12",), lambda m: m.hour % 12 or 12),
    ("minute", ("mi", "n"), lambda m: m.minute),
    ("second", ("ss", "s"), lambda m: m.second),
    ("millisecond", ("sss",), lambda m: m.microsecond // 1000),
]
_BY_NAME = {name: (part, take) for part, names, take in _PARTS for name in (part, *names)}
_SETTABLE = ("year", "month", "day", "hour", "minute", "second")


def _part(component: str) -> tuple[str, Callable[[datetime], int]]:
    try:
        return _BY_NAME[component.lower()]
    except KeyError:
        raise ValueError(f"{component!r} is not one of {', '.join(_BY_NAME)}") from None


def _settable(component: str) -> str:
    part = _part(component)[0]
    if part not in _SETTABLE:
        raise ValueError(f"{component!r} is not one of {', '.join(_SETTABLE)}")
    return part


_DATE = required("DATE", Type.DATE)
_FORMAT = required("FORMAT", Type.STRING, check=pattern_parts)
_COMPONENT = required("COMPONENT", Type.STRING, check=_part)
_NUMBERS = tuple(required(name, Type.INTEGER) for name in ("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", "NANOSECOND"))  # fmt: skip
_LATE = "2019-10-23T11:24:00Z"

FUNCTIONS = [
    Function(
        "now", CATEGORY, (), Type.DATE, special=now,
        note="The time of the day's export, so that a repeated step gives the same rows.",
    ),
    Function("timestamp", CATEGORY, (), Type.INTEGER, special=timestamp, note="now() in milliseconds."),
    Function(
        "date", CATEGORY,
        (required("DATE", Type.ANY, nullable=True), optional("FORMAT", Type.STRING, "", check=pattern_regex),
         optional("DEFAULT_DATE", Type.DATE, "null", nullable=True)),
        Type.DATE, python=date, because=_JAVA,
        note="Without FORMAT: ISO 8601, the first of Data Prep's 18 patterns that fits, or a number of milliseconds. Without a "
        "zone it is UTC, and a fraction of a second is dropped.",
        examples=(
            ('date("2019-10-23 11:24", "yyyy-MM-dd HH:mm", now())', _LATE),
            ('date("2019-10-23 11:24", "yyyy-MM-dd HH:mm")', _LATE),
            ('date("2019-10-23 11:24")', _LATE),
        ),
    ),
    Function(
        "format", CATEGORY, (_DATE, _FORMAT), Type.STRING, python=format_date, because=_JAVA,
        examples=(('format("2019-10-23T11:24:35+00:00", "yyyy-MM-dd HH:mm:ss")', "2019-10-23 11:24:35"),),
    ),
    Function(
        "dformat", CATEGORY, (required("TIMESTAMP", Type.INTEGER), _FORMAT), Type.STRING, python=dformat, because=_JAVA,
        note="The timestamp is in milliseconds, the result in UTC.",
        examples=(("dformat(1571829875000, \"yyyy-MM-dd'T'HH:mm:ss.SSSX\")", "2019-10-23T11:24:35.000Z"),),
    ),
    Function(
        "date_part", CATEGORY, (_COMPONENT, _DATE), Type.INTEGER, python=date_part, because=_JAVA,
        note="Components in lower or upper case; weeks are ISO weeks, weekday 1 is Monday, w is the week.",
        examples=(('date_part("MM", date("2019-10-17 11:55:12"))', 10),),
    ),
    Function(
        "set_date_part", CATEGORY,
        (required("COMPONENT", Type.STRING, check=_settable), required("VALUE", Type.INTEGER), _DATE), Type.DATE,
        python=set_date_part, because=_JAVA,
        examples=(('set_date_part("m", 4, date("2016-11-09T11:44:44.797"))', "2016-04-09T11:44:44Z"),),
    ),
    Function(
        "make_date_time", CATEGORY, (*_NUMBERS, required("TIMEZONE", Type.STRING, check=zone_named)), Type.DATE,
        python=make_date_time, because=_JAVA, other_names=("make_timestamp",),
        examples=(('make_date_time(2019, 10, 17, 11, 55, 12, 999, "America/Los_Angeles")', "2019-10-17T11:55:12-07:00"),),
    ),
    Function(
        "zone_date_to_utc", CATEGORY, (_DATE,), Type.DATE, python=zone_date_to_utc, because=_JAVA,
        examples=(('zone_date_to_utc("2019-10-17T11:55:12 PST")', "2019-10-17T19:55:12Z"),),
    ),
    Function(
        "zone_date_to_zone", CATEGORY, (_DATE, required("ZONE", Type.STRING, check=zone_named)), Type.DATE,
        python=zone_date_to_zone, because=_JAVA,
        examples=(('zone_date_to_zone("2021-10-26T13:43:59Z", "Europe/Paris")', "2021-10-26T15:43:59+02:00"),),
    ),
]  # fmt: skip

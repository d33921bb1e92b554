"""Data Prep functions of dates and times. A time without a zone is in UTC, as in all of Adobe's examples."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime

from mixpanel_aep_sandbox.aep.dataprep.functions.java_dates.format import quarter, write_date
from mixpanel_aep_sandbox.aep.dataprep.functions.java_dates.guess import date_from, guess_without_fraction
from mixpanel_aep_sandbox.aep.dataprep.functions.java_dates.parse import parse_date
from mixpanel_aep_sandbox.aep.dataprep.functions.moments import ZonedDateTime
from mixpanel_aep_sandbox.aep.dataprep.functions.registry import Evaluate, Parameter, function, lazy_function
from mixpanel_aep_sandbox.aep.dataprep.functions.values import Value, text_of
from mixpanel_aep_sandbox.aep.dataprep.functions.zones import zone_named
from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError
from mixpanel_aep_sandbox.aep.dataprep.language.scope import Scope
from mixpanel_aep_sandbox.aep.dataprep.language.tree import Node

_DATES = "Date / Time"
_DATE = Parameter("DATE", "date", "The date.")
_FORMAT = Parameter("FORMAT", "string", "A date pattern of Java's DateTimeFormatter.")


@lazy_function(_DATES, "The current time.", returns="date", example=("now()", "2021-10-26T10:10:24Z"))
def now(_arguments: tuple[Node, ...], scope: Scope, _evaluate: Evaluate) -> ZonedDateTime:
    """Return the current time in UTC."""
    return ZonedDateTime.of_milliseconds(scope.now_milliseconds())


@lazy_function(
    _DATES,
    "The current time in milliseconds since 1970.",
    returns="integer",
    example=("timestamp()", "1571850624571"),
)
def timestamp(_arguments: tuple[Node, ...], scope: Scope, _evaluate: Evaluate) -> int:
    """Return the current time in epoch milliseconds."""
    return scope.now_milliseconds()


@function(
    _DATES,
    "Formats a date as text.",
    _DATE,
    _FORMAT,
    names=("format",),
    returns="string",
    example=('format(date("2019-10-23T11:24:35.000Z"), "yyyy-MM-dd HH:mm:ss")', "2019-10-23 11:24:35"),
)
def format_date(moment: ZonedDateTime, pattern: str) -> str:
    """Format a date in its own time zone by Java's ``pattern``."""
    return write_date(moment, pattern)


@function(
    _DATES,
    "Formats milliseconds since 1970 as text, in UTC.",
    Parameter("TIMESTAMP", "integer", "Milliseconds since 1970."),
    _FORMAT,
    returns="string",
    example=("dformat(1571829875000, \"yyyy-MM-dd'T'HH:mm:ss.SSSX\")", "2019-10-23T11:24:35.000Z"),
)
def dformat(milliseconds: int, pattern: str) -> str:
    """Format epoch milliseconds in UTC by Java's ``pattern``."""
    return write_date(ZonedDateTime.of_milliseconds(milliseconds), pattern)


@function(
    _DATES,
    "Parses a text as a date; the result is a default if the text is null.",
    Parameter("DATE", "any", "The text.", nullable=True),
    Parameter(
        "FORMAT", "string", "The pattern of the text; by default the known ones are tried.", required=False
    ),
    Parameter("DEFAULT_DATE", "date", "The value for null.", required=False, nullable=True),
    returns="date",
    example=('date("2019-10-23 11:24", "yyyy-MM-dd HH:mm")', "2019-10-23T11:24:00Z"),
)
def date(value: Value, pattern: str | None = None, default: ZonedDateTime | None = None) -> Value:
    """Parse a value as a date: by ``pattern`` if it is given, otherwise by the known formats; ``default`` for null.

    Raises EvaluationError if no format matches.
    """
    if value is None:
        return default
    if pattern is not None:
        return parse_date(text_of(value).strip(), pattern)
    return guess_without_fraction(value) if isinstance(value, str) else date_from(value)


_PARTS = {
    **dict.fromkeys(("year", "yyyy", "yy"), "year"),
    **dict.fromkeys(("quarter", "qq", "q"), "quarter"),
    **dict.fromkeys(("month", "mm", "m"), "month"),
    **dict.fromkeys(("dayofyear", "dy", "y"), "dayofyear"),
    **dict.fromkeys(("day", "dd", "d"), "day"),
    **dict.fromkeys(("week", "ww", "w"), "week"),  # Adobe's list has "w" for the week and for the weekday
    **dict.fromkeys(("weekday", "dw"), "weekday"),
    **dict.fromkeys(("hour", "hh", "hh24"), "hour"),
    "hh12": "hour12",
    **dict.fromkeys(("minute", "mi", "n"), "minute"),
    **dict.fromkeys(("second", "ss", "s"), "second"),
    **dict.fromkeys(("millisecond", "sss"), "millisecond"),
}
_SETTABLE = ("year", "month", "day", "hour", "minute", "second")
_COMPONENT = Parameter(
    "COMPONENT", "string", "The name of the part: year, month, day, hour, minute, second, ..."
)


def _part(component: str) -> str:
    """Return the full name of a date component, such as "month" for "mm". Raises EvaluationError for an unknown name.

    Upper and lower case are equivalent: Adobe's example has "MM" where the list has "mm".
    """
    part = _PARTS.get(component.lower())
    if part is None:
        raise EvaluationError(f"COMPONENT must be one of {', '.join(_PARTS)}.")
    return part


@function(
    _DATES,
    "One part of a date; weeks are ISO weeks, and Monday is day 1.",
    _COMPONENT,
    _DATE,
    returns="integer",
    example=('date_part("MM", date("2019-10-17 11:55:12"))', "10"),
)
def date_part(component: str, moment: ZonedDateTime) -> int:
    """Return one part of a date as an integer, in the date's own time zone; weeks are ISO weeks, Monday is 1."""
    at = moment.at
    parts = {
        "year": at.year,
        "quarter": quarter(at),
        "month": at.month,
        "dayofyear": at.timetuple().tm_yday,
        "day": at.day,
        "week": at.isocalendar().week,
        "weekday": at.isoweekday(),
        "hour": at.hour,
        "hour12": at.hour % 12 or 12,
        "minute": at.minute,
        "second": at.second,
        "millisecond": moment.nanosecond // 1_000_000,
    }
    return parts[_part(component)]


@function(
    _DATES,
    "A date with another value for one of its parts.",
    _COMPONENT,
    Parameter("VALUE", "integer", "The value."),
    _DATE,
    returns="date",
    example=('set_date_part("m", 4, date("2016-11-09T11:44:44.797"))', '"2016-04-09T11:44:44Z"'),
)
def set_date_part(component: str, value: int, moment: ZonedDateTime) -> ZonedDateTime:
    """Return a date with one part replaced, as by Java's ``withYear`` and ``withMonth``.

    If the day does not exist in the new month, the result has the last day of that month.
    """
    part = _part(component)
    if part not in _SETTABLE:
        raise EvaluationError(f"set_date_part() can set only {', '.join(_SETTABLE)}.")
    fields = {name: getattr(moment.at, name) for name in _SETTABLE} | {part: value}
    if part in ("year", "month") and 1 <= fields["year"] <= 9999 and 1 <= fields["month"] <= 12:
        fields["day"] = min(fields["day"], calendar.monthrange(fields["year"], fields["month"])[1])
    return _make_moment(fields, moment.nanosecond, moment.at)


def _make_moment(fields: dict[str, int], nanosecond: int, like: datetime) -> ZonedDateTime:
    """Return the local time with the given fields in the zone of ``like``. Raises EvaluationError if it is invalid."""
    try:
        moment = datetime(**fields, tzinfo=like.tzinfo)
        return ZonedDateTime(moment.astimezone(UTC).astimezone(like.tzinfo), nanosecond)
    except (ValueError, OverflowError) as error:
        raise EvaluationError("The date does not exist.") from error


@function(
    _DATES,
    "A date from its parts.",
    *(Parameter(name, "integer") for name in ("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND")),
    Parameter("NANOSECOND", "integer", "0 to 999999999."),
    Parameter("TIMEZONE", "string", "The name of a zone."),
    names=("make_date_time", "make_timestamp"),
    returns="date",
    example=(
        'make_date_time(2019, 10, 17, 11, 55, 12, 999, "America/Los_Angeles")',
        "2019-10-17T11:55:12.000000999-07:00",
    ),
)
def make_date_time(
    year: int, month: int, day: int, hour: int, minute: int, second: int, nanosecond: int, zone: str
) -> ZonedDateTime:
    """Return the time with the given local date and clock time in a time zone."""
    if not 0 <= nanosecond <= 999_999_999:
        raise EvaluationError("NANOSECOND must be from 0 to 999999999.")
    like = datetime(2000, 1, 1, tzinfo=zone_named(zone))
    return _make_moment(
        dict(zip(_SETTABLE, (year, month, day, hour, minute, second), strict=True)), nanosecond, like
    )


@function(
    _DATES,
    "The same instant in UTC.",
    _DATE,
    returns="date",
    example=(
        'zone_date_to_utc("2019-10-17T11:55:12 PST")',
        "2019-10-17T19:55:12Z",
    ),
)
def zone_date_to_utc(moment: ZonedDateTime) -> ZonedDateTime:
    """Return the same instant in UTC."""
    return moment.in_zone(UTC)


@function(
    _DATES,
    "The same instant in a time zone.",
    _DATE,
    Parameter("ZONE", "string", "The name of a zone."),
    returns="date",
    example=('zone_date_to_zone(now(), "Europe/Paris")', "2021-10-26T15:43:59+02:00"),
)
def zone_date_to_zone(moment: ZonedDateTime, zone: str) -> ZonedDateTime:
    """Return the same instant in the time zone ``zone``."""
    return moment.in_zone(zone_named(zone))

"""Texts as instants: by a given pattern, or by the first of Data Prep's patterns that fits."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from include.xdm.dataprep.functions.java_dates import reader
from include.xdm.dataprep.functions.registry import Failure
from include.xdm.dataprep.functions.values import Json, is_string, number, text_of
from include.xdm.dataprep.functions.zones import zone

TRIED = (
    "yyyy-MM-dd HH:mm:ssZ", "yyyy-MM-dd HH:mm:ss.SSSZ", "yyyy-MM-dd HH:mm:ss.SSS", "yyyy-MM-dd'T'HH:mm:ss.SSSX",
    "yyyy-MM-dd'T'HH:mm:ss'Z'", "yyyy-MM-dd", "yyyy/MM/dd", "yyyy.MM.dd", "yyyy-MMM-dd", "yyyyMMdd", "MM-dd-yyyy", "MMddyyyy",
    "M/dd/yyyy", "dd.M.yyyy", "M/dd/yyyy hh:mm:ss a", "dd.M.yyyy hh:mm:ss a", "dd.MMM.yyyy", "dd-MMM-yyyy",
)  # fmt: skip
"""The patterns in the order in which they are tried (EP:data-prep/data-handling.md#dates)."""

# ISO 8601; the examples of date() and date_part() also have texts without a zone or without seconds.
_ISO = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?"
    r"\s?(Z|[+-]\d{2}(?::?\d{2}){0,2}|[A-Z]{2,4})?(?:\[([^\]]+)\])?",
    re.ASCII,
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(value: Json) -> datetime:
    """Return a value as an instant: a text, or a number of milliseconds, as XDM reads a long for a date.

    Raises:
        Failure: the value is not a date.
    """
    if is_string(value):
        return parse_moment(text_of(value))
    found = number(value)
    if not isinstance(found, int):
        raise Failure("it is not a date")
    return EPOCH + timedelta(milliseconds=found)


def parse_moment(text: str, *, fraction: bool = True) -> datetime:
    """Return the instant of a text without a given pattern; without a zone it is in UTC.

    ``fraction``: False drops the fraction of a second of a time without a zone, as date() does
    (EP:data-prep/data-handling.md#format).

    Raises:
        Failure: no pattern fits.
    """
    text = text.strip()
    if match := _ISO.fullmatch(text):
        *numbers, digits, offset, region = match.groups()
        year, month, day, hour, minute, second = (int(number or 0) for number in numbers)
        micros = int((digits or "").ljust(6, "0")[:6]) if fraction or offset else 0
        moment = datetime(year, month, day, hour, minute, second, micros, zone(offset or "UTC"))
        return moment.astimezone(zone(region)) if region else moment
    return guess(text)


def guess(text: str) -> datetime:
    """Return the instant by the first of Data Prep's patterns that fits.

    Raises:
        Failure: no pattern fits.
    """
    for pattern in TRIED if text[:1].isdecimal() and len(text) < 40 else ():
        try:
            return read(text, pattern)
        except ValueError:
            continue
    raise Failure("no date pattern fits")


def read(text: str, pattern: str) -> datetime:
    """Return the instant by a pattern; the defaults are January 1, midnight and UTC.

    Raises:
        ValueError: the text does not fit, or is not a day of the calendar.
    """
    expression, letters = reader(pattern)
    match = expression.fullmatch(text)
    if match is None:
        raise Failure("the date does not fit its pattern")
    fields: dict[str, str] = {}
    for piece, value in zip(letters, match.groups(), strict=True):
        fields[{"L": "M"}.get(piece.letter, piece.letter)] = value
    place = next((fields[letter] for letter in "XxZzVO" if letter in fields), "UTC")
    where = zone(place.upper() if place.upper() in ("Z", "GMT") else place)
    moment = datetime(_year(fields), _month(fields), int(fields.get("d", 1)), _hour(fields), int(fields.get("m", 0)),
                      int(fields.get("s", 0)), int(fields.get("S", "0").ljust(6, "0")[:6]), where)  # fmt: skip
    if "D" in fields:
        moment = moment.replace(month=1, day=1) + timedelta(days=int(fields["D"]) - 1)
    return valid_wall_time(moment)


def valid_wall_time(moment: datetime) -> datetime:
    """Return a valid wall-clock time.

    A time that does not exist in spring is moved forward by the gap, as in Java.
    """
    return moment.astimezone(UTC).astimezone(moment.tzinfo)


def _year(fields: dict[str, str]) -> int:
    year = fields["y"]
    return 2000 + int(year) if len(year) == 2 else int(year)


def _month(fields: dict[str, str]) -> int:
    month = fields.get("M", "1")
    names = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
    return int(month) if month.isdigit() else names.index(month[:3].lower()) + 1


def _hour(fields: dict[str, str]) -> int:
    if "H" in fields:
        return int(fields["H"])
    if "k" in fields:
        return int(fields["k"]) % 24
    hour = fields.get("h", fields.get("K"))
    if hour is None:
        return 0
    if int(hour) > 12:
        raise Failure("the hour is above 12")
    return int(hour) % 12 + (12 if fields.get("a", "AM").upper() == "PM" else 0)

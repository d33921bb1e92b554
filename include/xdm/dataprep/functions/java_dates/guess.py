"""Convert texts and numbers to instants without a given date pattern (EP:data-prep/data-handling.md#dates)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from include.xdm.dataprep.functions.java_dates.parse import parse_date
from include.xdm.dataprep.functions.moments import EPOCH
from include.xdm.dataprep.functions.values import Json, is_string, number, text_of
from include.xdm.dataprep.functions.zones import zone_named
from include.xdm.dataprep.language.errors import Failure

DOCUMENTED = (
    "yyyy-MM-dd HH:mm:ssZ", "yyyy-MM-dd HH:mm:ss.SSSZ", "yyyy-MM-dd HH:mm:ss.SSS", "yyyy-MM-dd'T'HH:mm:ss.SSSX",
    "yyyy-MM-dd'T'HH:mm:ss'Z'", "yyyy-MM-dd", "yyyy/MM/dd", "yyyy.MM.dd", "yyyy-MMM-dd", "yyyyMMdd", "MM-dd-yyyy", "MMddyyyy",
    "M/dd/yyyy", "dd.M.yyyy", "M/dd/yyyy hh:mm:ss a", "dd.M.yyyy hh:mm:ss a", "dd.MMM.yyyy", "dd-MMM-yyyy",
)  # fmt: skip
"""Data Prep's own date patterns, in the order in which they are tried (EP:data-prep/data-handling.md#dates)."""

# ISO 8601; the examples of date() and date_part() also have texts without a zone or without seconds.
_ISO = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?"
    r"\s?(Z|[+-]\d{2}(?::?\d{2}){0,2}|[A-Z]{2,4})?(?:\[([^\]]+)\])?",
    re.ASCII,
)


def date_from(value: Json) -> datetime:
    """Convert a JSON value to an instant: a text, or an integer as milliseconds since 1970, as XDM reads a long.

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
    """Parse a text as an instant, in UTC if it has no zone: ISO 8601, or the first of Data Prep's patterns that fits.

    ``fraction``: False drops the fraction of a second if the text has no zone, as the Data Prep function date() does
    (EP:data-prep/data-handling.md#format).

    Raises:
        Failure: no pattern fits.
    """
    text = text.strip()
    if match := _ISO.fullmatch(text):
        *numbers, digits, offset, region = match.groups()
        year, month, day, hour, minute, second = (int(number or 0) for number in numbers)
        micros = int((digits or "").ljust(6, "0")[:6]) if fraction or offset else 0
        moment = datetime(year, month, day, hour, minute, second, micros, zone_named(offset or "UTC"))
        return moment.astimezone(zone_named(region)) if region else moment
    return guess_date(text)


def guess_date(text: str) -> datetime:
    """Parse a text as an instant by the first of Data Prep's own patterns (``DOCUMENTED``) that fits.

    Raises:
        Failure: no pattern fits.
    """
    for pattern in DOCUMENTED if text[:1].isdecimal() and len(text) < 40 else ():
        try:
            return parse_date(text, pattern)
        except ValueError:
            continue
    raise Failure("no date pattern fits")

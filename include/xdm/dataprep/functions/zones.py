"""Find time zones by the names that dates contain."""

from __future__ import annotations

import re
from datetime import UTC, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

# An abbreviation is an offset in all seasons: zone_date_to_utc of 11:55:12 PST on an October day is 19:55:12Z
# (EP:data-prep/functions.md).
ABBREVIATIONS = {
    "UTC": 0.0, "UT": 0.0, "GMT": 0.0, "Z": 0.0, "WET": 0.0, "WEST": 1.0, "BST": 1.0, "CET": 1.0, "CEST": 2.0, "EET": 2.0,
    "EEST": 3.0, "MSK": 3.0, "IST": 5.5, "JST": 9.0, "KST": 9.0, "AWST": 8.0, "ACST": 9.5, "AEST": 10.0, "AEDT": 11.0,
    "NZST": 12.0, "NZDT": 13.0, "AST": -4.0, "ADT": -3.0, "EST": -5.0, "EDT": -4.0, "CST": -6.0, "CDT": -5.0, "MST": -7.0,
    "MDT": -6.0, "PST": -8.0, "PDT": -7.0, "AKST": -9.0, "AKDT": -8.0, "HST": -10.0,
}  # fmt: skip

_OFFSET = re.compile(r"(?:UTC|GMT|UT)?([+-])(\d{1,2})(?::?(\d{2}))?(?::?(\d{2}))?")


@lru_cache(1024)
def zone_named(name: str) -> tzinfo:
    """Return the time zone of an IANA name, an offset from UTC such as ``+02:00``, or an abbreviation such as ``PST``.

    Raises:
        ValueError: the name is unknown.
    """
    text = name.strip()
    if text.upper() in ABBREVIATIONS:
        hours = ABBREVIATIONS[text.upper()]
        return timezone(timedelta(hours=hours)) if hours else UTC
    if match := _OFFSET.fullmatch(text):
        sign, hours, minutes, seconds = match[1], int(match[2]), int(match[3] or 0), int(match[4] or 0)
        offset = timedelta(hours=hours, minutes=minutes, seconds=seconds)
        if minutes > 59 or seconds > 59 or offset > timedelta(hours=18):
            raise ValueError(f"{name!r} is not an offset")
        return timezone(-offset if sign == "-" else offset) if offset else UTC
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is not a time zone") from None

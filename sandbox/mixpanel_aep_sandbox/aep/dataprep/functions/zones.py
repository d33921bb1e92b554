"""Lookup of time zones by the names and offsets that texts of dates contain."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError


@lru_cache(maxsize=512)
def zone_named(name: str) -> tzinfo:
    """Return a time zone by its IANA name, its offset (``+02:00``, ``GMT+2``) or its short name in Java (``PST``).

    Raises:
        EvaluationError: The zone is unknown.
    """
    stripped = name.strip()
    hours = _HOURS.get(stripped.upper())
    if hours is not None:
        return timezone(timedelta(hours=hours)) if hours else UTC
    offset = _offset(stripped)
    if offset is not None:
        return offset
    try:
        return ZoneInfo(stripped)
    except (ValueError, OSError, LookupError) as error:
        raise EvaluationError("The time zone is unknown.") from error


_HOURS = {
    "Z": 0.0, "UTC": 0.0, "GMT": 0.0, "UT": 0.0, "WET": 0.0, "WEST": 1.0, "BST": 1.0, "CET": 1.0, "CEST": 2.0,
    "EET": 2.0, "EEST": 3.0, "MSK": 3.0, "IST": 5.5, "JST": 9.0, "AEST": 10.0, "AEDT": 11.0, "NZST": 12.0,
    "NZDT": 13.0, "EST": -5.0, "EDT": -4.0, "CST": -6.0, "CDT": -5.0, "MST": -7.0, "MDT": -6.0, "PST": -8.0,
    "PDT": -7.0, "AKST": -9.0, "AKDT": -8.0, "HST": -10.0,
}  # fmt: skip
"""Short names of zones and their offsets from UTC in hours. A short name has the same offset all year: Adobe's sample
converts ``2019-10-17T11:55:12 PST`` to 19:55:12Z, although daylight saving time is in effect on that date."""


def _offset(text: str) -> timezone | None:
    """Parse an offset such as ``+02:00``, ``GMT+2`` or ``-0330``; None for any other text."""
    for prefix in ("UTC", "GMT", "UT"):
        if text.startswith(prefix) and len(text) > len(prefix):
            text = text[len(prefix) :]
    sign, digits = text[:1], text[1:].replace(":", "")
    if (
        sign not in ("+", "-")
        or not (digits.isascii() and digits.isdigit())
        or len(digits) not in (1, 2, 4, 6)
    ):
        return None
    digits = digits.rjust(2, "0").ljust(6, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:4]) * 60 + int(digits[4:])
    if seconds > 18 * 3600 or int(digits[2:4]) > 59 or int(digits[4:]) > 59:
        return None
    return timezone(timedelta(seconds=-seconds if sign == "-" else seconds))

"""Times with a zone and nanoseconds, as Java's ZonedDateTime."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class ZonedDateTime:
    """A time with a zone, to the nanosecond."""

    at: datetime
    """With a zone, in whole seconds."""
    nanosecond: int = 0

    @classmethod
    def of(cls, moment: datetime) -> ZonedDateTime:
        """Return the time of a datetime with a zone."""
        return cls(moment.replace(microsecond=0), moment.microsecond * 1000)

    @classmethod
    def of_milliseconds(cls, milliseconds: int) -> ZonedDateTime:
        """Return the time in UTC. Raises EvaluationError outside of the years 1 to 9999."""
        try:
            seconds, left = divmod(milliseconds, 1000)
            return cls(_EPOCH + timedelta(seconds=seconds), left * 1_000_000)
        except OverflowError as error:
            raise EvaluationError("The time is outside of the years 1 to 9999.") from error

    def in_zone(self, zone: tzinfo) -> ZonedDateTime:
        """Return the same instant in another zone."""
        try:
            return ZonedDateTime(self.at.astimezone(zone), self.nanosecond)
        except (OverflowError, ValueError) as error:
            raise EvaluationError("The time is outside of the years 1 to 9999.") from error

    @property
    def instant(self) -> tuple[datetime, int]:
        """Return the time in UTC and its nanoseconds, to compare instants."""
        return self.in_zone(UTC).at, self.nanosecond

    def iso(self) -> str:
        """Return ISO 8601: without a fraction of 0, and with Z for UTC."""
        moment = self.at.replace(tzinfo=None).isoformat(timespec="seconds")
        digits = f"{self.nanosecond:09d}"
        while digits.endswith("000"):
            digits = digits[:-3]
        return moment + ("." + digits if digits else "") + offset_text(self.at, "XXX")

    def day(self) -> str:
        """Return the local date."""
        return self.at.date().isoformat()


def offset_text(moment: datetime, pattern: str) -> str:
    """Return the offset in one of Java's patterns of X or x."""
    offset = moment.utcoffset() or timedelta()
    seconds = int(offset.total_seconds())
    if pattern[0] == "X" and seconds == 0:
        return "Z"
    sign, seconds = ("-" if seconds < 0 else "+"), abs(seconds)
    hours, minutes, left = seconds // 3600, seconds // 60 % 60, seconds % 60
    colon = ":" if len(pattern) in (3, 5) else ""
    text = f"{sign}{hours:02d}"
    if len(pattern) > 1 or minutes:
        text += f"{colon}{minutes:02d}"
    return text + (f"{colon}{left:02d}" if len(pattern) > 3 and left else "")


@lru_cache(maxsize=512)
def zone_named(name: str) -> tzinfo:
    """Return a zone by its IANA name, an offset (``+02:00``, ``GMT+2``) or one of Java's short names.

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
"""Short names are offsets: Adobe's sample converts ``2019-10-17T11:55:12 PST`` to 19:55:12Z, during daylight saving
time."""


def _offset(text: str) -> timezone | None:
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

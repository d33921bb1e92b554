"""Times with a zone and nanoseconds, as Java's ZonedDateTime."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

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

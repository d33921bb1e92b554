"""Times with a time zone and nanoseconds, like Java's ZonedDateTime."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class ZonedDateTime:
    """A time with a time zone, to the nanosecond."""

    at: datetime
    """The time to the second, with its zone; its microsecond is 0."""
    nanosecond: int = 0

    @classmethod
    def of(cls, moment: datetime) -> ZonedDateTime:
        """Convert Python's datetime, which must have a time zone, to a ``ZonedDateTime``."""
        return cls(moment.replace(microsecond=0), moment.microsecond * 1000)

    @classmethod
    def of_milliseconds(cls, milliseconds: int) -> ZonedDateTime:
        """Convert epoch milliseconds to a ``ZonedDateTime`` in UTC.

        Raises:
            EvaluationError: the time is outside of the years 1 to 9999.
        """
        try:
            seconds, left = divmod(milliseconds, 1000)
            return cls(_EPOCH + timedelta(seconds=seconds), left * 1_000_000)
        except OverflowError as error:
            raise EvaluationError("The time is outside of the years 1 to 9999.") from error

    def in_zone(self, zone: tzinfo) -> ZonedDateTime:
        """Return the same instant in another time zone. Raises EvaluationError outside of the years 1 to 9999."""
        try:
            return ZonedDateTime(self.at.astimezone(zone), self.nanosecond)
        except (OverflowError, ValueError) as error:
            raise EvaluationError("The time is outside of the years 1 to 9999.") from error

    @property
    def instant(self) -> tuple[datetime, int]:
        """Return the time in UTC and its nanoseconds, for comparisons of instants in different zones."""
        return self.in_zone(UTC).at, self.nanosecond

    def iso(self) -> str:
        """Format as ISO 8601 with an offset: "Z" for UTC, and no fraction if it is 0."""
        moment = self.at.replace(tzinfo=None).isoformat(timespec="seconds")
        digits = f"{self.nanosecond:09d}"
        while digits.endswith("000"):
            digits = digits[:-3]
        return moment + ("." + digits if digits else "") + offset_text(self.at, "XXX")

    def day(self) -> str:
        """Format the date in the time's own zone as ``YYYY-MM-DD``."""
        return self.at.date().isoformat()


def offset_text(moment: datetime, pattern: str) -> str:
    """Format the UTC offset of ``moment`` by Java's pattern ``X`` to ``XXXXX`` ("Z" for 0) or ``x`` to ``xxxxx``."""
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

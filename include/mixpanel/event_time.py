"""Converts the property ``time`` of Mixpanel events to an instant and a day, and computes when days begin and end.

In projects since 2023, ``time`` is in UTC (``mixpanel.time_is: utc`` in the pipeline file). In older projects, it is
the wall-clock time of the project's time zone, written as if it were UTC (``project_local``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from include.errors import PartitionNotClosed, WrongClock

if TYPE_CHECKING:
    from include.config.mixpanel_source import MixpanelSource

_CLOCKS_DIFFER = timedelta(minutes=5)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a wall-clock time has no zone


class TimeReading(Enum):
    """Whether an event's ``time`` corresponds to exactly one instant; if not, how the instant was chosen."""

    EXACT = "exact"
    FOLD = "fold"  # the clock showed this time twice (autumn); when Mixpanel received the event decides
    GAP = "gap"  # the clock skipped this time (spring); converted with the UTC offset before the change


@dataclass(frozen=True)
class EventTime:
    """The time of an event.

    Attributes:
        day: the day of the Mixpanel project to which the event belongs, which is its partition.
        milliseconds: the instant, in milliseconds since the epoch.
        reading: whether the instant follows from ``time`` alone.
    """

    day: date
    milliseconds: int
    reading: TimeReading = TimeReading.EXACT


def event_time(wall_ms: int, zone: ZoneInfo | None, arrival_ms: int | None = None) -> EventTime:
    """Return the day and the instant of an event.

    Args:
        wall_ms: the property ``time``, in milliseconds.
        zone: the time zone of the project if ``time`` is a wall-clock time (``project_local``); None if it is in UTC.
        arrival_ms: the property ``$mp_api_timestamp_ms``, when Mixpanel received the event, always in UTC; None if it
            is missing. If the clock showed ``time`` twice, it selects the later instant unless that is after the
            arrival.

    Raises:
        OverflowError: ``time`` is outside the years 1 to 9999.
    """
    wall = _EPOCH + timedelta(milliseconds=wall_ms)
    if zone is None:
        return EventTime(wall.date(), wall_ms)
    first, second = (_offset_ms(wall, zone, fold) for fold in (0, 1))
    if first == second:
        return EventTime(wall.date(), wall_ms - first)
    if first < second:  # spring: fold=0 is the offset before the gap
        return EventTime(wall.date(), wall_ms - first, TimeReading.GAP)
    later = wall_ms - second
    chosen = later if arrival_ms is not None and later <= arrival_ms else wall_ms - first
    return EventTime(wall.date(), chosen, TimeReading.FOLD)


def _offset_ms(wall: datetime, zone: ZoneInfo, fold: int) -> int:
    offset = wall.replace(tzinfo=zone, fold=fold).utcoffset()
    return int(offset / timedelta(milliseconds=1)) if offset else 0


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """Return the instant in UTC at which ``day`` begins in ``zone``; on some days, clocks skip midnight."""
    return datetime.combine(day, time(0), tzinfo=zone).astimezone(UTC)


def day_end(day: date, zone: ZoneInfo) -> datetime:
    """Return the instant in UTC from which clocks in ``zone`` no longer show ``day``.

    It is not always the next midnight, which clocks may skip in spring or show twice in autumn: until 2011, clocks in
    St. John's were set back at 00:01, and so to the previous day.
    """
    midnight = datetime.combine(day + timedelta(days=1), time(0), tzinfo=zone)
    first, second = (midnight.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    # A clock that is set back exactly to midnight (Vostok, 18 December 2023) does not show the previous day again.
    shown_before_second = (second - timedelta.resolution).astimezone(zone).date() <= day
    return max(first, second) if shown_before_second else first


def latest_instant(day: date, zone: ZoneInfo) -> datetime:
    """Return the instant in UTC before which all events of ``day`` are, as ``event_time`` converts their ``time``.

    It can be later than the end of the day, because a ``time`` that the clock skipped is converted to a later instant.
    """
    last = datetime.combine(day, time.max, tzinfo=zone).astimezone(UTC)
    return max(day_end(day, zone), last + timedelta(microseconds=1))


def settled_at(day: date, source: MixpanelSource, settle_hours: float) -> datetime:
    """Return the instant in UTC from which ``day`` is exported: ``settle_hours`` after its end at Mixpanel."""
    return day_end(day, source.day_zone) + timedelta(hours=settle_hours)


def require_closed_at_mixpanel(day: date, source: MixpanelSource, sent_at: datetime | None) -> None:
    """Check that ``day`` had ended by Mixpanel's clock when Mixpanel began to send its export.

    ``sent_at``: the time in the response's Date header; None: nothing is checked. A difference of 5 minutes is
    accepted.

    Raises:
        WrongClock: the day had not ended, so its export is incomplete; the clock of this worker is ahead.
    """
    end = day_end(day, source.day_zone)
    if sent_at is not None and sent_at + _CLOCKS_DIFFER < end:
        ahead = (end - sent_at).total_seconds() / 3600
        raise WrongClock(
            f"Partition {day} does not end for at least another {ahead:.1f} hours by Mixpanel's clock: the clock of this "
            "worker is ahead. No file was published.",
            "Synchronize the worker's clock (NTP), then run the task again; another worker may run it now.",
        )


def require_closed(day: date, source: MixpanelSource, now: datetime) -> None:
    """Check that ``day`` has ended at the instant ``now``, in the zone in which Mixpanel counts the project's days.

    Raises:
        PartitionNotClosed: the day has not ended; the message names the time zone.
    """
    if now < day_end(day, source.day_zone):
        raise PartitionNotClosed(
            f"Partition {day} has not ended in {source.day_zone.key}, the time zone of this Mixpanel project "
            f"(it is {now.astimezone(source.day_zone):%Y-%m-%d %H:%M} there).",
            "Run the day again after midnight in that zone. If the zone is wrong, correct mixpanel.timezone or "
            "mixpanel.time_is in the pipeline file.",
        )

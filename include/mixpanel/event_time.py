"""Conversion of the property ``time`` of Mixpanel events, and the beginning and end of days in time zones.

``time`` is an instant in projects since 2023 (``utc``), and a wall-clock time in older projects (``project_local``).
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
    """Whether a wall-clock time corresponds to exactly one instant."""

    EXACT = "exact"
    FOLD = "fold"  # the wall clock showed this time twice; the arrival time decides
    GAP = "gap"  # the wall clock never showed this time; shifted by the offset before the gap


@dataclass(frozen=True)
class EventTime:
    """The time of an event: ``day`` is its partition, ``milliseconds`` the instant in milliseconds since the epoch."""

    day: date
    milliseconds: int
    reading: TimeReading = TimeReading.EXACT


def event_time(wall_ms: int, zone: ZoneInfo | None, arrival_ms: int | None = None) -> EventTime:
    """Convert an event's ``time`` to its day and its instant.

    ``wall_ms``: ``time`` in milliseconds. ``zone``: None for a ``utc`` project, else the project's zone. ``arrival_ms``:
    ``$mp_api_timestamp_ms``, always UTC. Where the clock showed ``time`` twice (autumn), the later instant is used if it
    is not after the arrival, else the earlier one.

    Raises:
        OverflowError: the value is outside years 1 to 9999.
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
    """Return the first instant, in UTC, at which a clock in ``zone`` shows ``day``, even if it skips midnight."""
    return datetime.combine(day, time(0), tzinfo=zone).astimezone(UTC)


def day_end(day: date, zone: ZoneInfo) -> datetime:
    """Return the instant, in UTC, from which a clock in ``zone`` no longer shows ``day``.

    Midnight may not exist (in spring the clock may skip it) and may occur twice: until 2011, clocks in St. John's
    went back at 00:01, to the previous day.
    """
    midnight = datetime.combine(day + timedelta(days=1), time(0), tzinfo=zone)
    first, second = (midnight.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    # A clock that goes back exactly to midnight (Vostok, 18 December 2023) does not show the day again.
    shown_before_second = (second - timedelta.resolution).astimezone(zone).date() <= day
    return max(first, second) if shown_before_second else first


def latest_instant(day: date, zone: ZoneInfo) -> datetime:
    """Return the exclusive upper bound, in UTC, of the instants of events that ``event_time`` assigns to ``day``.

    The bound can be later than the end of the day: ``event_time`` shifts a skipped wall-clock time to a later instant.
    """
    last = datetime.combine(day, time.max, tzinfo=zone).astimezone(UTC)
    return max(day_end(day, zone), last + timedelta(microseconds=1))


def settled_at(day: date, source: MixpanelSource, settle_hours: float) -> datetime:
    """Return the first instant, in UTC, at which ``day`` may be exported: ``settle_hours`` after the end of the day."""
    return day_end(day, source.day_zone) + timedelta(hours=settle_hours)


def require_closed_at_mixpanel(day: date, source: MixpanelSource, sent_at: datetime | None) -> None:
    """Raise if Mixpanel began to send the export of ``day`` more than 5 minutes before the day ended.

    ``sent_at``: the Date header of the response; if it is None, nothing is checked.

    Raises:
        WrongClock: this worker's clock is ahead; the day would be loaded incompletely.
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
    """Raise if ``day`` has not ended at ``now`` in the time zone in which Mixpanel counts the project's days.

    Raises:
        PartitionNotClosed: naming the zone.
    """
    if now < day_end(day, source.day_zone):
        raise PartitionNotClosed(
            f"Partition {day} has not ended in {source.day_zone.key}, the time zone of this Mixpanel project "
            f"(it is {now.astimezone(source.day_zone):%Y-%m-%d %H:%M} there).",
            "Run the day again after midnight in that zone. If the zone is wrong, correct mixpanel.timezone or "
            "mixpanel.time_is in the pipeline file.",
        )

"""Define the parameters that all processes of one transform share, and the division of the day into buckets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from include.xdm.events.event_parser import EventParser
from include.xdm.events.event_rows import EvidenceLog
from include.xdm.mapping.compile import CompiledMapping

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_DAY_SECONDS = 86_400
_MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """Limits for rows and bytes, so that memory does not grow with the size of a day.

    They affect the output, so they do not depend on the machine. ``flush_*``: how much a process collects before it
    writes to its spill files. ``bucket_rows``: the target size of a bucket (a time span of the day); ``most_buckets``:
    the maximum number of buckets. ``piece_*``: how much is de-duplicated and sorted at once. ``group_*``: the maximum
    of a Parquet row group. ``file_rows``: the approximate maximum of an output file; a day with fewer than
    ``small_rows`` rows is one file.
    """

    flush_rows: int = 40_000
    flush_bytes: int = 28 * _MEGABYTE
    bucket_rows: int = 20_000
    most_buckets: int = 240
    piece_rows: int = 60_000
    piece_bytes: int = 40 * _MEGABYTE
    group_rows: int = 25_000
    group_bytes: int = 24 * _MEGABYTE
    file_rows: int = 500_000
    small_rows: int = 100_000

    def for_shards(self, shard_events: int | None) -> Limits:
        """Return limits with which a shard of ``shard_events`` rows has at least one file; None: no shards."""
        if shard_events is None or shard_events >= self.file_rows:
            return self
        return replace(
            self,
            file_rows=shard_events,
            small_rows=min(shard_events, self.small_rows),
            bucket_rows=max(1, min(shard_events // 4, self.bucket_rows)),
        )


@dataclass(frozen=True)
class Job:
    """The parameters of one transform.

    ``paths``: the local files of the export, with ``rows`` lines. ``zone``: the project's time zone if the property
    ``time`` is local time; None if it is UTC. ``now_ms``: the latest time that an event may have, in ms since the
    epoch; later events are quarantined. ``recipe``: the number of the ``_id`` recipe.
    """

    paths: tuple[Path, ...]
    scratch: Path
    compiled: CompiledMapping
    project_id: int
    day: date
    zone: str | None
    now_ms: int
    time_in_ms: bool
    recipe: int
    rows: int
    limits: Limits = Limits()

    def event_parser(self, log: EvidenceLog) -> EventParser:
        """Return a new parser for the lines of this day.

        ``log`` collects the times of live events (``is_live``), which show whether ``time`` is UTC.
        """
        return EventParser(
            project_id=self.project_id,
            day=self.day,
            wall_clock_zone=ZoneInfo(self.zone) if self.zone else None,
            now_ms=self.now_ms,
            evidence=log,
            time_in_ms=self.time_in_ms,
            recipe=self.recipe,
        )

    @property
    def midnight_seconds(self) -> int:
        """Midnight at the start of the day, in seconds since the epoch, on the clock of the property ``time``.

        The clock shows UTC or the project's local time (``zone``).
        """
        return (self.day - date(1970, 1, 1)).days * _DAY_SECONDS

    @cached_property
    def bucket_of_second(self) -> npt.NDArray[np.int16]:
        """The bucket number for each second of the day, as an array of 86,400 16-bit integers.

        A bucket is a time span of the day; the numbers increase with time. The seconds around a change of the clock are
        in one bucket.
        """
        import numpy as np

        wanted = -(-self.rows // self.limits.bucket_rows)
        width = -(-_DAY_SECONDS // max(1, min(wanted, self.limits.most_buckets)))
        table = (np.arange(_DAY_SECONDS) // width).astype(np.int16)
        for first, last in _clock_changes(self.day, self.zone):
            together = (table >= table[first]) & (table <= table[last])
            table[together] = table[first]
        return table


def _clock_changes(day: date, zone: str | None) -> list[tuple[int, int]]:
    """Return the spans of the day (first, last second) in which local time is ambiguous, because the clock changes."""
    if zone is None:
        return []
    midnight, place = datetime(day.year, day.month, day.day), ZoneInfo(zone)  # noqa: DTZ001 - a wall clock
    odd: list[int] = []
    longest = timedelta()
    for minute in range(1440):
        wall = midnight + timedelta(minutes=minute)
        one, other = (wall.replace(tzinfo=place, fold=fold).utcoffset() or timedelta() for fold in (0, 1))
        if one != other:
            odd.append(minute * 60)
            longest = max(longest, other - one)
    if not odd:
        return []
    # After a gap (clock set forward), local times denote the same instants as the times inside the gap.
    return [(odd[0], min(odd[-1] + 59 + int(longest.total_seconds()), _DAY_SECONDS - 1))]

"""The data that all processes of one transform need, and the division of its rows."""

from __future__ import annotations

from dataclasses import dataclass
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
    """Sizes that limit memory, however large a day is. They affect the output, so they depend only on the code.

    ``flush_*``: what a process collects before it writes to its spill files. ``bucket_rows``: the target size of a
    bucket. ``piece_*``: what is de-duplicated and sorted at once; a larger bucket is divided. ``group_*``: a row group.
    ``file_rows``: the approximate maximum of a file; ``small_rows``: with fewer rows, all go into one file.
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


@dataclass(frozen=True)
class Job:
    """The settings of one transform. ``zone``: the time zone of a project whose ``time`` is a wall clock, otherwise None."""

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
        """Return a new parser for this day."""
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
        """Return the day's first ``time``, in seconds."""
        return (self.day - date(1970, 1, 1)).days * _DAY_SECONDS

    @cached_property
    def bucket_of_second(self) -> npt.NDArray[np.int16]:
        """Return the bucket of each second of the day, a number that grows with the instant (numpy, 16-bit integers)."""
        import numpy as np

        wanted = -(-self.rows // self.limits.bucket_rows)
        width = -(-_DAY_SECONDS // max(1, min(wanted, self.limits.most_buckets)))
        table = (np.arange(_DAY_SECONDS) // width).astype(np.int16)
        for first, last in _clock_changes(self.day, self.zone):
            together = (table >= table[first]) & (table <= table[last])
            table[together] = table[first]
        return table


def _clock_changes(day: date, zone: str | None) -> list[tuple[int, int]]:
    """Return the spans of seconds in which a later wall clock is not a later instant: when the clock is changed."""
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
    # After a gap, the wall clocks are the same instants as those inside it.
    return [(odd[0], min(odd[-1] + 59 + int(longest.total_seconds()), _DAY_SECONDS - 1))]

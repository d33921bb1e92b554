"""Checks by a project's events whether their ``time`` is in UTC or in local time, as ``time_is`` of the pipeline says.

A live event is one that an SDK sends when it happens; an imported event is not. A live event reaches Mixpanel within
moments, and Mixpanel records the arrival in ``$mp_api_timestamp_ms``, which is in UTC in every project. So the arrival
minus ``time`` is about 0 if ``time`` is in UTC, and about the negated UTC offset of the project's zone if ``time`` is
its wall-clock time. For an event that arrives late, the difference is larger.

The evidence for the two conventions is not equally strong. In a ``utc`` project, an SDK that sends the wall-clock time
of its device gives many events that look like ``project_local``. In a ``project_local`` project, hardly any event looks
like ``utc``, because Mixpanel itself has shifted their times. Therefore ``project_local`` is only concluded if nearly
all events and libraries agree.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from include.errors import ConfigError
from include.plural import counted

if TYPE_CHECKING:
    from include.config.mixpanel_source import MixpanelSource

QUARTER_SECONDS = 900
"""The unit of differences, 15 minutes: UTC offsets are multiples of it, and live events arrive within a few minutes."""
_ENOUGH_ROWS = 20
_ENOUGH_SHARE = 0.1
_CLEARLY = 5
_ALL_BUT_UNANIMOUSLY = 20
_ENOUGH_OF_A_LIBRARY = 5
_CLEARLY_MORE_LIBRARIES = 3
_MOST_LIBRARIES = 100
_LATEST_MS = 4_102_444_800_000  # the year 2100
UTC_TIME, LOCAL_TIME = "utc", "project_local"


@dataclass
class _EventCounts:
    """Counts of live events for and against the two time conventions.

    Attributes:
        rows: the number of live events.
        utc: those whose ``time`` is UTC by their arrival.
        project_local: those whose ``time`` is the project's wall-clock time by their arrival.
        not_utc: those whose ``time`` cannot be UTC.
        not_project_local: those whose ``time`` cannot be the project's wall-clock time.
    """

    rows: int = 0
    utc: int = 0
    project_local: int = 0
    not_utc: int = 0
    not_project_local: int = 0

    def add_event(self, quarter: int, offset: int) -> None:
        """Count one live event.

        ``quarter``: its arrival minus its ``time``. ``offset``: the UTC offset of the project's zone at its arrival.
        Both are in quarters of an hour.
        """
        self.rows += 1
        if not offset:  # in a zone with UTC's offset, the conventions do not differ
            return
        self.utc += quarter == 0
        self.project_local += quarter == -offset
        # An event contradicts a convention by which it arrived before it happened; clocks may differ by 15 minutes.
        self.not_utc += quarter == -offset or quarter < -1
        self.not_project_local += quarter == 0 or quarter < -offset - 1

    def counts(self, convention: str) -> tuple[int, int]:
        """Return how many events match ``convention``, and how many contradict it."""
        return (
            (self.utc, self.not_utc)
            if convention == UTC_TIME
            else (self.project_local, self.not_project_local)
        )

    def supports(self, convention: str) -> bool:
        """Return whether the events support ``convention``.

        At least 5 events and a tenth of all have to match it, and at least 5 times as many as contradict it.
        """
        matching, against = self.counts(convention)
        least = max(_ENOUGH_OF_A_LIBRARY, self.rows * _ENOUGH_SHARE)
        return matching >= least and matching >= _CLEARLY * against


@dataclass
class TimeEvidence:
    """Statistics of a project's live events, from which ``verdict`` concludes the time convention of the project.

    Attributes:
        zone: the time zone of the project.
        total: the counts of all live events.
        libraries: the counts by SDK (the property ``mp_lib``); libraries after the first hundred are counted under "".
        quarters: the number of live events by their arrival minus their ``time``, in quarters of an hour.
        shifts: like ``quarters``, but only with the events that match ``project_local``.
    """

    zone: ZoneInfo
    total: _EventCounts = field(default_factory=_EventCounts)
    libraries: dict[str, _EventCounts] = field(default_factory=dict)
    quarters: Counter[int] = field(default_factory=Counter)
    shifts: Counter[int] = field(default_factory=Counter)

    @property
    def rows(self) -> int:
        """The number of live events."""
        return self.total.rows

    @property
    def utc(self) -> int:
        """The number of live events that match ``utc``."""
        return self.total.utc

    @property
    def project_local(self) -> int:
        """The number of live events that match ``project_local``."""
        return self.total.project_local

    def add_event(self, wall_ms: int, arrival_ms: int, library: str = "") -> None:
        """Count one live event; an event with a time outside the years 1970 to 2100 is ignored.

        ``wall_ms``: its ``time`` in milliseconds. ``arrival_ms``: its ``$mp_api_timestamp_ms``. ``library``: its
        ``mp_lib``.
        """
        if not are_valid_times(wall_ms, arrival_ms):
            return
        quarter = round((arrival_ms - wall_ms) / (QUARTER_SECONDS * 1000))
        arrived = datetime.fromtimestamp(arrival_ms / 1000, UTC).astimezone(self.zone).utcoffset()
        offset = round(arrived.total_seconds() / QUARTER_SECONDS) if arrived else 0
        if library not in self.libraries and len(self.libraries) >= _MOST_LIBRARIES:
            library = ""
        self.quarters[quarter] += 1
        for counts in (self.total, self.libraries.setdefault(library, _EventCounts())):
            counts.add_event(quarter, offset)
        if offset and quarter == -offset:
            self.shifts[quarter] += 1

    @property
    def lowest_hours(self) -> float | None:
        """The smallest difference of arrival and ``time`` that at least a tenth of the live events have, in hours.

        None if no difference is that frequent.
        """
        often = [quarter for quarter, rows in self.quarters.items() if rows >= self.rows * _ENOUGH_SHARE]
        return min(often) * QUARTER_SECONDS / 3600 if often else None

    @property
    def shift_hours(self) -> float:
        """The most frequent difference of arrival and ``time`` among the events that match ``project_local``, in hours.

        0 if no event matches.
        """
        return max(self.shifts, key=lambda quarter: self.shifts[quarter], default=0) * QUARTER_SECONDS / 3600

    @property
    def verdict(self) -> str | None:
        """The time convention by the events, ``utc`` or ``project_local``; None if they are too few or disagree."""
        if self._is_supported(UTC_TIME, _CLEARLY):
            return UTC_TIME
        local, utc = (
            sum(counts.supports(name) for counts in self.libraries.values())
            for name in (LOCAL_TIME, UTC_TIME)
        )
        if self._is_supported(LOCAL_TIME, _ALL_BUT_UNANIMOUSLY) and local >= _CLEARLY_MORE_LIBRARIES * utc:
            return LOCAL_TIME
        return None

    def _is_supported(self, convention: str, factor: int) -> bool:
        """Return whether the events as a whole support ``convention``.

        At least 20 events and a tenth of all have to match it, and at least ``factor`` times as many as contradict it.
        """
        matching, against = self.total.counts(convention)
        least = max(_ENOUGH_ROWS, self.rows * _ENOUGH_SHARE)
        return matching >= least and matching >= factor * against


def are_valid_times(wall_ms: int, arrival_ms: int) -> bool:
    """Return whether an event's times, in milliseconds since the epoch, are both between 1970 and 2100."""
    return 0 < wall_ms < _LATEST_MS and 0 < arrival_ms < _LATEST_MS


def check_time_convention(evidence: TimeEvidence, source: MixpanelSource, pipeline: str) -> None:
    """Check that the events do not clearly contradict ``time_is`` of the pipeline file.

    Raises:
        ConfigError: the events have the other time convention; the message contains the measurement.
    """
    measured = evidence.verdict
    if measured is None or measured == source.time_is:
        return
    rows, _ = evidence.total.counts(measured)
    raise ConfigError(
        f"Pipeline {pipeline} has time_is: {source.time_is}, but {rows:,} of {counted(evidence.rows, 'live event')} reached "
        f"Mixpanel {_describe_difference(evidence, measured)} their `time`, which indicates {measured} in {source.timezone}.",
        f"Set time_is: {measured} in the pipeline file; otherwise the time of every event would be wrong by hours.",
    )


def _describe_difference(evidence: TimeEvidence, measured: str) -> str:
    if measured == UTC_TIME:
        return "within minutes of"
    hours = evidence.shift_hours
    return f"{abs(hours):g} hours {'after' if hours > 0 else 'before'}"

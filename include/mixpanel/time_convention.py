"""Checks a pipeline's time convention (``time_is``) against the project's own events.

A live event reaches Mixpanel's API within moments, and ``$mp_api_timestamp_ms`` is UTC in every project. So the API's
timestamp minus ``time`` is about zero where ``time`` is UTC, and about the zone's negated offset where it is the
project's wall-clock time. Late events only increase the difference; imported events prove nothing.

The two conventions are not equally easy to imitate. An SDK that sends its device's wall-clock time to a ``utc`` project
looks like an old project, however many events it sends. Hardly any source looks like ``utc`` in an old project, whose
events Mixpanel itself has shifted. So ``project_local`` requires near-unanimous agreement of the libraries.
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
"""The unit of time differences: zone offsets are multiples of 15 minutes; live events arrive within a few minutes."""
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
class _Votes:
    """Counts of live events: all (``rows``), those that match each time convention, and those that contradict it."""

    rows: int = 0
    utc: int = 0
    project_local: int = 0
    not_utc: int = 0
    not_project_local: int = 0

    def add_event(self, quarter: int, offset: int) -> None:
        """Count one event.

        ``quarter``: its arrival minus its ``time``; ``offset``: the zone's UTC offset; both in quarters of an hour.
        """
        self.rows += 1
        if not offset:  # at UTC the two conventions are equal
            return
        self.utc += quarter == 0
        self.project_local += quarter == -offset
        # An event that arrives before it happens contradicts a convention; a quarter is tolerated for inaccurate clocks.
        self.not_utc += quarter == -offset or quarter < -1
        self.not_project_local += quarter == 0 or quarter < -offset - 1

    def counts(self, convention: str) -> tuple[int, int]:
        """Return the number of events that match ``convention``, and the number of events that contradict it."""
        return (
            (self.utc, self.not_utc)
            if convention == UTC_TIME
            else (self.project_local, self.not_project_local)
        )

    def support(self, convention: str) -> bool:
        """Return whether enough of these events match ``convention``, and 5 times as many as contradict it."""
        matching, against = self.counts(convention)
        least = max(_ENOUGH_OF_A_LIBRARY, self.rows * _ENOUGH_SHARE)
        return matching >= least and matching >= _CLEARLY * against


@dataclass
class TimeEvidence:
    """Statistics of live events, from which ``verdict`` derives the time convention of a project.

    ``zone``: the time zone of the project. ``add_event`` adds an event to the statistics.
    """

    zone: ZoneInfo
    total: _Votes = field(default_factory=_Votes)
    libraries: dict[str, _Votes] = field(default_factory=dict)
    """The counts by library (``mp_lib``); libraries after the first hundred are counted together under ""."""
    quarters: Counter[int] = field(default_factory=Counter)
    """The number of live events by their arrival minus their ``time``, in quarters of an hour."""
    shifts: Counter[int] = field(default_factory=Counter)
    """Like ``quarters``, but only for the events that match ``project_local``."""

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
        """Count one live event: ``time`` and ``$mp_api_timestamp_ms``, both in milliseconds, and ``mp_lib``.

        Values that are not a date between 1970 and 2100 are ignored.
        """
        if not is_evidence(wall_ms, arrival_ms):
            return
        quarter = round((arrival_ms - wall_ms) / (QUARTER_SECONDS * 1000))
        arrived = datetime.fromtimestamp(arrival_ms / 1000, UTC).astimezone(self.zone).utcoffset()
        offset = round(arrived.total_seconds() / QUARTER_SECONDS) if arrived else 0
        if library not in self.libraries and len(self.libraries) >= _MOST_LIBRARIES:
            library = ""
        self.quarters[quarter] += 1
        for votes in (self.total, self.libraries.setdefault(library, _Votes())):
            votes.add_event(quarter, offset)
        if offset and quarter == -offset:
            self.shifts[quarter] += 1

    @property
    def lowest_hours(self) -> float | None:
        """The smallest arrival minus ``time`` shared by at least a tenth of the live events, in hours; None if none."""
        often = [quarter for quarter, rows in self.quarters.items() if rows >= self.rows * _ENOUGH_SHARE]
        return min(often) * QUARTER_SECONDS / 3600 if often else None

    @property
    def shift_hours(self) -> float:
        """The most common arrival minus ``time`` of events that match ``project_local``, in hours; 0 without events."""
        return max(self.shifts, key=lambda quarter: self.shifts[quarter], default=0) * QUARTER_SECONDS / 3600

    @property
    def verdict(self) -> str | None:
        """The measured convention, ``utc`` or ``project_local``; None: too few live events, or no clear agreement."""
        if self._enough(UTC_TIME, _CLEARLY):
            return UTC_TIME
        local, utc = (
            sum(votes.support(name) for votes in self.libraries.values()) for name in (LOCAL_TIME, UTC_TIME)
        )
        if self._enough(LOCAL_TIME, _ALL_BUT_UNANIMOUSLY) and local >= _CLEARLY_MORE_LIBRARIES * utc:
            return LOCAL_TIME
        return None

    def _enough(self, convention: str, factor: int) -> bool:
        """Return whether enough events match ``convention``, and ``factor`` times as many as contradict it."""
        matching, against = self.total.counts(convention)
        least = max(_ENOUGH_ROWS, self.rows * _ENOUGH_SHARE)
        return matching >= least and matching >= factor * against


def is_evidence(wall_ms: int, arrival_ms: int) -> bool:
    """Return whether both times, in milliseconds since the epoch, are between 1970 and 2100."""
    return 0 < wall_ms < _LATEST_MS and 0 < arrival_ms < _LATEST_MS


def check_time_convention(evidence: TimeEvidence, source: MixpanelSource, pipeline: str) -> None:
    """Raise if the events clearly indicate another time convention than ``source.time_is``.

    Raises:
        ConfigError: with the measurement and the correct value.
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

"""How a project keeps ``time``, measured on its own events: the pipeline file says it, and the data may contradict.

A live event reaches Mixpanel's API within moments, and ``$mp_api_timestamp_ms`` is UTC in every project. So the API's
timestamp less ``time`` is about zero where ``time`` is UTC, and about the zone's offset, negated, where it is the
project's wall clock. Late events only make the difference larger; imported ones say nothing.

The two readings are not equally easy to imitate. An SDK that sends its device's wall clock to a ``utc`` project looks
like an old project, however many events it sends; hardly anything looks like ``utc`` in an old project, whose events
Mixpanel itself has shifted. So ``project_local`` is believed only if libraries agree on it all but unanimously.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from include.errors import ConfigError

if TYPE_CHECKING:
    from include.config.model import MixpanelSource

QUARTER_SECONDS = 900
"""Zones lie whole quarters of an hour apart, and live events arrive within a few minutes."""
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
    """Live events: all; those whose difference is that of a reading; and those that a reading does not allow."""

    rows: int = 0
    utc: int = 0
    project_local: int = 0
    not_utc: int = 0
    not_project_local: int = 0

    def see(self, quarter: int, offset: int) -> None:
        self.rows += 1
        if not offset:  # where the zone is at UTC the two readings are one
            return
        self.utc += quarter == 0
        self.project_local += quarter == -offset
        # An event that arrives before it happens contradicts a reading; a quarter is left to clocks that are wrong.
        self.not_utc += quarter == -offset or quarter < -1
        self.not_project_local += quarter == 0 or quarter < -offset - 1

    def of(self, name: str) -> tuple[int, int]:
        """The events for a reading, and those against it."""
        return (self.utc, self.not_utc) if name == UTC_TIME else (self.project_local, self.not_project_local)

    def says(self, name: str) -> bool:
        mine, against = self.of(name)
        return mine >= max(_ENOUGH_OF_A_LIBRARY, self.rows * _ENOUGH_SHARE) and mine >= _CLEARLY * against


@dataclass
class TimeEvidence:
    """What the events seen so far say about a project in ``zone``. Fill it with :meth:`see`."""

    zone: ZoneInfo
    total: _Votes = field(default_factory=_Votes)
    libraries: dict[str, _Votes] = field(default_factory=dict)
    """By ``mp_lib``; those beyond the first hundred count as one."""
    quarters: Counter[int] = field(default_factory=Counter)
    """Differences, in quarters of an hour, of rows that are live as far as they tell."""
    shifts: Counter[int] = field(default_factory=Counter)
    """The same, of rows that read as ``project_local``."""

    @property
    def rows(self) -> int:
        return self.total.rows

    @property
    def utc(self) -> int:
        return self.total.utc

    @property
    def project_local(self) -> int:
        return self.total.project_local

    def see(self, wall_ms: int, arrival_ms: int, library: str = "") -> None:
        """One live event: ``time`` and ``$mp_api_timestamp_ms``, both in milliseconds, and ``mp_lib``.

        Values that are not a date between 1970 and 2100 say nothing and are left out.
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
            votes.see(quarter, offset)
        if offset and quarter == -offset:
            self.shifts[quarter] += 1

    @property
    def lowest_hours(self) -> float | None:
        """The smallest difference that is no exception, in hours: the lower mode."""
        often = [quarter for quarter, rows in self.quarters.items() if rows >= self.rows * _ENOUGH_SHARE]
        return min(often) * QUARTER_SECONDS / 3600 if often else None

    @property
    def shift_hours(self) -> float:
        """The commonest difference of the rows that read as ``project_local``, in hours; 0 where there are none."""
        return max(self.shifts, key=lambda quarter: self.shifts[quarter], default=0) * QUARTER_SECONDS / 3600

    @property
    def verdict(self) -> str | None:
        """``utc`` or ``project_local``; None: too few live events, or they do not agree clearly."""
        if self._enough(UTC_TIME, _CLEARLY):
            return UTC_TIME
        mine, other = (
            sum(votes.says(name) for votes in self.libraries.values()) for name in (LOCAL_TIME, UTC_TIME)
        )
        if self._enough(LOCAL_TIME, _ALL_BUT_UNANIMOUSLY) and mine >= _CLEARLY_MORE_LIBRARIES * other:
            return LOCAL_TIME
        return None

    def _enough(self, name: str, clearly: int) -> bool:
        mine, against = self.total.of(name)
        return mine >= max(_ENOUGH_ROWS, self.rows * _ENOUGH_SHARE) and mine >= clearly * against


def is_evidence(wall_ms: int, arrival_ms: int) -> bool:
    """Return whether both values are dates between 1970 and 2100; others say nothing."""
    return 0 < wall_ms < _LATEST_MS and 0 < arrival_ms < _LATEST_MS


def check_time_convention(evidence: TimeEvidence, source: MixpanelSource, pipeline: str) -> None:
    """Refuses a pipeline whose ``time_is`` its own events contradict.

    Raises:
        ConfigError: with what was measured, and what to write instead.
    """
    measured = evidence.verdict
    if measured is None or measured == source.time_is:
        return
    rows, _ = evidence.total.of(measured)
    raise ConfigError(
        f"Pipeline {pipeline} says time_is: {source.time_is}, but {rows} of {evidence.rows} live events reached "
        f"Mixpanel {_apart(evidence, measured)} their `time`, which is right for {measured} in {source.timezone}.",
        f"Write time_is: {measured} in the pipeline file; every event would be hours wrong otherwise.",
    )


def _apart(evidence: TimeEvidence, measured: str) -> str:
    if measured == UTC_TIME:
        return "within minutes of"
    hours = evidence.shift_hours
    return f"{abs(hours):g} hours {'after' if hours > 0 else 'before'}"

"""Which way a project keeps ``time``, told from its own events: the pipeline file says it, and the data may contradict.

A live event reaches Mixpanel's API within moments, and ``$mp_api_timestamp_ms`` is UTC in every project. So the API's
timestamp less ``time`` is about zero where ``time`` is UTC, and about the zone's offset, negated, where it is the
project's wall clock. Late events only make the difference larger; imported ones say nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from include.config.model import MixpanelSource
from include.errors import ConfigError

QUARTER_SECONDS = 900
"""Zones lie whole quarters of an hour apart, and live events arrive within a few minutes."""
_ENOUGH_ROWS = 20
_ENOUGH_SHARE = 0.1
_CLEARLY = 5


@dataclass
class TimeEvidence:
    """What the events seen so far say about a project in ``zone``. Fill it with :meth:`see`."""

    zone: ZoneInfo
    rows: int = 0
    utc: int = 0
    project_local: int = 0
    quarters: Counter[int] = field(default_factory=Counter)
    """Differences, in quarters of an hour, of rows that are live as far as they tell."""

    def see(self, wall_ms: int, arrival_ms: int) -> None:
        """One live event: ``time`` and ``$mp_api_timestamp_ms``, both in milliseconds.

        Raises:
            OverflowError: one of them is no date.
        """
        quarter = round((arrival_ms - wall_ms) / (QUARTER_SECONDS * 1000))
        arrived = datetime.fromtimestamp(arrival_ms / 1000, UTC).astimezone(self.zone).utcoffset()
        offset = round(arrived.total_seconds() / QUARTER_SECONDS) if arrived else 0
        self.rows += 1
        self.quarters[quarter] += 1
        if offset:  # where the zone is at UTC the two readings are one
            self.utc += quarter == 0
            self.project_local += quarter == -offset

    @property
    def lowest_hours(self) -> float | None:
        """The smallest difference that is no exception, in hours: the lower mode."""
        often = [quarter for quarter, rows in self.quarters.items() if rows >= self.rows * _ENOUGH_SHARE]
        return min(often) * QUARTER_SECONDS / 3600 if often else None

    @property
    def verdict(self) -> str | None:
        """``utc`` or ``project_local``; None: too few live events, or they do not agree."""
        for name, rows, other in (
            ("utc", self.utc, self.project_local),
            ("project_local", self.project_local, self.utc),
        ):
            if rows >= max(_ENOUGH_ROWS, self.rows * _ENOUGH_SHARE) and rows >= _CLEARLY * other:
                return name
        return None


def require_agreement(evidence: TimeEvidence, source: MixpanelSource, pipeline: str) -> None:
    """Refuses a pipeline whose ``time_is`` its own events contradict.

    Raises:
        ConfigError: with what was measured, and what to write instead.
    """
    told = evidence.verdict
    if told is None or told == source.time_is:
        return
    rows = evidence.utc if told == "utc" else evidence.project_local
    raise ConfigError(
        f"Pipeline {pipeline} says time_is: {source.time_is}, but {rows} of {evidence.rows} live events reached "
        f"Mixpanel {evidence.lowest_hours:g} hours after their `time`, which is right for {told} in {source.timezone}.",
        f"Write time_is: {told} in the pipeline file; every event would be hours wrong otherwise.",
    )

"""Estimate how many shards a pipeline's days have, from the days whose number of events is known: pure functions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from statistics import median

from include.json_types import JsonObject
from include.plural import counted
from include.steps.validate.shards import expected_shards

RECOMMENDED_EVENTS = 10_000_000
"""Only for days with more events, shards save more time than their processes need (measured: docs/scale.md)."""


@dataclass(frozen=True)
class ShardEstimate:
    """The shards of days as large as the known ones.

    ``days``: the number of known days. ``median``, ``largest``: their events; 0 if no day is known.
    """

    shard_events: int | None
    days: int
    median: int
    largest: int

    @classmethod
    def of(cls, events: Collection[int], shard_events: int | None) -> ShardEstimate:
        """Return the estimate for a pipeline with this setting. ``events``: the number of events of each known day."""
        return cls(shard_events, len(events), round(median(events or [0])), max(events, default=0))

    @property
    def usual_shards(self) -> int:
        """The shards of the median day; 0 if no day is known, or without the setting."""
        return expected_shards(self.median, self.shard_events)

    @property
    def most_shards(self) -> int:
        """The shards of the largest day; 0 if no day is known, or without the setting."""
        return expected_shards(self.largest, self.shard_events)

    @property
    def is_recommended(self) -> bool:
        """Whether the pipeline should have the setting, and does not have it."""
        return self.shard_events is None and self.largest > RECOMMENDED_EVENTS

    @property
    def sentence(self) -> str:
        """The estimate or the recommendation as a sentence; empty if neither applies."""
        if self.is_recommended:
            return (
                f"the largest of {counted(self.days, 'known day')} has {self.largest:,} events; set shard_events in the "
                f"pipeline file, so that several tasks validate a day of more than {RECOMMENDED_EVENTS:,} events"
            )
        if self.shard_events is None:
            return ""
        setting = f"shard_events is {self.shard_events:,}"
        if not self.days:
            return f"the number of shards is not known yet, because the lake has no export of the pipeline; {setting}"
        return f"{self._shards}: {self._known_days}; {setting}"

    @property
    def _shards(self) -> str:
        if self.most_shards <= 1:
            return "days are validated as a whole"
        if self.usual_shards <= 1:
            return f"up to {self.most_shards} shards a day"
        if self.usual_shards == self.most_shards:
            return f"{self.most_shards} shards a day"
        return f"{self.usual_shards} to {self.most_shards} shards a day"

    @property
    def _known_days(self) -> str:
        if self.days == 1:
            return f"the one known day has {counted(self.largest, 'event')}"
        return f"the median of {self.days} known days has {counted(self.median, 'event')}, the largest {self.largest:,}"

    def to_json(self) -> JsonObject:
        """Return the estimate for ``--json``."""
        return {
            "shard_events": self.shard_events,
            "known_days": self.days,
            "median_events": self.median,
            "largest_events": self.largest,
            "usual_shards": self.usual_shards,
            "most_shards": self.most_shards,
            "recommended": self.is_recommended,
        }

"""Divide a large day into shards: groups of consecutive files of transform, which are validated separately.

A file of transform contains the events of a time span of the day, and events with the same ``_id`` have the same time.
So no ``_id`` is in two shards, and the counts of the shards can be added.
"""

from __future__ import annotations

from dataclasses import dataclass

from include.lake.manifest import LakeFile, Manifest
from include.steps.transform.job import Limits

MOST_SHARDS = Limits().most_buckets
"""A shard has at least one file of transform, and a file at least one of transform's buckets."""


@dataclass(frozen=True)
class Shard:
    """The files ``first`` to ``last``, both included, of a day's mapped rows."""

    first: int
    last: int

    @property
    def name(self) -> str:
        """The shard's name in Airflow and among the inputs of its output."""
        return f"{self.first}-{self.last}"

    def files(self, mapped: Manifest) -> tuple[LakeFile, ...]:
        """Return the shard's files among the files of ``mapped``, the manifest of transform."""
        return mapped.files[self.first : self.last + 1]


def shards_of(mapped: Manifest, shard_events: int | None) -> tuple[Shard, ...]:
    """Return the shards of a day, each of about ``shard_events`` rows; empty for a day that is validated as a whole.

    A delta is validated as a whole: it has few rows, because an export that differs more is not a delta.
    """
    if shard_events is None or mapped.delta is not None:
        return ()
    wanted = min(-(-mapped.rows // shard_events), len(mapped.files))
    starts, done = [0], 0
    for number, file in enumerate(mapped.files):
        middle = done + file.rows / 2
        if number and len(starts) < wanted and middle >= len(starts) * mapped.rows / wanted:
            starts.append(number)
        done += file.rows
    if len(starts) < 2:
        return ()
    ends = [*(start - 1 for start in starts[1:]), len(mapped.files) - 1]
    return tuple(Shard(first, last) for first, last in zip(starts, ends, strict=True))


def expected_shards(events: int, shard_events: int | None) -> int:
    """Return about how many shards a day with this many events has: 1 for a small day, 0 without events or setting.

    Fewer if most of the events are in a few minutes of the day, because a shard has whole files.
    """
    return min(-(-events // shard_events), MOST_SHARDS) if shard_events is not None else 0

"""Store parsed events column by column, and the times of live events, which show whether ``time`` is UTC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from include.mixpanel.time_convention import are_valid_times
from include.xdm.events.event_parser import ParsedEvent
from include.xdm.events.flat_properties import FlatProperties
from include.xdm.events.shapes import Properties, by_shape
from include.xdm.events.text_numbers import Texts

if TYPE_CHECKING:
    from include.xdm.convert.arrow_arrays import Flags, Integers

_LONGEST_LIBRARY = 200


@dataclass
class EventRows:
    """Parsed events, column by column: each column has one item for each event, in the order of ``properties``.

    The columns correspond to the attributes of ``ParsedEvent``. Columns of numbers are lists or numpy arrays.
    """

    line_numbers: Sequence[int] | Integers
    ids: list[bytes]
    timestamps_ms: Sequence[int] | Integers
    wall_seconds: Sequence[int] | Integers
    processed_ms: Sequence[int] | Integers
    has_insert_id: Sequence[bool] | Flags
    events: list[str]
    properties: Properties | FlatProperties
    content_digests: bytes
    """The content digests of all events: 8 bytes each, a signed big-endian integer."""
    compaction_texts: Texts

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def of(cls, events: Sequence[ParsedEvent]) -> EventRows:
        """Return the columns of events that were parsed individually, with equal property names in sequence."""
        properties, order = by_shape([row.properties for row in events], is_raw=True)
        rows = [events[n] for n in order]
        return cls(
            line_numbers=[row.line_number for row in rows],
            ids=[row.id for row in rows],
            timestamps_ms=[row.timestamp_ms for row in rows],
            wall_seconds=[row.wall_second for row in rows],
            processed_ms=[row.processed_ms for row in rows],
            has_insert_id=[row.has_insert_id for row in rows],
            events=[row.event for row in rows],
            properties=properties,
            content_digests=b"".join(row.content_digest.to_bytes(8, "big", signed=True) for row in rows),
            compaction_texts=Texts.of([row.compaction_text for row in rows]),
        )


@dataclass
class EvidenceLog:
    """The recorded times of live events, which show whether ``time`` is UTC or the project's local time.

    The entries have line numbers, by which those of several processes are put in order.
    """

    entries: list[tuple[int, int, int, str]] = field(default_factory=list)
    """For each event its line number, ``time`` and ``$mp_api_timestamp_ms`` in milliseconds, and ``mp_lib``."""
    line_number: int = 0

    @property
    def rows(self) -> int:
        """The number of recorded events."""
        return len(self.entries)

    def add_event(self, wall_ms: int, arrival_ms: int, library: str = "") -> None:
        """Record the times of an event, unless one of them is outside the years 1970 to 2100 (``are_valid_times``)."""
        if are_valid_times(wall_ms, arrival_ms):
            self.entries.append((self.line_number, wall_ms, arrival_ms, library[:_LONGEST_LIBRARY]))

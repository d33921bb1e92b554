"""Reads a block of lines at once: the ordinary ones together, every other one by ``Sieve``, with the same verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import msgspec

from include.mixpanel.reading import is_evidence
from include.mixpanel.time import Reading
from include.xdm.block_lines import ParsedLines, read_apart, read_together
from include.xdm.identity import (
    BEFORE_MERGE,
    MERGE_MARKS,
    compaction_key,
    content_digests,
    event_ids,
)
from include.xdm.sift import (
    ENOUGH_EVIDENCE,
    Sieve,
    SiftedEvent,
    distinct_id_as_ingested,
    integer_of,
    is_live,
    string_of,
)

_NULL = msgspec.Raw(b"null")
_LONGEST_LIBRARY = 200


_only_strings = msgspec.json.Decoder(list[str]).decode
_values = msgspec.json.Decoder(list[Any]).decode


@dataclass
class EventRows:
    """Events that can be mapped, column by column; ``properties`` are JSON texts by name, as received."""

    line_numbers: list[int] = field(default_factory=list)
    ids: list[bytes] = field(default_factory=list)
    timestamps_ms: list[int] = field(default_factory=list)
    wall_seconds: list[int] = field(default_factory=list)
    processed_ms: list[int] = field(default_factory=list)
    has_insert_id: list[bool] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    properties: list[dict[str, msgspec.Raw]] = field(default_factory=list)
    contents: bytes = b""
    """8 bytes each, signed, most significant first."""
    compacted: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, row: SiftedEvent) -> None:
        """Appends one event."""
        self.line_numbers.append(row.line_number)
        self.ids.append(row.id)
        self.timestamps_ms.append(row.timestamp_ms)
        self.wall_seconds.append(row.wall_second)
        self.processed_ms.append(row.processed_ms)
        self.has_insert_id.append(row.has_insert_id)
        self.events.append(row.event)
        self.properties.append(row.properties)
        self.contents += row.content.to_bytes(8, "big", signed=True)
        self.compacted.append(row.compacted)


@dataclass
class EvidenceLog:
    """Keeps what the first live events say about time, with their lines: another process may have those before them."""

    entries: list[tuple[int, int, int, str]] = field(default_factory=list)
    """Line number, ``time`` and ``$mp_api_timestamp_ms`` in milliseconds, and ``mp_lib``."""
    line_number: int = 0

    @property
    def rows(self) -> int:
        return len(self.entries)

    def see(self, wall_ms: int, arrival_ms: int, library: str = "") -> None:
        """Notes an event; those that ``TimeEvidence`` leaves out do not count."""
        if is_evidence(wall_ms, arrival_ms):
            self.entries.append((self.line_number, wall_ms, arrival_ms, library[:_LONGEST_LIBRARY]))


@dataclass
class BlockReader:
    """Reads blocks of lines of one partition with the verdicts of ``sieve``, which counts; ``log`` is its evidence."""

    sieve: Sieve
    log: EvidenceLog

    def read(self, block: bytes, first_line: int) -> tuple[EventRows, list[dict[str, Any]]]:
        """Return the events of a block, and the quarantine records of its other lines.

        ``block``: whole lines, each ending in a newline, none of them blank. ``first_line``: the number of its first line.
        """
        parsed = read_together(block) or read_apart(block)
        rows, odd = self._judge(parsed, block, first_line)
        refused = []
        if odd := sorted([*parsed.odd, *odd]):
            lines = block.split(b"\n")
            for place in odd:
                self.log.line_number = first_line + place
                found = self.sieve.event(first_line + place, lines[place])
                if isinstance(found, SiftedEvent):
                    rows.add(found)
                else:
                    refused.append(found)
        return rows, refused

    def _judge(self, parsed: ParsedLines, block: bytes, first_line: int) -> tuple[EventRows, list[int]]:
        """The rows of events whose time is an ordinary one of the day, and the places of the others."""
        times = _ints([p.get("time", _NULL) for p in parsed.properties])
        low, high = self._limits
        good = [low <= time < high if type(time) is int else False for time in times]
        if all(good):
            return self._rows(parsed, times, block, first_line), []
        keep = [n for n, is_good in enumerate(good) if is_good]
        odd = [parsed.places[n] for n, is_good in enumerate(good) if not is_good]
        kept = ParsedLines(
            [parsed.places[n] for n in keep],
            [parsed.events[n] for n in keep],
            [parsed.properties[n] for n in keep],
            [parsed.contents[n] for n in keep],
            parsed.names,
            [],
        )
        return self._rows(kept, [times[n] for n in keep], block, first_line), odd

    def _rows(self, parsed: ParsedLines, times: list[int], block: bytes, first_line: int) -> EventRows:
        sieve, events, properties = self.sieve, parsed.events, parsed.properties
        if not events:
            return EventRows()
        per_ms = 1 if sieve.time_in_ms else 1000
        wall_ms = [time * per_ms for time in times]
        seconds = [time // 1000 for time in times] if sieve.time_in_ms else times
        if self.log.rows < ENOUGH_EVIDENCE:
            self._see(parsed, wall_ms, first_line)
        is_plain = b"\\" not in block
        insert_ids = _texts([p.get("$insert_id", _NULL) for p in properties])
        distinct_ids = self._distinct_ids(properties, parsed.names)
        rows = EventRows(
            line_numbers=[first_line + place for place in parsed.places],
            ids=event_ids(sieve.project_id, events, distinct_ids, seconds, insert_ids, is_plain=is_plain),
            timestamps_ms=self._timestamps(properties, wall_ms),
            wall_seconds=seconds,
            processed_ms=[
                n or 0 for n in _whole([p.get("mp_processing_time_ms", _NULL) for p in properties])
            ],
            has_insert_id=list(map(bool, insert_ids)),
            events=events,
            properties=properties,
            contents=content_digests(events, seconds, parsed.contents, is_plain=is_plain),
            compacted=list(map(compaction_key, events, distinct_ids, insert_ids)),
        )
        if not all(insert_ids):
            for n in [n for n, insert_id in enumerate(insert_ids) if not insert_id]:
                identity = sieve.identity(events[n], distinct_ids[n], seconds[n], "", properties[n])
                rows.ids[n] = bytes.fromhex(identity)
        if MERGE_MARKS & parsed.names:
            for each in properties:
                sieve.count_merge(each)
        sieve.by_event.update(events)
        return rows

    def _see(self, parsed: ParsedLines, wall_ms: list[int], first_line: int) -> None:
        log = self.log
        for place, each, wall in zip(parsed.places, parsed.properties, wall_ms, strict=True):
            arrival_ms = integer_of(each.get("$mp_api_timestamp_ms"))
            if arrival_ms is not None and is_live(each) and log.rows < ENOUGH_EVIDENCE:
                log.line_number = first_line + place
                log.see(wall, arrival_ms, string_of(each["mp_lib"]))

    def _distinct_ids(self, properties: Sequence[dict[str, msgspec.Raw]], names: set[str]) -> list[str]:
        if BEFORE_MERGE in names:
            return list(map(distinct_id_as_ingested, properties))
        texts = _texts([p.get("distinct_id", _NULL) for p in properties])
        return [text if text.strip() else "" for text in texts]

    def _timestamps(self, properties: Sequence[dict[str, msgspec.Raw]], wall_ms: list[int]) -> list[int]:
        offset = self._offset_ms
        if offset == 0:
            return wall_ms
        if offset is not None:
            return [wall - offset for wall in wall_ms]
        found = []
        for each, wall in zip(properties, wall_ms, strict=True):
            arrival_ms = integer_of(each.get("$mp_api_timestamp_ms"))
            if arrival_ms is None:
                arrival_ms = integer_of(each.get("mp_processing_time_ms"))
            when = self.sieve.when(wall, arrival_ms)
            if when.reading is not Reading.EXACT:
                self.sieve.counts[f"time_{when.reading.value}"] += 1
            found.append(when.milliseconds)
        return found

    @cached_property
    def _limits(self) -> tuple[int, int]:
        """The values of ``time`` that lie on the day and not in the future, from and below; in its own unit."""
        sieve = self.sieve
        midnight = datetime(sieve.day.year, sieve.day.month, sieve.day.day)  # noqa: DTZ001 - a wall clock
        low = (midnight - datetime(1970, 1, 1)) // timedelta(milliseconds=1)  # noqa: DTZ001
        # In every zone: no wall clock is more than a day ahead of UTC. Later ones are judged one by one.
        last = sieve.now_ms + 1 if sieve.wall_clock_zone is None else sieve.now_ms - 86_400_000
        high = min(low + 86_400_000, last)
        return (low, high) if sieve.time_in_ms else (low // 1000, -(-high // 1000))

    @cached_property
    def _offset_ms(self) -> int | None:
        """The zone's offset where it is the same all day long, else None."""
        sieve = self.sieve
        if sieve.wall_clock_zone is None:
            return 0
        midnight = datetime(sieve.day.year, sieve.day.month, sieve.day.day)  # noqa: DTZ001 - a wall clock
        offsets = {
            (midnight + timedelta(minutes=minute))
            .replace(tzinfo=sieve.wall_clock_zone, fold=fold)
            .utcoffset()
            for minute in range(1441)
            for fold in (0, 1)
        }
        (first, *others) = offsets
        return None if others or first is None else first // timedelta(milliseconds=1)


def _joined(column: Iterable[msgspec.Raw]) -> bytes:
    return b"[" + b",".join(column) + b"]"


def _ints(column: Sequence[msgspec.Raw]) -> list[Any]:
    """The values of a column that are integers; what is not is something else than an int."""
    try:
        return _values(_joined(column))
    except msgspec.DecodeError:
        return [value if (value := integer_of(raw)) is not None else raw for raw in column]


def _whole(column: Sequence[msgspec.Raw]) -> list[int | None]:
    """``integer_of`` of each."""
    found = _ints(column)
    if set(map(type, found)) <= {int, type(None)} and max(map(abs, filter(None, found)), default=0) < 10**17:
        return found
    return list(map(integer_of, column))


def _texts(column: Sequence[msgspec.Raw]) -> list[str]:
    """``string_of`` of each."""
    try:
        return _only_strings(_joined(column))
    except msgspec.ValidationError:
        return list(map(string_of, column))

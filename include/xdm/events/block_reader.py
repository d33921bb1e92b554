"""Read a block of export lines: ordinary lines many at once, the others by ``EventParser``, with equal results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from include.json_types import JsonObject
from include.mixpanel.event_time import TimeReading
from include.xdm.convert.values import Value
from include.xdm.events.block_lines import ParsedLines, parse_lines
from include.xdm.events.event_id import BEFORE_MERGE, compaction_texts, content_digests, event_ids
from include.xdm.events.event_parser import (
    ENOUGH_EVIDENCE,
    EventParser,
    ParsedEvent,
    integer_of,
    is_live,
    string_of,
)
from include.xdm.events.event_rows import EventRows, EvidenceLog
from include.xdm.events.flat_events import FlatReader
from include.xdm.events.shapes import Properties, as_raw, types_of
from include.xdm.events.text_numbers import Texts

_PLAIN_INTEGER = 10**17
_LINES_AT_ONCE = 1000
"""The number of lines parsed at once, so that their values fit into the CPU cache."""


@dataclass
class BlockReader:
    """A reader of blocks of export lines of one partition.

    ``event_parser``: parses unusual lines, and has the settings and the counts for all lines; ``log``: records the
    times of live events.
    """

    event_parser: EventParser
    log: EvidenceLog

    def read(self, block: bytes, first_line: int) -> tuple[list[EventRows], list[JsonObject]]:
        """Return the events of a block, in several groups, and the quarantine records of its other lines.

        ``block``: whole lines, each ending in a newline and not blank. ``first_line``: the number of its first line.
        """
        found = self.flat.read(block, first_line) if self.flat else None
        lots = [found[0]] if found else []
        if found and not found[1]:
            return lots, []
        lines = block.split(b"\n")[:-1]
        others = found[1] if found else range(len(lines))
        refused: list[JsonObject] = []
        for first in range(0, len(others), _LINES_AT_ONCE):
            places = others[first : first + _LINES_AT_ONCE]
            rest = b"".join(lines[place] + b"\n" for place in places)
            more, odd = self._read(rest, [first_line + place for place in places])
            lots += more
            refused += odd
        return lots, refused

    @cached_property
    def flat(self) -> FlatReader | None:
        """The reader of flat lines; None on a day when the zone's offset changes, where ``time`` may be ambiguous."""
        offset = self._offset_ms
        return None if offset is None else FlatReader(self.event_parser, self.log, *self._time_limits, offset)

    def _read(self, block: bytes, numbers: Sequence[int]) -> tuple[list[EventRows], list[JsonObject]]:
        """Read lines that are not flat; return the same as ``read``. ``numbers``: the line number of each line."""
        parsed, times, odd = self._ordinary_events(parse_lines(block))
        rows = [self._rows(parsed, times, numbers)] if parsed.events else []
        found, refused = [], []
        lines = block.split(b"\n") if odd else []
        for place in odd:
            self.log.line_number = numbers[place]
            verdict = self.event_parser.event(numbers[place], lines[place])
            if isinstance(verdict, ParsedEvent):
                found.append(verdict)
            else:
                refused.append(verdict)
        if found:
            rows.append(EventRows.of(found))
        return rows, refused

    def _ordinary_events(self, parsed: ParsedLines) -> tuple[ParsedLines, list[int], list[int]]:
        """Return the events whose time is a whole number and in the day, their times, and the indexes of all other lines."""
        times = _integers(parsed.properties.texts("time"))
        low, high = self._time_limits
        good = [time is not None and low <= time < high for time in times]
        if not all(good):
            odd = [place for place, is_good in zip(parsed.line_indexes, good, strict=True) if not is_good]
            parsed = parsed.only(good)._replace(others=[*parsed.others, *odd])
        kept = [time for time, is_good in zip(times, good, strict=True) if time is not None and is_good]
        return parsed, kept, sorted(parsed.others)

    def _rows(self, parsed: ParsedLines, times: list[int], line_numbers: Sequence[int]) -> EventRows:
        event_parser, events, properties = self.event_parser, parsed.events, parsed.properties
        per_ms = 1 if event_parser.time_in_ms else 1000
        wall_ms = [time * per_ms for time in times]
        seconds = [time // 1000 for time in times] if event_parser.time_in_ms else times
        numbers = [line_numbers[place] for place in parsed.line_indexes]
        if self.log.rows < ENOUGH_EVIDENCE:
            self._log_evidence(properties, wall_ms, numbers)
        insert_ids = _strings(properties.texts("$insert_id"))
        distinct_ids = _distinct_ids(properties)
        ids = event_ids(event_parser.project_id, events, distinct_ids, seconds, insert_ids)
        if not all(insert_ids):
            for n in [n for n, insert_id in enumerate(insert_ids) if not insert_id]:
                identity = event_parser.compute_id(
                    events[n], distinct_ids[n], seconds[n], "", properties.row(n)
                )
                ids[n] = bytes.fromhex(identity)
        for shape in properties.shapes:
            event_parser.count_merge(shape.names, shape.rows)
        event_parser.by_event.update(events)
        return EventRows(
            line_numbers=numbers,
            ids=ids,
            timestamps_ms=self._timestamps(properties, wall_ms),
            wall_seconds=seconds,
            processed_ms=[n or 0 for n in _integers(properties.texts("mp_processing_time_ms"))],
            has_insert_id=list(map(bool, insert_ids)),
            events=events,
            properties=properties,
            content_digests=content_digests(events, seconds, parsed.content_json),
            compaction_texts=Texts.of(compaction_texts(events, distinct_ids, insert_ids)),
        )

    def _log_evidence(self, properties: Properties, wall_ms: list[int], numbers: list[int]) -> None:
        """Record the times of live events (``is_live``) in ``log``, in the order of their lines."""
        log = self.log
        arrivals = _integers(properties.texts("$mp_api_timestamp_ms"))
        libraries = properties.texts("mp_lib")
        live = [
            (numbers[n], wall_ms[n], arrived, _string(libraries[n]))
            for first, shape in properties.shapes_with_first_row()
            if is_live(shape.names)
            for n in range(first, first + shape.rows)
            if (arrived := arrivals[n]) is not None
        ]
        for number, wall, arrived, library in sorted(live):
            if log.rows < ENOUGH_EVIDENCE:
                log.line_number = number
                log.add_event(wall, arrived, library)

    def _timestamps(self, properties: Properties, wall_ms: list[int]) -> list[int]:
        offset = self._offset_ms
        if offset == 0:
            return wall_ms
        if offset is not None:
            return [wall - offset for wall in wall_ms]
        found = []
        arrived, processed = (
            _integers(properties.texts(name)) for name in ("$mp_api_timestamp_ms", "mp_processing_time_ms")
        )
        for wall, arrival_ms, processed_ms in zip(wall_ms, arrived, processed, strict=True):
            when = self.event_parser.instant(wall, arrival_ms if arrival_ms is not None else processed_ms)
            if when.reading is not TimeReading.EXACT:
                self.event_parser.counts[f"time_{when.reading.value}"] += 1
            found.append(when.milliseconds)
        return found

    @cached_property
    def _time_limits(self) -> tuple[int, int]:
        """The range of ``time`` that is in the day and not in the future: its first value and its end, exclusive.

        Both are in the unit of ``time``.
        """
        event_parser = self.event_parser
        midnight = datetime(event_parser.day.year, event_parser.day.month, event_parser.day.day)  # noqa: DTZ001 - a wall clock
        low = (midnight - datetime(1970, 1, 1)) // timedelta(milliseconds=1)  # noqa: DTZ001
        # In every zone: no wall clock is more than a day ahead of UTC. Later events are checked individually.
        last = (
            event_parser.now_ms + 1
            if event_parser.wall_clock_zone is None
            else event_parser.now_ms - 86_400_000
        )
        high = min(low + 86_400_000, last)
        return (low, high) if event_parser.time_in_ms else (low // 1000, -(-high // 1000))

    @cached_property
    def _offset_ms(self) -> int | None:
        """The zone's offset from UTC in milliseconds if it is the same for the whole day, otherwise None."""
        event_parser = self.event_parser
        if event_parser.wall_clock_zone is None:
            return 0
        midnight = datetime(event_parser.day.year, event_parser.day.month, event_parser.day.day)  # noqa: DTZ001 - a wall clock
        try:
            offsets = {
                (midnight + timedelta(minutes=minute))
                .replace(tzinfo=event_parser.wall_clock_zone, fold=fold)
                .utcoffset()
                for minute in range(1441)
                for fold in (0, 1)
            }
        except OverflowError:  # the calendar's last day
            return None
        (first, *others) = offsets
        return None if others or first is None else first // timedelta(milliseconds=1)


def _distinct_ids(properties: Properties) -> list[str]:
    """Return the id under which Mixpanel ingested each event (``distinct_id_as_ingested``); "" for an event without an id."""
    found = [text if text.strip() else "" for text in _strings(properties.texts("distinct_id"))]
    if BEFORE_MERGE not in properties:
        return found
    before = _strings(properties.texts(BEFORE_MERGE))
    return [text if text.strip() else later for text, later in zip(before, found, strict=True)]


def _integers(column: Sequence[Value]) -> list[int | None]:
    """Convert each value to an integer as ``integer_of`` does, or to None if it is not an integer."""
    if (
        types_of(column) <= {int, type(None)}
        and max(map(abs, filter(None, column)), default=0) < _PLAIN_INTEGER
    ):
        return list(column)
    return [None if value is None else integer_of(as_raw(value)) for value in column]


def _strings(column: Sequence[Value]) -> list[str]:
    """Convert each value to text as ``string_of`` does; "" for null."""
    if types_of(column) <= {str, type(None)}:
        return [text or "" for text in column]
    return list(map(_string, column))


def _string(value: Value) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else string_of(as_raw(value))

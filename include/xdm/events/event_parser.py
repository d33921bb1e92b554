"""The parser of raw export lines: each line becomes an event with its ``_id`` and instant, or a quarantine record."""

from __future__ import annotations

import logging
import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_FLOOR, Context, DecimalException
from pathlib import Path
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

import msgspec

from include.json_types import JsonObject
from include.mixpanel.event_time import EventTime, TimeReading, event_time
from include.xdm.events.event_id import (
    BEFORE_MERGE,
    MERGE_MARKS,
    RECIPE,
    compaction_keys,
    content_digest,
    event_id,
    event_id_of_content,
    event_id_without_insert_id,
)
from include.xdm.events.line_parser import RejectedEvent, parse_line, quarantine_record

log = logging.getLogger(__name__)
_MS_FROM_SECONDS = 10_000_000_000  # later than the year 2286 in seconds, so the unit is milliseconds
_INTEGER = re.compile(rb"-?\d+")
_NUMBER = re.compile(rb"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_ROUND_DOWN = Context(prec=40, rounding=ROUND_FLOOR)
ENOUGH_EVIDENCE = 20_000
"""The number of live events of a day that are used as evidence of the project's time convention."""


class ParsedEvent(NamedTuple):
    """One event that can be mapped."""

    line_number: int
    id: bytes
    """``_id`` as 32 bytes."""
    timestamp_ms: int
    wall_second: int
    """The event's ``time`` in whole seconds; equal in all rows with the same ``_id``."""
    processed_ms: int
    has_insert_id: bool
    event: str
    properties: dict[str, msgspec.Raw]
    """The JSON text of each property by name, as received."""
    content: int
    """The event's content as a number: ``identity.content_digest``."""
    compacted: int
    """``identity.compaction_keys``."""


class Evidence(Protocol):
    """Collects the evidence of live events for the project's time convention."""

    @property
    def rows(self) -> int:
        """The number of recorded events."""

    def add_event(self, wall_ms: int, arrival_ms: int, library: str = "") -> None:
        """Record an event."""


@dataclass
class EventParser:
    """A parser of one partition's lines. ``counts``, ``by_event`` and ``evidence`` are updated line by line.

    ``counts``: ``time_fold`` and ``time_gap`` (``mixpanel.time.TimeReading``), and ``merged_without_before``: events
    that a merge has marked without their previous id; they get another ``_id`` than before the merge. ``by_event``:
    events by name; ``recipe``: of ``_id``.
    """

    project_id: int
    day: date
    wall_clock_zone: ZoneInfo | None
    now_ms: int
    evidence: Evidence
    time_in_ms: bool = False
    recipe: int = RECIPE
    counts: Counter[str] = field(default_factory=Counter)
    by_event: Counter[str] = field(default_factory=Counter)
    _warned: set[str] = field(default_factory=set)

    def parse(self, lines: Iterable[bytes]) -> Iterator[ParsedEvent | JsonObject]:
        """Yield events, and for each rejected line a quarantine record ``{step, reason, field, line_number, raw}``."""
        for number, line in enumerate(lines, 1):
            yield self.event(number, line)

    def event(self, number: int, line: bytes) -> ParsedEvent | JsonObject:
        """Return the event of a line, or its quarantine record."""
        try:
            return self._event(number, line)
        except RejectedEvent as refused:
            return quarantine_record(number, line, refused)
        except MemoryError:  # not caused by the row
            raise
        except Exception as error:  # noqa: BLE001 - an unforeseen kind of row must not stop the day
            self.warn(error)
            return quarantine_record(number, line, RejectedEvent("unexpected_error"))

    def warn(self, error: Exception) -> None:
        """Log the class and the source line of an unexpected error, once per source line.

        The error's text may contain a row's value and is not logged.
        """
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        at = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"
        place = f"{type(error).__name__} at {at}"
        if place not in self._warned:
            self._warned.add(place)
            log.warning(
                "An event could not be read (%s). Such events are quarantined as unexpected_error.", place
            )

    def _event(self, number: int, line: bytes) -> ParsedEvent:
        event, properties = parse_line(line)
        arrival_ms = integer_of(properties.get("$mp_api_timestamp_ms"))
        processed_ms = integer_of(properties.get("mp_processing_time_ms"))
        wall_ms = self._time_ms(properties.get("time"))
        if arrival_ms is not None and self.evidence.rows < ENOUGH_EVIDENCE and is_live(properties):
            self.evidence.add_event(wall_ms, arrival_ms, string_of(properties["mp_lib"]))
        when = self.when(wall_ms, arrival_ms if arrival_ms is not None else processed_ms)
        insert_id, distinct_id = string_of(properties.get("$insert_id")), distinct_id_as_ingested(properties)
        identity = self.identity(event, distinct_id, wall_ms // 1000, insert_id, properties)
        content = content_digest(event, wall_ms // 1000, properties)
        # Nothing can fail below: a counted event is always returned.
        if when.reading is not TimeReading.EXACT:
            self.counts[f"time_{when.reading.value}"] += 1
        self.count_merge(properties)
        self.by_event[event] += 1
        return ParsedEvent(
            number, bytes.fromhex(identity), when.milliseconds, wall_ms // 1000, processed_ms or 0, bool(insert_id),
            event, properties, content, *compaction_keys([event], [distinct_id], [insert_id]),
        )  # fmt: skip

    def count_merge(self, names: Collection[str], events: int = 1) -> None:
        """Count events with these properties if a merge has marked them without their previous id."""
        if not MERGE_MARKS.isdisjoint(names) and BEFORE_MERGE not in names:
            self.counts["merged_without_before"] += events

    def identity(
        self,
        event: str,
        distinct_id: str,
        seconds: int,
        insert_id: str,
        properties: Mapping[str, msgspec.Raw],
    ) -> str:
        """Return the ``_id`` of an event in lower-case hex, by the recipe of the day."""
        if insert_id:
            return event_id(self.project_id, event, distinct_id, seconds, insert_id)
        texts = {name: bytes(value).decode() for name, value in properties.items()}
        if self.recipe == 1:
            return event_id_without_insert_id(self.project_id, event, texts)
        return event_id_of_content(self.project_id, event, distinct_id, seconds, texts)

    def _time_ms(self, value: msgspec.Raw | None) -> int:
        """Return ``time`` in milliseconds; fractions of a millisecond are rounded down."""
        if value is None:
            raise RejectedEvent("time_missing", "time")
        text = bytes(value)
        if not _NUMBER.fullmatch(text):
            raise RejectedEvent("time_is_not_a_number", "time")
        number = float(text)
        if abs(number) > _MS_FROM_SECONDS * 1000:  # infinity, too
            raise RejectedEvent("time_out_of_range", "time")
        if not self.time_in_ms and abs(number) > _MS_FROM_SECONDS:
            raise RejectedEvent("time_is_not_in_seconds", "time")
        factor = 1 if self.time_in_ms else 1000
        if _INTEGER.fullmatch(text):
            return int(number) * factor  # exact: no double up to 2^53 loses a digit
        try:  # the double 1782907200.123 times 1000 may be a millisecond too early
            exact = _ROUND_DOWN.multiply(_ROUND_DOWN.create_decimal(text.decode()), factor)
            return int(exact.to_integral_value(ROUND_FLOOR, _ROUND_DOWN))
        except DecimalException:  # an exponent that decimal rejects, of a number close to 0
            return math.floor(number * factor)

    def when(self, wall_ms: int, arrival_ms: int | None) -> EventTime:
        """Return the instant of an event; raise ``RejectedEvent`` if the instant is not in the day or is in the future."""
        try:
            when = event_time(wall_ms, self.wall_clock_zone, arrival_ms)
        except OverflowError:
            raise RejectedEvent("time_out_of_range", "time") from None
        if when.milliseconds > self.now_ms:
            raise RejectedEvent("time_in_the_future", "time")
        if when.day != self.day:
            raise RejectedEvent("wrong_partition", "time")
        return when


def distinct_id_as_ingested(properties: Mapping[str, msgspec.Raw]) -> str:
    """Return the id under which Mixpanel ingested the event, before any merge; empty if the event has none."""
    ids = (string_of(properties.get(name)) for name in (BEFORE_MERGE, "distinct_id"))
    return next((text for text in ids if text.strip()), "")


def is_live(names: Collection[str]) -> bool:
    """Return whether an SDK sent an event with these properties; otherwise it is an import of earlier events."""
    return "mp_lib" in names and "$import" not in names


def string_of(value: msgspec.Raw | None) -> str:
    """Return a property as text: a string's content, a number's digits; empty for null."""
    if value is None:
        return ""
    raw = bytes(value)
    if raw[:1] == b'"':
        return str(msgspec.json.decode(raw, type=str))
    return "" if raw == b"null" else raw.decode()


def integer_of(value: msgspec.Raw | None) -> int | None:
    """Return a property as an integer of at most 18 characters, otherwise None."""
    raw = bytes(value) if value is not None else b""
    return int(raw) if _INTEGER.fullmatch(raw) and len(raw) < 19 else None

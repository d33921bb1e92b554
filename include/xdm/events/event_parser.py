"""Parse export lines individually: each line gives an event with its ``_id`` and instant, or a quarantine record."""

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
    compaction_texts,
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
"""The maximum number of live events of a day whose times are recorded as evidence of the time convention."""


class ParsedEvent(NamedTuple):
    """An event that was parsed from one line, with everything that its row requires."""

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
    content_digest: int
    """The digest of the event's content: ``event_id.content_digest``."""
    compaction_text: bytes
    """A text that is equal for events that Mixpanel's compaction merges: ``event_id.compaction_texts``."""


class Evidence(Protocol):
    """A recorder of the times of live events, which show the time convention (``mixpanel.time_convention``)."""

    @property
    def rows(self) -> int:
        """The number of recorded events."""

    def add_event(self, wall_ms: int, arrival_ms: int, library: str = "") -> None:
        """Record an event's ``time``, its arrival at Mixpanel's API, both in milliseconds, and its ``mp_lib``."""


@dataclass
class EventParser:
    """A parser of the lines of one partition, which also counts events while it parses.

    Attributes:
        project_id: the id of the Mixpanel project, which is part of ``_id``.
        day: the day of the partition; events of other days are rejected.
        wall_clock_zone: the zone of the project if ``time`` is a wall-clock time; None if it is UTC.
        now_ms: the time after which an event is in the future, in milliseconds since 1970.
        evidence: records the times of the first live events.
        time_in_ms: whether ``time`` is in milliseconds; otherwise it is in seconds.
        recipe: the recipe of ``_id``.
        counts: ``time_fold`` and ``time_gap``: events with a wall-clock time that existed twice or never; and
            ``merged_without_before``: events that an identity merge has marked without adding their previous id, so
            that their ``_id`` differs from that before the merge.
        by_event: the number of events by name.
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
        """Yield for each line its event, or its quarantine record with ``step, reason, field, line_number, raw``."""
        for number, line in enumerate(lines, 1):
            yield self.event(number, line)

    def event(self, number: int, line: bytes) -> ParsedEvent | JsonObject:
        """Parse a line; return its event, or the quarantine record of the line if it is rejected."""
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
        when = self.instant(wall_ms, arrival_ms if arrival_ms is not None else processed_ms)
        insert_id, distinct_id = string_of(properties.get("$insert_id")), distinct_id_as_ingested(properties)
        identity = self.compute_id(event, distinct_id, wall_ms // 1000, insert_id, properties)
        content = content_digest(event, wall_ms // 1000, properties)
        # Nothing can fail below: a counted event is always returned.
        if when.reading is not TimeReading.EXACT:
            self.counts[f"time_{when.reading.value}"] += 1
        self.count_merge(properties)
        self.by_event[event] += 1
        return ParsedEvent(
            number, bytes.fromhex(identity), when.milliseconds, wall_ms // 1000, processed_ms or 0, bool(insert_id),
            event, properties, content, *compaction_texts([event], [distinct_id], [insert_id]),
        )  # fmt: skip

    def count_merge(self, names: Collection[str], events: int = 1) -> None:
        """Count ``events`` as ``merged_without_before`` if ``names`` has a merge mark, but not ``BEFORE_MERGE``."""
        if not MERGE_MARKS.isdisjoint(names) and BEFORE_MERGE not in names:
            self.counts["merged_without_before"] += events

    def compute_id(
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
        """Return ``time`` in milliseconds, rounded down; raise ``RejectedEvent`` if it is not a plausible number."""
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

    def instant(self, wall_ms: int, arrival_ms: int | None) -> EventTime:
        """Return the instant of an event's ``time``; raise ``RejectedEvent`` if it is in another day or in the future.

        ``arrival_ms``: when the event arrived, which decides if the wall-clock time existed twice.
        """
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
    """Return the id under which Mixpanel ingested the event, before any identity merge; empty if the event has none."""
    ids = (string_of(properties.get(name)) for name in (BEFORE_MERGE, "distinct_id"))
    return next((text for text in ids if text.strip()), "")


def is_live(names: Collection[str]) -> bool:
    """Return whether an event is live: its property names show that an SDK sent it when it happened.

    The time of an imported event does not show the time convention of the project.
    """
    return "mp_lib" in names and "$import" not in names


def string_of(value: msgspec.Raw | None) -> str:
    """Return the value of a property as text: a string's content, other values as JSON; empty for null and None."""
    if value is None:
        return ""
    raw = bytes(value)
    if raw[:1] == b'"':
        return str(msgspec.json.decode(raw, type=str))
    return "" if raw == b"null" else raw.decode()


def integer_of(value: msgspec.Raw | None) -> int | None:
    """Return the value of a property as an integer; None if it is not an integer or has more than 18 characters."""
    raw = bytes(value) if value is not None else b""
    return int(raw) if _INTEGER.fullmatch(raw) and len(raw) < 19 else None

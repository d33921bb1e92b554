"""Sifts raw export lines: each becomes an event with its ``_id`` and instant, or a quarantined line with a reason."""

from __future__ import annotations

import base64
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from include.mixpanel.reading import TimeEvidence
from include.mixpanel.time import EventTime, Reading, event_time
from include.xdm.identity import event_id, event_id_without_insert_id

LINE_LIMIT_BYTES = 1_200_000  # Mixpanel takes events up to 1 MB and adds about ten properties of its own
DEPTH_LIMIT = 64
_MS_FROM_SECONDS = 10_000_000_000  # later than the year 2286 in seconds: these are milliseconds
_INTEGER = re.compile(rb"-?\d+")
ENOUGH_EVIDENCE = 20_000
"""Live events of a day that are asked how the project keeps time."""


REASONS = {
    "no_identity": "it has no distinct_id",
    "time_missing": "it has no time",
    "time_is_not_a_number": "its time is no number",
    "time_is_not_in_seconds": "its time is in milliseconds, which the pipeline does not ask for",
    "time_out_of_range": "its time is no date",
    "time_in_the_future": "it lies in the future, which AEP refuses",
    "wrong_partition": "it belongs to another day than the one exported",
    "row_too_large": f"its line is longer than {LINE_LIMIT_BYTES} bytes",
    "not_utf8": "its line is no UTF-8",
    "not_json": "its line is no JSON",
    "not_an_event": "its line is no object with event and properties",
    "nested_too_deep": f"it nests deeper than {DEPTH_LIMIT} levels",
    "duplicate_key": "a name stands in it twice",
}
"""Why an event cannot be mapped, for the report."""


class SiftedEvent(NamedTuple):
    """One event that can be mapped. ``properties`` and ``unmapped`` are JSON texts."""

    line_number: int
    id: str
    timestamp_ms: int
    processed_ms: int
    has_insert_id: bool
    event: str
    properties: str
    unmapped: str


class Refused(Exception):
    """Why a line is quarantined."""

    def __init__(self, reason: str, field_name: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.field_name = field_name


class _Line(msgspec.Struct):
    event: str
    properties: msgspec.Raw


_decode_line = msgspec.json.Decoder(_Line).decode
_decode_properties = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


@dataclass
class Sieve:
    """Sifts one partition's lines. ``counts``, names and ``evidence`` fill up while ``sift`` is iterated.

    ``unmapped_names``: how many events have each property that no mapping carries whole; ``by_event``: events by name.
    """

    project_id: int
    day: date
    wall_clock_zone: ZoneInfo | None
    now_ms: int
    mapped: frozenset[str]
    evidence: TimeEvidence
    time_in_ms: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    unmapped_names: Counter[str] = field(default_factory=Counter)
    by_event: Counter[str] = field(default_factory=Counter)

    def sift(self, lines: Iterable[bytes]) -> Iterator[SiftedEvent | dict[str, Any]]:
        """Events, and for each refused line a quarantine record ``{step, reason, field, line_number, raw}``."""
        for number, line in enumerate(lines, 1):
            try:
                yield self._event(number, line)
            except Refused as refused:
                yield quarantine_record(number, line, refused)

    def _event(self, number: int, line: bytes) -> SiftedEvent:
        event, raw, properties = _parse(line)
        ids = (_text(properties.get(name)) for name in ("$distinct_id_before_identity", "distinct_id"))
        distinct_id = next((text for text in ids if text.strip()), "")
        if not distinct_id:
            raise Refused("no_identity", "distinct_id")
        arrival_ms = _integer(properties.get("$mp_api_timestamp_ms"))
        processed_ms = _integer(properties.get("mp_processing_time_ms"))
        wall_ms = self._time_ms(properties.get("time"))
        if arrival_ms is not None and self.evidence.rows < ENOUGH_EVIDENCE and _is_live(properties):
            self.evidence.see(wall_ms, arrival_ms)
        when = self._when(wall_ms, arrival_ms if arrival_ms is not None else processed_ms)
        insert_id = _text(properties.get("$insert_id"))
        if insert_id:
            identity = event_id(self.project_id, event, distinct_id, wall_ms // 1000, insert_id)
        else:
            texts = {name: bytes(value).decode() for name, value in properties.items()}
            identity = event_id_without_insert_id(self.project_id, event, texts)
        if when.reading is not Reading.EXACT:
            self.counts[f"time_{when.reading.value}"] += 1
        unmapped = self._unmapped(properties)
        self.by_event[event] += 1
        return SiftedEvent(
            number, identity, when.milliseconds, processed_ms or 0, bool(insert_id), event, raw, unmapped
        )

    def _time_ms(self, value: msgspec.Raw | None) -> int:
        if value is None:
            raise Refused("time_missing", "time")
        text = bytes(value)
        try:
            number = float(text)
            exact = int(text) if _INTEGER.fullmatch(text) else None
        except ValueError:
            raise Refused("time_is_not_a_number", "time") from None
        if abs(number) > _MS_FROM_SECONDS * 1000:
            raise Refused("time_out_of_range", "time")
        if self.time_in_ms:
            return exact if exact is not None else int(number)
        if abs(number) > _MS_FROM_SECONDS:
            raise Refused("time_is_not_in_seconds", "time")
        return exact * 1000 if exact is not None else math.floor(number * 1000)

    def _when(self, wall_ms: int, arrival_ms: int | None) -> EventTime:
        try:
            when = event_time(wall_ms, self.wall_clock_zone, arrival_ms)
        except OverflowError:
            raise Refused("time_out_of_range", "time") from None
        if when.milliseconds > self.now_ms:
            raise Refused("time_in_the_future", "time")
        if when.day != self.day:
            raise Refused("wrong_partition", "time")
        return when

    def _unmapped(self, properties: dict[str, msgspec.Raw]) -> str:
        """The properties that no mapping carries whole, as they came; nulls and empty strings are nothing."""
        mapped = self.mapped
        kept = {name: properties[name] for name in properties if name not in mapped}
        for name in [name for name, value in kept.items() if bytes(value) in (b"null", b'""')]:
            del kept[name]
        self.unmapped_names.update(kept.keys())
        return msgspec.json.encode(kept).decode()


def _is_live(properties: Mapping[str, msgspec.Raw]) -> bool:
    """Whether an SDK sent the event, and not an import of what happened long before."""
    return "mp_lib" in properties and "$import" not in properties


def quarantine_record(number: int, line: bytes, refused: Refused) -> dict[str, Any]:
    """What quarantine keeps of a refused line: enough to say why, and to send it through again."""
    record: dict[str, Any] = {
        "step": "transform",
        "reason": refused.reason,
        "field": refused.field_name,
        "line_number": number,
    }
    try:
        record["raw"] = line.decode()
    except UnicodeDecodeError:
        record["raw_base64"] = base64.b64encode(line).decode()
    return record


def _parse(line: bytes) -> tuple[str, str, dict[str, msgspec.Raw]]:
    if len(line) > LINE_LIMIT_BYTES:
        raise Refused("row_too_large")
    try:
        line.decode()
        parsed = _decode_line(line)
    except UnicodeDecodeError:
        raise Refused("not_utf8") from None
    except msgspec.ValidationError:
        raise Refused("not_an_event") from None
    except msgspec.DecodeError:
        raise Refused("not_json") from None
    except RecursionError:
        raise Refused("nested_too_deep") from None
    raw = bytes(parsed.properties)
    if deeper_than(raw, DEPTH_LIMIT):
        raise Refused("nested_too_deep")
    try:
        properties = _decode_properties(raw)
    except msgspec.DecodeError:
        raise Refused("not_an_event", "properties") from None
    _refuse_double_keys(raw, properties)
    return parsed.event, raw.decode(), properties


def deeper_than(raw: bytes, limit: int) -> bool:
    if raw.count(b"{") + raw.count(b"[") <= limit:
        return False
    depth = 0
    for opening in re.finditer(rb'"(?:[^"\\]|\\.)*"|[{}\[\]]', raw):
        token = opening[0]
        depth += 1 if token in (b"{", b"[") else -1 if token in (b"}", b"]") else 0
        if depth > limit:
            return True
    return False


def _refuse_double_keys(raw: bytes, properties: dict[str, msgspec.Raw]) -> None:
    """Of two equal keys a parser keeps one; which one must not be left to chance."""
    # Every pair has a `":` unless white space stands between; most rows hold no other one, and end here.
    if raw.count(b'":') == len(properties) and not any(space in raw for space in (b'" ', b'"\t', b'"\r')):
        return
    least = 1 + sum([len(name.encode()) + len(bytes(value)) + 4 for name, value in properties.items()])
    if least == len(raw):  # compact JSON, as Mixpanel writes it: nothing is hidden between the pairs
        return
    try:
        json.loads(raw, object_pairs_hook=_no_double, parse_int=str, parse_float=str)
    except RecursionError:
        raise Refused("nested_too_deep") from None


def _no_double(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refused("duplicate_key")
    return found


def _text(value: msgspec.Raw | None) -> str:
    """A property as text: a string's content, a number's digits; nothing for null."""
    if value is None:
        return ""
    raw = bytes(value)
    if raw[:1] == b'"':
        return str(msgspec.json.decode(raw, type=str))
    return "" if raw == b"null" else raw.decode()


def _integer(value: msgspec.Raw | None) -> int | None:
    raw = bytes(value) if value is not None else b""
    return int(raw) if _INTEGER.fullmatch(raw) and len(raw) < 19 else None

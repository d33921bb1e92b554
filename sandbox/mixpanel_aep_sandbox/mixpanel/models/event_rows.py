"""The rows of the raw export: JSON lines in Mixpanel's form, with every number and text exactly as it was received."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from mixpanel_aep_sandbox.core.json_types import JsonObject

_STRING_OR_SPACE = re.compile(rb'("(?:[^"\\]|\\.)*")|[ \t\r\n]+')
Raw = Mapping[str, bytes]


class Row(NamedTuple):
    """An event as its export line, with the values by which the sandbox finds, sorts and counts events."""

    day: int
    """The day of ``time_ms``, in days since 1970-01-01. Exports compare it with ``from_date`` and ``to_date``."""
    visible_ms: int
    """Time from which exports return the row, in epoch milliseconds; usually the time of processing."""
    processed_ms: int
    """``mp_processing_time_ms`` in epoch milliseconds."""
    event: str
    distinct_id: str
    insert_id: str
    """``$insert_id``, or an empty text."""
    time_ms: int
    """``time`` as the export returns it, but in milliseconds: in UTC, or in the project's local time read as UTC."""
    line: bytes
    """The event as compact JSON in the export's key order, without a line end."""


class _Event(msgspec.Struct):
    event: msgspec.Raw = msgspec.Raw(b"null")
    properties: dict[str, msgspec.Raw] = {}


_decode = msgspec.json.Decoder(_Event).decode


def compact_json(text: bytes) -> bytes:
    """Return a JSON text without white space between tokens, and with raw UTF-8 instead of Unicode escapes.

    Numbers do not change.
    """
    return _STRING_OR_SPACE.sub(lambda match: _unescape(match.group(1) or b""), text)


def _unescape(text: bytes) -> bytes:
    """Return a JSON string with raw UTF-8 instead of Unicode escapes, unless it contains a lone surrogate."""
    if b"\\u" not in text:
        return text
    try:
        return json.dumps(json.loads(text), ensure_ascii=False).encode()
    except ValueError:
        return text


def quote(text: str) -> bytes:
    """Encode a text as a JSON string in raw UTF-8, as Mixpanel does; lone surrogates are encoded as well."""
    return json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogatepass")


def raw_parts(line: bytes) -> tuple[bytes, dict[str, bytes]]:
    """Return the raw JSON texts of an event's name and of its properties, by property name.

    Raises ValueError for a line that is not a JSON object with an object ``properties``.
    """
    try:
        event = _decode(line)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    return bytes(event.event), {name: bytes(value) for name, value in event.properties.items()}


def parse_event(line: bytes) -> JsonObject | None:
    """Return a line as parsed JSON, or None if the line is not a JSON object."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


def render_line(event: bytes, properties: Raw) -> bytes:
    """Return the export line of an event from raw JSON texts, without a line end.

    The properties are ``time``, ``distinct_id``, then all others in the byte order of their names, as in real exports.
    """
    first = [name for name in ("time", "distinct_id") if name in properties]
    rest = sorted((name for name in properties if name not in first), key=_bytes)
    body = b",".join(quote(name) + b":" + properties[name] for name in first + rest)
    return b'{"event":' + event + b',"properties":{' + body + b"}}"


def without_properties(line: bytes, names: frozenset[str]) -> bytes:
    """Return the line without the properties ``names``; a line that is not an event is returned unchanged."""
    try:
        event, properties = raw_parts(line)
    except ValueError:
        return line
    left = {name: value for name, value in properties.items() if name not in names}
    return line if len(left) == len(properties) else render_line(event, left)


def parse_row(line: bytes) -> Row:
    """Parse the JSON line of an event, and return its row, whose line has the form of Mixpanel's exports.

    Raises:
        ValueError: The line is not an event with numeric ``time`` and ``mp_processing_time_ms``.
    """
    try:
        event, properties = raw_parts(compact_json(line))
        values = {name: json.loads(properties[name]) for name in _USED if name in properties}
        time_ms, processed_ms = _to_milliseconds(values["time"]), int(values["mp_processing_time_ms"])
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ValueError(f"not an event with time and mp_processing_time_ms: {error}") from error
    if max(abs(time_ms), abs(processed_ms)) > _FARTHEST_MS:
        raise ValueError("time or mp_processing_time_ms is too far from 1970")
    return Row(
        day=time_ms // 86_400_000,
        visible_ms=processed_ms,
        processed_ms=processed_ms,
        event=_text(json.loads(event)),
        distinct_id=_text(values.get("distinct_id")),
        insert_id=_text(values.get("$insert_id")),
        time_ms=time_ms,
        line=render_line(event, properties),
    )


_FARTHEST_MS = 253_402_300_799_999
"""The end of the year 9999 in epoch milliseconds."""
_USED = ("time", "distinct_id", "$insert_id", "mp_processing_time_ms")


def _to_milliseconds(seconds: float | str) -> int:
    return int(float(seconds) * 1000) if not isinstance(seconds, int) else seconds * 1000


def _text(value: object) -> str:
    """Return a property's value as text for a database column: a text unchanged, None as empty, others as JSON."""
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value)
    # The line may contain lone surrogates, but the text columns of the database cannot.
    return text.encode("utf-8", "replace").decode()


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")

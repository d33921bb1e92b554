"""One event as the text that the export sends, with every number and string exactly as it was received."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from mixpanel_aep_sandbox.core.json_types import JsonObject

_LOOSE = re.compile(rb'("(?:[^"\\]|\\.)*")|[ \t\r\n]+')
Raw = Mapping[str, bytes]


class Row(NamedTuple):
    """An event and the facts that the sandbox needs without parsing it again."""

    day: int
    """Days since 1970 of the stored time: the day of ``from_date`` and ``to_date``, in both modes."""
    visible_ms: int
    """When exports begin to return the row: usually the time of processing, but Mixpanel guarantees nothing."""
    processed_ms: int
    event: str
    distinct_id: str
    insert_id: str
    time_ms: int
    line: bytes
    """Compact JSON in the export's key order, without the line end."""


class _Event(msgspec.Struct):
    event: msgspec.Raw = msgspec.Raw(b"null")
    properties: dict[str, msgspec.Raw] = {}


_decode = msgspec.json.Decoder(_Event).decode


def compact_json(text: bytes) -> bytes:
    """Return JSON without white space between its tokens, with raw UTF-8 texts and unchanged numbers."""
    return _LOOSE.sub(lambda match: _plain(match.group(1) or b""), text)


def _plain(text: bytes) -> bytes:
    """Return a JSON string without the escapes that Mixpanel does not use; lone surrogates keep theirs."""
    if b"\\u" not in text:
        return text
    try:
        return json.dumps(json.loads(text), ensure_ascii=False).encode()
    except ValueError:
        return text


def quote(text: str) -> bytes:
    """Return a JSON string as Mixpanel writes it: raw UTF-8."""
    return json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogatepass")


def raw_parts(line: bytes) -> tuple[bytes, dict[str, bytes]]:
    """Return the raw JSON texts of an event's name and of its properties.

    Raises ValueError for a line that is not an event.
    """
    try:
        event = _decode(line)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    return bytes(event.event), {name: bytes(value) for name, value in event.properties.items()}


def parse_event(line: bytes) -> JsonObject | None:
    """Parse a line as an event; return None if the line is not a JSON object."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


def render_line(event: bytes, properties: Raw) -> bytes:
    """Return the line of an event: ``time``, ``distinct_id``, then the names in byte order, as in real exports."""
    first = [name for name in ("time", "distinct_id") if name in properties]
    rest = sorted((name for name in properties if name not in first), key=_bytes)
    body = b",".join(quote(name) + b":" + properties[name] for name in first + rest)
    return b'{"event":' + event + b',"properties":{' + body + b"}}"


def without_properties(line: bytes, names: frozenset[str]) -> bytes:
    """Return the line without some properties; a line that is not an event stays as it is."""
    try:
        event, properties = raw_parts(line)
    except ValueError:
        return line
    left = {name: value for name, value in properties.items() if name not in names}
    return line if len(left) == len(properties) else render_line(event, left)


def row_of(line: bytes) -> Row:
    """Return the row of an exported line, rewritten to the export's form.

    Raises:
        ValueError: The line is not an event with numeric ``time`` and ``mp_processing_time_ms``.
    """
    try:
        event, properties = raw_parts(compact_json(line))
        known = {name: json.loads(properties[name]) for name in _KNOWN if name in properties}
        time_ms, processed_ms = _milliseconds(known["time"]), int(known["mp_processing_time_ms"])
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ValueError(f"not an event with time and mp_processing_time_ms: {error}") from error
    if max(abs(time_ms), abs(processed_ms)) > _FARTHEST_MS:
        raise ValueError("time or mp_processing_time_ms is beyond any calendar")
    return Row(
        day=time_ms // 86_400_000,
        visible_ms=processed_ms,
        processed_ms=processed_ms,
        event=_text(json.loads(event)),
        distinct_id=_text(known.get("distinct_id")),
        insert_id=_text(known.get("$insert_id")),
        time_ms=time_ms,
        line=render_line(event, properties),
    )


_FARTHEST_MS = 253_402_300_799_999
"""The end of the year 9999."""
_KNOWN = ("time", "distinct_id", "$insert_id", "mp_processing_time_ms")


def _milliseconds(seconds: float | str) -> int:
    return int(float(seconds) * 1000) if not isinstance(seconds, int) else seconds * 1000


def _text(value: object) -> str:
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value)
    # The line keeps lone surrogates; the columns for searches cannot store them.
    return text.encode("utf-8", "replace").decode()


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")

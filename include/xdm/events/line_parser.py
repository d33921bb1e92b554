"""Parse one line of an export into the event's name and properties, or reject the line with a reason."""

from __future__ import annotations

import base64
import json
import re

import msgspec

from include.json_types import JsonObject
from include.mixpanel.json_tokens import JSON_TOKEN

LINE_LIMIT_BYTES = 1_200_000  # Mixpanel accepts events up to 1 MB and adds about ten properties
DEPTH_LIMIT = 64


REASONS = {
    "time_missing": "it has no time",
    "time_is_not_a_number": "its time is not a number",
    "time_is_not_in_seconds": "its time is in milliseconds, but the pipeline does not set time_in_ms",
    "time_out_of_range": "its time is outside the years that a date can have",
    "time_in_the_future": "it is in the future, which AEP rejects",
    "wrong_partition": "it belongs to a different day than the exported one",
    "row_too_large": f"its line is longer than {LINE_LIMIT_BYTES} bytes",
    "not_utf8": "its line is invalid UTF-8",
    "not_json": "its line is invalid JSON",
    "not_an_event": "its line is not an object with event and properties",
    "nested_too_deep": f"it nests deeper than {DEPTH_LIMIT} levels",
    "duplicate_key": "it has a duplicate key",
    "unexpected_error": "this program failed to process it; the task's log names the error",
    "no_identity": "it has no distinct_id (outputs of earlier versions)",
}
"""The reasons to reject a line, each with the text that the report shows."""
INVALID_AS_SENT = frozenset({
    "time_missing", "time_is_not_a_number", "time_out_of_range", "row_too_large", "not_utf8", "not_json", "not_an_event",
    "nested_too_deep", "duplicate_key",
})  # fmt: skip
"""The reasons that lie in the line as Mixpanel returns it, so that no setting and no mapping can change them."""


class RejectedEvent(Exception):
    """A line cannot become an event and is quarantined.

    ``reason``: a key of ``REASONS``; ``field_name``: the invalid field of the event, or "".
    """

    def __init__(self, reason: str, field_name: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.field_name = field_name


class _Line(msgspec.Struct):
    event: str
    properties: msgspec.Raw


_decode_line = msgspec.json.Decoder(_Line).decode
_decode_properties = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def parse_line(line: bytes) -> tuple[str, dict[str, msgspec.Raw]]:
    """Parse a line; return the event's name, and the JSON text of each property by name.

    Raises:
        RejectedEvent: the line is not an event, or is ambiguous because of a duplicate key.
    """
    if len(line) > LINE_LIMIT_BYTES:
        raise RejectedEvent("row_too_large")
    try:
        line.decode()
        parsed = _decode_line(line)
    except UnicodeDecodeError:
        raise RejectedEvent("not_utf8") from None
    except msgspec.ValidationError:
        raise RejectedEvent("not_an_event") from None
    except msgspec.DecodeError:
        raise RejectedEvent("not_json") from None
    except RecursionError:
        raise RejectedEvent("nested_too_deep") from None
    raw = bytes(parsed.properties)
    if deeper_than(raw, DEPTH_LIMIT):
        raise RejectedEvent("nested_too_deep")
    try:
        properties = _decode_properties(raw)
    except msgspec.DecodeError:
        raise RejectedEvent("not_an_event", "properties") from None
    if not has_unique_keys(line, properties):
        _reject_duplicate_keys(line)
    return parsed.event, properties


def has_unique_keys(line: bytes, properties: dict[str, msgspec.Raw]) -> bool:
    """Return whether it is certain, without parsing the line again, that the line has no duplicate key.

    Every key is followed by ``":``, unless there is white space between the two characters. Other ``":`` are inside
    strings, after a backslash, or belong to keys of nested values. If their number differs from the number of keys, or
    a nested value is longer than its compact form, it is not certain.
    """
    if any(space in line for space in _SPACES) and _SPACED.search(line):
        return False
    others = line.count(b'":') - len(properties) - 2
    if not others:
        return True
    if b'\\\\"' in line or (escaped := line.count(b'\\":')) > others:
        return False
    bodies = [body for value in properties.values() if (body := bytes(value))[:1] in (b"{", b"[")]
    nested = sum(body.count(b'":') - body.count(b'\\":') for body in bodies)
    return others - escaped == nested and all(map(_is_compact, bodies))


_SPACES = (b'" ', b'"\t', b'"\r')
_SPACED = re.compile(rb'"[ \t\r]+:')
_decode_nested = msgspec.json.Decoder(float_hook=msgspec.Raw).decode
_encode_nested = msgspec.json.Encoder().encode


def _is_compact(body: bytes) -> bool:
    """Return whether a nested value is as long as its compact JSON; it is longer if decoding drops a duplicate key."""
    if body.count(b'":') < 2:
        return True
    try:
        return len(_encode_nested(_decode_nested(body))) == len(body)
    except (msgspec.DecodeError, RecursionError):
        return False


def quarantine_record(number: int, line: bytes, refused: RejectedEvent) -> JsonObject:
    """Return the quarantine record of a rejected line: the reason, and the line itself, as text if it is UTF-8."""
    record: JsonObject = {
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


def deeper_than(raw: bytes, limit: int) -> bool:
    """Return whether the arrays and objects of a JSON text nest deeper than ``limit`` levels."""
    if raw.count(b"{") + raw.count(b"[") <= limit:
        return False
    depth = 0
    for opening in JSON_TOKEN.finditer(raw):
        token = opening[0]
        depth += 1 if token in (b"{", b"[") else -1 if token in (b"}", b"]") else 0
        if depth > limit:
            return True
    return False


def _reject_duplicate_keys(line: bytes) -> None:
    """Reject a line with a duplicate key at any depth, because a parser keeps only one of the values."""
    try:
        json.loads(line, object_pairs_hook=_pairs_without_duplicates, parse_int=str, parse_float=str)
    except RecursionError:
        raise RejectedEvent("nested_too_deep") from None


def _pairs_without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise RejectedEvent("duplicate_key")
    return found

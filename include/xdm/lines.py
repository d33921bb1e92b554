"""An exported line becomes an event's name and its properties, read strictly; or it is refused with a reason."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import msgspec

LINE_LIMIT_BYTES = 1_200_000  # Mixpanel takes events up to 1 MB and adds about ten properties of its own
DEPTH_LIMIT = 64


REASONS = {
    "time_missing": "it has no time",
    "time_is_not_a_number": "its time is not a number",
    "time_is_not_in_seconds": "its time is in milliseconds, which the pipeline does not ask for",
    "time_out_of_range": "its time is outside the years that a date can have",
    "time_in_the_future": "it lies in the future, which AEP refuses",
    "wrong_partition": "it belongs to another day than the one exported",
    "row_too_large": f"its line is longer than {LINE_LIMIT_BYTES} bytes",
    "not_utf8": "its line is invalid UTF-8",
    "not_json": "its line is invalid JSON",
    "not_an_event": "its line is not an object with event and properties",
    "nested_too_deep": f"it nests deeper than {DEPTH_LIMIT} levels",
    "duplicate_key": "it has a duplicate key",
    "unexpected_error": "this program failed on it; the task's log names the error",
    "no_identity": "it has no distinct_id (outputs of earlier versions)",
}
"""Why an event cannot be mapped, for the report."""


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


def parse_line(line: bytes) -> tuple[str, str, dict[str, msgspec.Raw]]:
    """An event's name, its properties as one JSON text, and the JSON text of each by name.

    Raises:
        Refused: the line is not an event, or not one that can be read in only one way.
    """
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


def deeper_than(raw: bytes, limit: int) -> bool:
    """Whether brackets outside strings nest deeper than ``limit`` levels."""
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

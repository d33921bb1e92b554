"""Validation of events (mixpanel/docs: reference/import-events.mdx). Some of the error texts are assumptions [I]."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from mixpanel_aep_sandbox.core.json_types import JsonObject

MOST_EVENT_BYTES = 1024 * 1024
MOST_KEYS, MOST_ITEMS, DEEPEST = 255, 255, 3
"""Limits of an event: numbers of keys of an object and of items of a list (both exclusive), and depth of objects."""
EARLIEST_MS = 31_536_000_000
"""1971-01-01 in epoch milliseconds; imported events must not be older."""
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
TRACK_DAYS = 5
"""Maximum age of tracked events in days."""
_SMALLEST_MS = 100_000_000_000
"""A ``time`` of at least this number is in epoch milliseconds, a smaller one in epoch seconds."""
_LONGEST_INSERT_ID = 36
_INSERT_ID = re.compile(r"[A-Za-z0-9-]+")
_INVALID_IDS = frozenset(
    {
        "00000000-0000-0000-0000-000000000000",
        "anon",
        "anonymous",
        "nil",
        "none",
        "null",
        "n/a",
        "na",
        "undefined",
    }
    | {"unknown", "<nil>", "0", "-1", "true", "false", "[]", "{}"}
)
"""Values that are not allowed as a ``distinct_id`` or an ``$insert_id``, in lower case."""


@dataclass(frozen=True)
class ValidationFault:
    """The reason why a record is invalid.

    Attributes:
        field: the path of the invalid field, such as ``properties.time``; empty if the record as a whole is invalid.
        message: the error text.
    """

    field: str
    message: str


def import_fault(record: object, now_ms: int) -> ValidationFault | None:
    """Validate an event sent to ``/import``; return its first fault, or None if it is valid.

    Args:
        record: the event, which may be any JSON value.
        now_ms: the time of the request in epoch milliseconds.
    """
    if not isinstance(record, dict):
        return _NOT_AN_OBJECT
    if fault := _structure_fault(record):
        return fault
    properties = record["properties"]
    if fault := _time_fault(properties.get("time"), now_ms, EARLIEST_MS):
        return fault
    distinct_id = properties.get("distinct_id")
    if distinct_id is None:
        return _invalid("properties.distinct_id", "must not be missing")
    if not _is_text_or_integer(distinct_id) or str(distinct_id).lower() in _INVALID_IDS:
        return _invalid("properties.distinct_id", "must be a string that names a user")
    return _insert_id_fault(properties.get("$insert_id"))


def track_fault(record: object, now_ms: int) -> ValidationFault | None:
    """Validate an event sent to ``/track``, which must be at most five days old; return its first fault, or None.

    Args:
        record: the event, which may be any JSON value.
        now_ms: the time of the request in epoch milliseconds.
    """
    if not isinstance(record, dict):
        return _NOT_AN_OBJECT
    if fault := _structure_fault(record):
        return fault
    properties = record["properties"]
    if not isinstance(properties.get("token"), str) or not properties["token"]:
        return ValidationFault("properties.token", "token, missing or empty")
    if properties.get("time") is None:
        return None
    return _time_fault(properties["time"], now_ms, now_ms - TRACK_DAYS * DAY_MS)


def to_milliseconds(time: float) -> int:
    """Convert an event's ``time``, in epoch seconds or milliseconds, to epoch milliseconds."""
    return int(time) if abs(time) >= _SMALLEST_MS else int(time * 1000)


_NOT_AN_OBJECT = ValidationFault("", "the event is not an object")


def _structure_fault(record: JsonObject) -> ValidationFault | None:
    """Return the first fault of an event's name, size, keys or values, or None."""
    if not isinstance(record.get("event"), str) or not record["event"]:
        return _invalid("event", "must not be missing or empty")
    if not isinstance(record.get("properties"), dict):
        return _invalid("properties", "must be an object")
    if len(json.dumps(record, separators=(",", ":"))) > MOST_EVENT_BYTES:
        return ValidationFault("", f"the event is larger than {MOST_EVENT_BYTES} bytes")
    if not _is_utf8(record["event"]):
        return _invalid("event", "string should be valid utf8")
    if len(record["properties"]) >= MOST_KEYS:
        return _invalid("properties", f"must have fewer than {MOST_KEYS} keys")
    for name, value in record["properties"].items():
        if sentence := _value_fault(value, 0) or ("" if _is_utf8(name) else "name should be valid utf8"):
            return _invalid(f"properties.{name}", sentence)
    return None


def _value_fault(value: object, depth: int) -> str:
    """Return an error text for a property's value at this depth of nested objects, or an empty text if it is valid."""
    if isinstance(value, str):
        return "" if _is_utf8(value) else "string should be valid utf8"
    if isinstance(value, dict):
        if depth >= DEEPEST:
            return f"must not be nested deeper than {DEEPEST} levels"
        if len(value) >= MOST_KEYS:
            return f"must have fewer than {MOST_KEYS} keys"
        return next(filter(None, (_value_fault(part, depth + 1) for part in value.values())), "")
    if isinstance(value, list):
        if len(value) >= MOST_ITEMS:
            return f"must have fewer than {MOST_ITEMS} elements"
        return next(filter(None, (_value_fault(part, depth) for part in value)), "")
    return ""


def _time_fault(time: object, now_ms: int, earliest_ms: int) -> ValidationFault | None:
    name = "properties.time"
    if isinstance(time, bool) or not isinstance(time, int | float):
        return _invalid(name, "must be specified as seconds since epoch")
    if abs(time) > 10**15:
        return _invalid(name, "must be specified as seconds since epoch")
    if to_milliseconds(time) < earliest_ms:
        return _invalid(name, "is too far in the past")
    if to_milliseconds(time) > now_ms + HOUR_MS:
        return _invalid(name, "is too far in the future")
    return None


def _insert_id_fault(value: object) -> ValidationFault | None:
    name = "properties.$insert_id"
    if value is None or value == "":
        return _invalid(name, "must not be missing or empty")
    is_word = _is_text_or_integer(value) and _INSERT_ID.fullmatch(str(value)) is not None
    if not is_word or str(value).lower() in _INVALID_IDS:
        return _invalid(name, "must contain only alphanumeric characters or -")
    if len(str(value)) > _LONGEST_INSERT_ID:
        return _invalid(name, f"must not be longer than {_LONGEST_INSERT_ID} bytes")
    return None


def _is_text_or_integer(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _invalid(name: str, sentence: str) -> ValidationFault:
    return ValidationFault(name, f"'{name}' is invalid: {sentence}")

"""Conversion of accepted events to export rows (mixpanel/docs: docs/data-structure/property-reference)."""

from __future__ import annotations

import hashlib
import json
import secrets
import string
from dataclasses import dataclass

from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.mixpanel.ingestion.validation import to_milliseconds
from mixpanel_aep_sandbox.mixpanel.models.event_rows import Row, parse_row, quote, render_line
from mixpanel_aep_sandbox.mixpanel.models.projects import Project

_MAX_TEXT_LENGTH = 255
_NOT_STORED = ("token", "ip", "$ip")
"""Properties that are not stored. Mixpanel derives a place from the IP address; the sandbox does not."""


@dataclass(frozen=True)
class Arrival:
    """What all events of one ingestion request have in common: when, where and how they arrived."""

    now_ms: int
    """Time of the request in epoch milliseconds."""
    endpoint: str
    """The Mixpanel host that the client called."""
    address: str
    """The client's IP address."""
    imported: bool
    """Whether the events came through ``/import``."""


def make_row(project: Project, record: JsonObject, arrival: Arrival) -> Row:
    """Return the export row of a valid event: adds Mixpanel's own properties and truncates long texts."""
    given = record["properties"]
    in_bytes = project.switches.truncation == "bytes"
    properties = {
        _truncate_text(name, in_bytes): _truncate_values(value, in_bytes)
        for name, value in given.items()
        if name not in _NOT_STORED
    }
    time = given.get("time")
    instant_ms = arrival.now_ms if time is None else min(to_milliseconds(time), arrival.now_ms)
    shown_ms = project.stored_ms(instant_ms)
    properties |= {
        "time": shown_ms // 1000,
        "distinct_id": _choose_distinct_id(properties, arrival),
        "$insert_id": properties.get("$insert_id") or _generate_insert_id(),
        "$mp_api_endpoint": arrival.endpoint,
        "$mp_api_timestamp_ms": arrival.now_ms,
        "$mp_event_size": len(json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode()),
        "mp_processing_time_ms": arrival.now_ms,
        **({"$import": True} if arrival.imported else {}),
    }
    raw = {name: _to_json(value) for name, value in properties.items()}
    row = parse_row(render_line(quote(_truncate_text(record["event"], in_bytes)), raw))
    return row._replace(time_ms=shown_ms)


def is_ignored(record: JsonObject) -> bool:
    """Return whether an event has the reserved property ``$ignore``, which means that Mixpanel does not store it."""
    return record["properties"].get("$ignore") is True


def _choose_distinct_id(properties: JsonObject, arrival: Arrival) -> object:
    """Return ``distinct_id``, ``$user_id`` or ``$device_id``, the first that exists; else a hash of the IP address."""
    if properties.get("distinct_id") is not None:
        return properties["distinct_id"]
    if properties.get("$user_id"):
        return properties["$user_id"]
    if properties.get("$device_id"):
        return f"$device:{properties['$device_id']}"
    return hashlib.sha256(arrival.address.encode()).hexdigest()[:32]


def _generate_insert_id() -> str:
    return "".join(secrets.choice(string.ascii_letters) for _ in range(36))


def _truncate_values(value: object, in_bytes: bool) -> object:
    """Return the value with all texts in it truncated, including names of keys."""
    if isinstance(value, str):
        return _truncate_text(value, in_bytes)
    if isinstance(value, list):
        return [_truncate_values(part, in_bytes) for part in value]
    if isinstance(value, dict):
        return {
            _truncate_text(name, in_bytes): _truncate_values(part, in_bytes) for name, part in value.items()
        }
    return value


def _truncate_text(text: str, in_bytes: bool) -> str:
    """Return the first 255 characters, or bytes if ``in_bytes``; an incomplete last character becomes U+FFFD."""
    if in_bytes:
        return text.encode()[:_MAX_TEXT_LENGTH].decode("utf-8", "replace")
    return text[:_MAX_TEXT_LENGTH]


def _to_json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")

"""Accepted events, as Mixpanel stores and exports them (mixpanel/docs: docs/data-structure/property-reference)."""

from __future__ import annotations

import hashlib
import json
import secrets
import string
from dataclasses import dataclass

from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.mixpanel.ingestion.validation import milliseconds
from mixpanel_aep_sandbox.mixpanel.models.event_rows import Row, quote, render_line, row_of
from mixpanel_aep_sandbox.mixpanel.models.projects import Project

_LONGEST = 255
_GONE = ("token", "ip", "$ip")
"""Properties that are read at ingestion and not stored; the sandbox has no table of places for IP addresses."""


@dataclass(frozen=True)
class Arrival:
    """Facts of a request that apply to all its events."""

    now_ms: int
    endpoint: str
    """The host that was called."""
    address: str
    imported: bool


def stored_row(project: Project, record: JsonObject, arrival: Arrival) -> Row:
    """Return the row of a valid event."""
    given = record["properties"]
    in_bytes = project.switches.truncation == "bytes"
    properties = {
        _cut_text(name, in_bytes): _shorten_values(value, in_bytes)
        for name, value in given.items()
        if name not in _GONE
    }
    time = given.get("time")
    instant_ms = arrival.now_ms if time is None else min(milliseconds(time), arrival.now_ms)
    shown_ms = project.stored_ms(instant_ms)
    properties |= {
        "time": shown_ms // 1000,
        "distinct_id": _distinct_id(properties, arrival),
        "$insert_id": properties.get("$insert_id") or _generated_insert_id(),
        "$mp_api_endpoint": arrival.endpoint,
        "$mp_api_timestamp_ms": arrival.now_ms,
        "$mp_event_size": len(json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode()),
        "mp_processing_time_ms": arrival.now_ms,
        **({"$import": True} if arrival.imported else {}),
    }
    raw = {name: _raw(value) for name, value in properties.items()}
    row = row_of(render_line(quote(_cut_text(record["event"], in_bytes)), raw))
    return row._replace(time_ms=shown_ms)


def is_ignored(record: JsonObject) -> bool:
    """Return whether an event has ``$ignore``, a reserved property: the event is not stored."""
    return record["properties"].get("$ignore") is True


def _distinct_id(properties: JsonObject, arrival: Arrival) -> object:
    """Return the id as sent, else from the event's identities, else a hash of the client's address."""
    if properties.get("distinct_id") is not None:
        return properties["distinct_id"]
    if properties.get("$user_id"):
        return properties["$user_id"]
    if properties.get("$device_id"):
        return f"$device:{properties['$device_id']}"
    return hashlib.sha256(arrival.address.encode()).hexdigest()[:32]


def _generated_insert_id() -> str:
    return "".join(secrets.choice(string.ascii_letters) for _ in range(36))


def _shorten_values(value: object, in_bytes: bool) -> object:
    if isinstance(value, str):
        return _cut_text(value, in_bytes)
    if isinstance(value, list):
        return [_shorten_values(part, in_bytes) for part in value]
    if isinstance(value, dict):
        return {_cut_text(name, in_bytes): _shorten_values(part, in_bytes) for name, part in value.items()}
    return value


def _cut_text(text: str, in_bytes: bool) -> str:
    """Return at most 255 characters, or bytes; a cut character becomes U+FFFD."""
    if in_bytes:
        return text.encode()[:_LONGEST].decode("utf-8", "replace")
    return text[:_LONGEST]


def _raw(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")

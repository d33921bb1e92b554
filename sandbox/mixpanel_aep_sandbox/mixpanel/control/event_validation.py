"""Parsing and validation of events that a request to the control plane adds to a project."""

from __future__ import annotations

import base64
import json
from typing import Annotated

import msgspec

from mixpanel_aep_sandbox.core.timestamps import to_milliseconds
from mixpanel_aep_sandbox.mixpanel.models.event_rows import (
    Row,
    compact_json,
    parse_row,
    quote,
    raw_parts,
    render_line,
)
from mixpanel_aep_sandbox.mixpanel.models.projects import Project

_TIME = float | str | None


class InvalidEventsError(ValueError):
    """The body of a request to add events is invalid; the message is one sentence that names the event or line."""


class _EventInput(msgspec.Struct, forbid_unknown_fields=True):
    event: msgspec.Raw = msgspec.Raw(b"")
    properties: dict[str, msgspec.Raw] = {}
    at: _TIME = None
    processed_at: _TIME = None
    visible_at: _TIME = None
    line: str | None = None
    line_base64: str | None = None
    copies: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    events: list[_EventInput] = []
    lines: list[str] = []


def parse_events(body: bytes, project: Project, now_ms: int) -> list[Row]:
    """Return the rows to store for the events and lines in the body of a request to add events.

    ``mixpanel_event`` in ``openapi/mixpanel_control.yaml`` describes the body.

    Args:
        body: the body of the request.
        project: the project to which the events are added.
        now_ms: the time of events that have none, in epoch milliseconds.

    Raises:
        InvalidEventsError: The body, an event or a line is invalid.
    """
    try:
        given = msgspec.json.decode(body, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidEventsError(f"The body is invalid: {error}.") from error
    rows = []
    for number, event in enumerate(given.events):
        try:
            row = _make_row(event, project, now_ms)
        except (ValueError, TypeError) as error:
            raise InvalidEventsError(f"Event {number} is invalid: {error}.") from error
        rows += [row] * event.copies
    for number, line in enumerate(given.lines):
        try:
            rows.append(parse_row(line.encode("utf-8", "surrogatepass")))
        except ValueError as error:
            raise InvalidEventsError(f"Line {number} is invalid: {error}.") from error
    return rows


def _make_row(given: _EventInput, project: Project, now_ms: int) -> Row:
    """Return the row of one event in the body. Raises ValueError or TypeError if the event is invalid."""
    if given.line is not None:
        return _make_raw_row(given.line.encode("utf-8", "surrogatepass"), given, project, now_ms)
    if given.line_base64 is not None:
        return _make_raw_row(base64.b64decode(given.line_base64, validate=True), given, project, now_ms)
    properties = {name: compact_json(bytes(raw)) for name, raw in given.properties.items()}
    shown_ms = None
    if "time" not in properties:
        shown_ms = project.stored_ms(to_milliseconds(given.at) if given.at is not None else now_ms)
        properties["time"] = b"%d" % (shown_ms // 1000)
    if given.processed_at is not None or "mp_processing_time_ms" not in properties:
        processed = to_milliseconds(given.processed_at) if given.processed_at is not None else now_ms
        properties["mp_processing_time_ms"] = b"%d" % processed
    row = parse_row(render_line(compact_json(bytes(given.event)) or quote("Event"), properties))
    visible_ms = row.visible_ms if given.visible_at is None else to_milliseconds(given.visible_at)
    return row._replace(visible_ms=visible_ms, time_ms=row.time_ms if shown_ms is None else shown_ms)


def _make_raw_row(line: bytes, given: _EventInput, project: Project, now_ms: int) -> Row:
    """Return a row for a line that exports return unchanged, even if the line is not an event.

    Args:
        line: the line, without a line end.
        given: the event in the body; its ``at`` determines the day on which the line is exported.
        project: the project to which the line is added.
        now_ms: the time of processing if the body has none, in epoch milliseconds.
    """
    if b"\n" in line:
        raise ValueError("a raw line must not contain a line feed")
    if given.at is None:
        raise ValueError("a raw line needs 'at', which determines the day on which it is exported")
    time_ms = project.stored_ms(to_milliseconds(given.at))
    processed = to_milliseconds(given.processed_at) if given.processed_at is not None else now_ms
    visible = to_milliseconds(given.visible_at) if given.visible_at is not None else processed
    event, distinct_id, insert_id = _identifiers(line)
    return Row(time_ms // 86_400_000, visible, processed, event, distinct_id, insert_id, time_ms, line)


def _identifiers(line: bytes) -> tuple[str, str, str]:
    """Return the event name, ``distinct_id`` and ``$insert_id`` of a line; all empty if one is missing."""
    try:
        event, properties = raw_parts(line)
        found = [json.loads(raw) for raw in (event, properties["distinct_id"], properties["$insert_id"])]
    except (KeyError, ValueError, RecursionError):
        return "", "", ""
    return tuple(value if isinstance(value, str) else "" for value in found)  # type: ignore[return-value]

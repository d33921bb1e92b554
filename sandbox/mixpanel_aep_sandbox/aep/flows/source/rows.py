"""Conversion of a line of Mixpanel's export to the row that a mapping set reads."""

from __future__ import annotations

import json
from typing import NoReturn

from mixpanel_aep_sandbox.core.json_types import JsonObject


class InvalidEvent(ValueError):
    """A line is not an event: Mixpanel's response was cut off, or contains another text."""


def event_of(line: bytes) -> JsonObject:
    """Return the event of a line, as Mixpanel sent it. Raises InvalidEvent, also for an incomplete last line."""
    try:
        if not line.endswith(b"\n"):
            raise ValueError("the line has no end")
        event = json.loads(line.decode("utf-8", "replace"), parse_constant=_fail)
    except (ValueError, RecursionError) as error:
        raise InvalidEvent("a line of the response is not JSON") from error
    if not isinstance(event, dict) or not isinstance(event.get("properties"), dict) or "event" not in event:
        raise InvalidEvent("a line of the response is not an event")
    return event


def source_row(event: JsonObject) -> JsonObject:
    """Return an event with the source's names: ``event`` and ``properties``, as exploring shows them, and ``data``.

    Adobe's mappings read ``data.event_name`` and ``data.insert_id`` where exploring shows ``event`` and
    ``properties.$insert_id``; the conversion is not documented. Here a ``$`` at the beginning is removed unless the name
    without it exists too [I].
    """
    properties = event["properties"]
    data = {
        name[1:] if name.startswith("$") and name[1:] not in properties else name: value
        for name, value in properties.items()
    }
    return {"event": event["event"], "properties": properties, "data": data | {"event_name": event["event"]}}


def _fail(name: str) -> NoReturn:
    raise ValueError(f"{name} is not valid JSON")

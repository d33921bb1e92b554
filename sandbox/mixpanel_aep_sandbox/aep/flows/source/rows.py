"""Conversion of lines of Mixpanel's export to the source rows that mapping sets read."""

from __future__ import annotations

import json
from typing import NoReturn

from mixpanel_aep_sandbox.core.json_types import JsonObject


class InvalidEvent(ValueError):
    """A line of an export is not an event, because the response was truncated or contains another text."""


def parse_event(line: bytes) -> JsonObject:
    """Return the event in a line of an export as parsed JSON.

    Raises InvalidEvent if the line is not an event, or has no line feed because the response was truncated.
    """
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
    """Return the source row of an event: ``event`` and ``properties`` as exported, and ``data`` with other names.

    Adobe's mappings read ``data.event_name`` and ``data.insert_id``, but the exploration of a source returns ``event``
    and ``properties.$insert_id``. The conversion is not documented; the sandbox removes ``$`` at the beginning of a
    name, unless the event also has the name without ``$`` (assumed [I]).
    """
    properties = event["properties"]
    data = {
        name[1:] if name.startswith("$") and name[1:] not in properties else name: value
        for name, value in properties.items()
    }
    return {"event": event["event"], "properties": properties, "data": data | {"event_name": event["event"]}}


def _fail(name: str) -> NoReturn:
    raise ValueError(f"{name} is not valid JSON")

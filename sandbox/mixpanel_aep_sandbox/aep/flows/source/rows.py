"""A line of Mixpanel's export as the row that a mapping set reads."""

from __future__ import annotations

import json
from typing import Any

Row = dict[str, Any]


class InvalidEvent(ValueError):
    """A line that is no event: Mixpanel has broken off, or said something else."""


def event_of(line: bytes) -> Row:
    """The event of a line, as Mixpanel sent it. Raises NoEvent, also for a last line that has no end."""
    try:
        if not line.endswith(b"\n"):
            raise ValueError("the line has no end")
        event = json.loads(line.decode("utf-8", "replace"), parse_constant=_fail)
    except (ValueError, RecursionError) as error:
        raise InvalidEvent("a line of the answer is no JSON") from error
    if not isinstance(event, dict) or not isinstance(event.get("properties"), dict) or "event" not in event:
        raise InvalidEvent("a line of the answer is no event")
    return event


def source_row(event: Row) -> Row:
    """An event under the names of the source: ``event`` and ``properties`` as a look into it shows them, and ``data``.

    Adobe's mappings read ``data.event_name`` and ``data.insert_id`` where exploring shows ``event`` and
    ``properties.$insert_id``; how one becomes the other is documented nowhere. Here a ``$`` at the beginning is
    dropped unless the name without it is there too [I].
    """
    properties = event["properties"]
    data = {
        name[1:] if name.startswith("$") and name[1:] not in properties else name: value
        for name, value in properties.items()
    }
    return {"event": event["event"], "properties": properties, "data": data | {"event_name": event["event"]}}


def _fail(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")

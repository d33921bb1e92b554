"""Read the values at a mapping's source paths from events: as JSON values, or as JSON texts for expressions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from include.xdm.convert.values import Value, decode_value, encode_value, parse_text
from include.xdm.dataprep.functions.values import number_text
from include.xdm.dataprep.language.paths import Path, Step
from include.xdm.events.flat_properties import FlatProperties
from include.xdm.events.shapes import Properties, encode_lines, types_of

_normal = msgspec.json.Decoder(float_hook=lambda text: msgspec.Raw(number_text(text).encode())).decode
MISSING = object()
_READ_AS_WRITTEN = {str, int, bool, type(None)}
"""Types of values that expressions read as ``msgspec`` encodes them; values of other types may need normalization."""


class SourceValues:
    """The values at the source paths of a mapping set in the events of a block, as one column for each path.

    The values of a property are decoded once, and cached. ``events``: the names of the events; ``properties``: their
    properties in the same order.
    """

    def __init__(self, events: Sequence[str], properties: Properties | FlatProperties) -> None:
        self._events, self._properties = events, properties
        self.rows = len(events)
        self._values: dict[str, list[Value]] = {}

    def __contains__(self, name: str) -> bool:
        """Return whether at least one event of the block has the property."""
        return name in self._properties

    def property(self, name: str) -> list[Value]:
        """Return the value of a property for each event; None for an event without the property."""
        if name not in self._values:
            self._values[name] = self._properties.values(name)
        return self._values[name]

    def values(self, path: Path) -> Sequence[Value]:
        """Return the value at a path for each event; None for an event without the path.

        If the path continues inside a property that is a string, the string is parsed as JSON.
        """
        if path == ("event",):
            return self._events
        if path[0] == "event":  # the event's name, copied to an object member by member
            return [_value_inside(event, path[1:]) for event in self._events]
        if len(path) == 1:
            return list(map(decode_value, _lines(self._properties.objects())))
        top = self.property(str(path[1]))
        if len(path) == 2:
            return top
        return [None if value is None else _value_inside(value, path[2:]) for value in top]

    def texts(self, path: Path, *, raw: bool = False) -> list[str | None]:
        """Return the JSON text at a path for each event, as expressions read it; None for null or an absent path.

        ``raw``: numbers keep their digits and notation; otherwise they are normalized.
        """
        text = _raw_text if raw else _input_text
        if path == ("event",):
            return [encode_value(event) for event in self._events]
        if len(path) == 1:
            return list(map(text, _lines(self._properties.objects())))
        name = str(path[1])
        if len(path) > 2:
            return [_text_inside(value, path[2:], text) for value in self.property(name)]
        return _texts(self._properties.texts(name), text)

    def exists(self, path: Path) -> list[bool]:
        """Return for each event whether the path exists, even with the value null."""
        name = str(path[1])
        if len(path) == 2:
            return self._properties.has(name)
        return [descend(value, path[2:]) is not MISSING for value in self.property(name)]


def is_present(value: Value) -> bool:
    """Return whether a value counts as present: it is neither null nor an empty text."""
    return value is not None and value != ""


def descend(value: Value, steps: Sequence[Step]) -> Value:
    """Return the value at a path inside an object or array; MISSING if the path does not exist."""
    for step in steps:
        if isinstance(value, dict):
            value = value.get(str(step), MISSING)
        elif isinstance(value, list):
            place = _position(step)
            value = value[place] if 0 <= place < len(value) else MISSING
        else:
            return MISSING
    return value


def _position(step: Step) -> int:
    if isinstance(step, int):
        return step
    text = str(step)
    return (
        int(text) if text.isascii() and text.isdigit() and len(text) < 10 and text == str(int(text)) else -1
    )


def _value_inside(value: Value, steps: Sequence[Step]) -> Value:
    if isinstance(value, str):
        if not value.startswith(("{", "[")):
            return None
        try:
            value = parse_text(value)
        except (ValueError, RecursionError):
            return None
    found = descend(value, steps)
    return None if found is MISSING else found


def _text_inside(value: Value, steps: Sequence[Step], text: Callable[[bytes], str | None]) -> str | None:
    found = descend(value, steps)
    return None if found is MISSING or found is None else text(encode_value(found).encode())


def _raw_text(raw: msgspec.Raw | bytes) -> str | None:
    body = bytes(raw)
    return None if body == b"null" else body.decode()


def _input_text(raw: msgspec.Raw | bytes) -> str | None:
    """Return a JSON text normalized to DuckDB's form, so that equal values are equal texts; None for null."""
    body = bytes(raw)
    if body == b"null":
        return None
    text = body.decode()
    if body[:1] == b'"':
        return text if b"\\" not in body else encode_value(msgspec.json.decode(body))
    if body[:1] in (b"{", b"["):
        try:
            return encode_value(_normal(body))
        except msgspec.ValidationError:  # an integer with more digits than Python converts
            return text
    if body[:1].isdigit() or body[:1] == b"-":
        if any(sign in body for sign in (b".", b"e", b"E")):
            return number_text(text)
        return "0" if text == "-0" else text
    return text


def _texts(column: Sequence[Value], text: Callable[[bytes], str | None]) -> list[str | None]:
    if types_of(column) <= _READ_AS_WRITTEN:
        return [None if line == "null" else line for line in encode_lines(column).decode().split("\n")[:-1]]
    return list(map(text, _lines(column)))


def _lines(values: Sequence[Value]) -> list[bytes]:
    return encode_lines(values).split(b"\n")[:-1]

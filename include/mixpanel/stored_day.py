"""Reads the day or a single property of an event line, without decoding the values of the other properties."""

from __future__ import annotations

import math
import re
from datetime import date, timedelta

import msgspec

from include.mixpanel.json_tokens import JSON_TOKEN

_EPOCH = date(1970, 1, 1)
_DAY_SECONDS = 86_400
_NUMBER = re.compile(rb"\s*:\s*(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)")


class _Line(msgspec.Struct):
    properties: dict[str, msgspec.Raw]


_decode = msgspec.json.Decoder(_Line).decode


def stored_day(line: bytes, *, in_ms: bool) -> date | None:
    """Return the day whose export contains an event line; None if its ``time`` is missing or is not a valid date.

    Mixpanel exports by the day of ``time`` as it is stored, without a time zone conversion. ``in_ms``: whether ``time``
    is in milliseconds instead of seconds.
    """
    text = property_text(line, "time")
    try:
        seconds = float(text or "") / (1000 if in_ms else 1)
        return _EPOCH + timedelta(days=math.floor(seconds / _DAY_SECONDS))
    except (ValueError, OverflowError):
        return None


def property_text(line: bytes, name: str) -> str | None:
    """Return the JSON text of the property ``name`` of an event line.

    None if the line is not an event or does not have the property. In a line that is nested too deeply for the parser,
    only properties whose value is a number are found.
    """
    try:
        value = _decode(line).properties.get(name)
    except RecursionError:
        return _number_at_the_top(line, f'"{name}"'.encode())
    except (msgspec.MsgspecError, ValueError):
        return None
    return bytes(value).decode("utf-8", "replace") if value is not None else None


def _number_at_the_top(line: bytes, key: bytes) -> str | None:
    """Return the text of the number after ``key`` at nesting depth 2 of a JSON line; None if it is not found."""
    depth = 0
    for token in JSON_TOKEN.finditer(line):
        if token[0] in (b"{", b"["):
            depth += 1
        elif token[0] in (b"}", b"]"):
            depth -= 1
        elif depth == 2 and token[0] == key and (number := _NUMBER.match(line, token.end())):
            return number[1].decode()
    return None

"""Equality and order of values, as JEXL has them."""

from __future__ import annotations

import json
from typing import Any

from include.xdm.dataprep.functions.values import Json, boolean, is_number, number, text_of

_TRUTHS = ("true", "false")


def truth(value: Json) -> bool:
    """A value as a condition: booleans, the words for them, and numbers but 0.

    Raises:
        Failure: it is none of these.
    """
    return number(value) != 0 if is_number(value) else boolean(value)


def equal(one: Json | None, other: Json | None) -> bool:
    """Null equals null alone. A boolean is compared as booleans are, a number as numbers, all else as texts.

    Raises:
        Failure: one of the two cannot be read as the other one's type.
    """
    if one is None or other is None:
        return one is other
    if one[:1] in ("[", "{") or other[:1] in ("[", "{"):
        return bool(_exact(json.loads(one)) == _exact(json.loads(other)))
    if is_number(one) and is_number(other):
        return number(one) == number(other)
    if one in _TRUTHS or other in _TRUTHS:
        return truth(one) == truth(other)
    if is_number(one) or is_number(other):
        return number(text_of(one)) == number(text_of(other))
    return text_of(one) == text_of(other)


def equal_items(one: Json, other: Json) -> bool:
    return equal(None if one == "null" else one, None if other == "null" else other)


def _exact(value: Any) -> Any:
    """A value in which true is not 1."""
    if isinstance(value, list):
        return [_exact(item) for item in value]
    if isinstance(value, dict):
        return {name: _exact(item) for name, item in value.items()}
    return (type(value) is bool, value)


def compare(one: Json, other: Json) -> int:
    """Below, at or above 0: as numbers when one of the two is a number, else as texts.

    Raises:
        Failure: an array, an object, or a text beside a number that is none.
    """
    if is_number(one) or is_number(other):
        return _sign(number(text_of(one)), number(text_of(other)))
    return _sign(text_of(one), text_of(other))


def _sign(one: float | str, other: float | str) -> int:
    return (one > other) - (one < other)  # type: ignore[operator]

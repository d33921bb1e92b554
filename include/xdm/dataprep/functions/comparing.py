"""Equality and order of values, as in JEXL."""

from __future__ import annotations

import json
from typing import Any

from include.xdm.dataprep.functions.values import Json, boolean, is_number, number, text_of

_TRUTHS = ("true", "false")


def truth(value: Json) -> bool:
    """Return a value as a condition: a boolean, a word for one, or a number, of which only 0 is false.

    Raises:
        Failure: the value cannot be a condition.
    """
    return number(value) != 0 if is_number(value) else boolean(value)


def equal(one: Json | None, other: Json | None) -> bool:
    """Return whether two values are equal; null equals only null.

    If one is a boolean, both are compared as booleans; if one is a number, as numbers; otherwise as texts.

    Raises:
        Failure: a value cannot be converted to the type of the other one.
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
    """Return whether two items of arrays are equal."""
    return equal(None if one == "null" else one, None if other == "null" else other)


def _exact(value: Any) -> Any:
    """Return a value in which true differs from 1."""
    if isinstance(value, list):
        return [_exact(item) for item in value]
    if isinstance(value, dict):
        return {name: _exact(item) for name, item in value.items()}
    return (type(value) is bool, value)


def compare(one: Json, other: Json) -> int:
    """Return a number below, equal to or above 0, by comparing as numbers if one value is a number, otherwise as texts.

    Raises:
        Failure: a value is an array or an object, or one is a number and the other one a text that is not a number.
    """
    if is_number(one) or is_number(other):
        return _sign(number(text_of(one)), number(text_of(other)))
    return _sign(text_of(one), text_of(other))


def _sign(one: float | str, other: float | str) -> int:
    return (one > other) - (one < other)  # type: ignore[operator]

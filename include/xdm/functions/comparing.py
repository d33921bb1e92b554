"""Equality and order of values, as JEXL has them."""

from __future__ import annotations

import json

from include.xdm.functions.registry import Failure
from include.xdm.functions.values import Json, array, is_number, is_string, members, number, text_of


def equal(one: Json | None, other: Json | None) -> bool:
    """A number equals the string that writes it; nothing but null equals null."""
    if one is None or other is None:
        return one is other
    if one == other:
        return True
    if is_number(one) or is_number(other):
        try:
            return number(text_of(one) or "") == number(text_of(other) or "")
        except Failure:
            return False
    if is_string(one) or is_string(other):
        return text_of(one) == text_of(other)
    return _same(one, other)


def _same(one: Json, other: Json) -> bool:
    """Arrays and objects, item by item."""
    if one.startswith("[") and other.startswith("["):
        items, others = array(one), array(other)
        return len(items) == len(others) and all(map(equal_items, items, others))
    if one.startswith("{") and other.startswith("{"):
        pairs, more = members(one), members(other)
        return pairs.keys() == more.keys() and all(equal_items(pairs[name], more[name]) for name in pairs)
    return False


def equal_items(one: Json, other: Json) -> bool:
    return equal(None if one == "null" else one, None if other == "null" else other)


def compare(one: Json, other: Json) -> int:
    """Below, at or above 0.

    Raises:
        Failure: the two have no order.
    """
    first, second = (one, other) if is_number(one) == is_number(other) else map(_numeric, (one, other))
    if is_number(first):
        return _sign(number(first), number(second))
    if is_string(first) and is_string(second):
        return _sign(json.loads(first), json.loads(second))
    if {first, second} <= {"true", "false"}:
        return _sign(int(first == "true"), int(second == "true"))
    raise Failure("the two cannot be compared")


def _numeric(value: Json) -> Json:
    text = (text_of(value) or "").strip()
    number(text)
    return text


def _sign(one: float | str, other: float | str) -> int:
    return (one > other) - (one < other)  # type: ignore[operator]

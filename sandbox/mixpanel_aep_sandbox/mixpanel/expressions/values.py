"""Operators and functions of segmentation expressions, with their results for values of unsuitable types."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Final, TypeAlias, TypeGuard

Event: TypeAlias = Mapping[str, object]
Function: TypeAlias = Callable[[object], object]
Operator: TypeAlias = Callable[[object, object], object]


class _Undefined:
    def __repr__(self) -> str:
        return "undefined"


_MAX_SECONDS = 1e15
_MOST_DIGITS = 308
_LARGEST = 10**_MOST_DIGITS
"""About the largest 64-bit float; larger results are undefined, because calculations with them would be slow."""
UNDEFINED: Final = _Undefined()
"""The reference's undefined value, for example of a missing property."""


def look_up(event: Event, name: str) -> object:
    """Return the value of a property of an event, or ``UNDEFINED``.

    ``$time``, ``$event_name`` and ``$distinct_id`` are aliases that do not occur in exported rows. ``time`` is always
    undefined: users observed that filters on ``time`` match nothing.
    """
    properties = event.get("properties")
    if not isinstance(properties, Mapping) or name == "time":
        return UNDEFINED
    if name == "$event_name":
        return event.get("event", UNDEFINED)
    return properties.get({"$time": "time", "$distinct_id": "distinct_id"}.get(name, name), UNDEFINED)


def look_up_user(event: Event, name: str) -> object:
    """Return the value of a property of the user's profile, which is the event's key ``user``, or ``UNDEFINED``."""
    user = event.get("user")
    return user.get(name, UNDEFINED) if isinstance(user, Mapping) else UNDEFINED


class Moment(float):
    """The result of ``datetime()``: a point in time in epoch seconds, which can be compared with a date in a text."""


def type_name(value: object) -> str:
    """Return the reference's name of a value's type, such as ``number``, ``list`` or ``undefined``."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return {str: "string", list: "list", type(None): "null", _Undefined: "undefined"}.get(
        type(value), "object"
    )


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a value is a number; booleans are not numbers."""
    return type_name(value) == "number"


def equal(left: object, right: object) -> bool:
    """Return the result of ``==``; values of different types are not equal."""
    left, right = _convert_dates(left, right)
    return type_name(left) == type_name(right) and bool(left == right)


def _convert_dates(left: object, right: object) -> tuple[object, object]:
    """Return both values; if one is a Moment and the other a text, the text is converted to a Moment."""
    if isinstance(left, Moment) and isinstance(right, str):
        return left, to_time(right)
    if isinstance(right, Moment) and isinstance(left, str):
        return to_time(left), right
    return left, right


def _make_comparison(compare: Callable[..., bool]) -> Operator:
    """Return an operator that compares two numbers or two texts; other values give ``UNDEFINED``."""

    def operator_function(left: object, right: object) -> object:
        left, right = _convert_dates(left, right)
        if type_name(left) == type_name(right) and type_name(left) in ("number", "string"):
            return compare(left, right)
        return UNDEFINED

    return operator_function


def contains(left: object, right: object) -> object:
    """Return the result of ``left in right``: whether a list contains a value, or a text contains another text."""
    if isinstance(right, list):
        return any(equal(left, item) for item in right)
    if isinstance(left, str) and isinstance(right, str):
        return left in right
    return UNDEFINED


def logical_or(left: object, right: object) -> bool:
    """Return the result of ``or``: whether at least one value is true."""
    return left is True or right is True


def logical_and(left: object, right: object) -> bool:
    """Return the result of ``and``: whether both values are true."""
    return left is True and right is True


def logical_not(value: object) -> object:
    """Return the result of ``not``: the inverse of a boolean, true for ``UNDEFINED``, else ``UNDEFINED``."""
    if isinstance(value, bool):
        return not value
    return True if value is UNDEFINED else UNDEFINED


def add(left: object, right: object) -> object:
    """Return the sum of two numbers, or the concatenation of two texts; other values give ``UNDEFINED``."""
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    return _calculate(operator.add, left, right)


def subtract(left: object, right: object) -> object:
    """Return the difference of two numbers; other values give ``UNDEFINED``."""
    return _calculate(operator.sub, left, right)


def negative(value: object) -> object:
    """Return a number with the opposite sign; other values give ``UNDEFINED``."""
    return subtract(0, value)


def multiply(left: object, right: object) -> object:
    """Return the product of two numbers; other values give ``UNDEFINED``."""
    return _calculate(operator.mul, left, right)


def divide(left: object, right: object) -> object:
    """Return the quotient of two numbers; division by zero and other values give ``UNDEFINED``."""
    return _calculate(operator.truediv, left, right) if right else UNDEFINED


def remainder(left: object, right: object) -> object:
    """Return the remainder of the division of two numbers; division by zero and other values give ``UNDEFINED``."""
    return _calculate(math.fmod, left, right) if right else UNDEFINED


def _calculate(compute: Callable[[float, float], float], left: object, right: object) -> object:
    if not is_number(left) or not is_number(right):
        return UNDEFINED
    try:
        found = compute(left, right)
    except (ArithmeticError, ValueError):
        return UNDEFINED
    return found if abs(found) <= _LARGEST else UNDEFINED


def to_number(value: object) -> object:
    """Return the result of ``number()``: a number, or ``UNDEFINED`` if the value cannot be converted."""
    if isinstance(value, bool):
        return 1.0 if value else 0.0
    if type_name(value) == "number":
        return value
    try:
        exact = Decimal(value) if isinstance(value, str) else Decimal("NaN")
    except InvalidOperation:
        return UNDEFINED
    if not exact.is_finite() or exact.adjusted() >= _MOST_DIGITS:
        return UNDEFINED
    return int(exact) if exact == exact.to_integral_value() else float(exact)


def to_string(value: object) -> object:
    """Return the result of ``string()``: a boolean or number as text, any other value unchanged."""
    return json.dumps(value) if type_name(value) in ("boolean", "number") else value


def to_boolean(value: object) -> object:
    """Return the result of ``boolean()``: whether a text is "true" or a number is not 0; ``UNDEFINED`` for others."""
    if isinstance(value, str):
        return value.lower() == "true"
    return bool(value) if type_name(value) in ("boolean", "number") else UNDEFINED


def to_time(value: object) -> object:
    """Return the result of ``datetime()``: a Moment from epoch seconds or an ISO 8601 text, or ``UNDEFINED``."""
    if is_number(value):
        return Moment(value) if abs(value) < _MAX_SECONDS else UNDEFINED
    if not isinstance(value, str):
        return UNDEFINED
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return UNDEFINED
    return Moment((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def is_defined(value: object) -> bool:
    """Return the result of ``defined()``: whether the value is not ``UNDEFINED``."""
    return value is not UNDEFINED


def _make_rounding(function: Callable[[float], int]) -> Function:
    def rounded(value: object) -> object:
        return function(value) if is_number(value) and abs(value) <= _LARGEST else UNDEFINED

    return rounded


def _round_half_away(value: float) -> int:
    """Round to the nearest integer, halves away from zero; Python's ``round`` would round halves to even."""
    return int(Decimal(value).to_integral_value(ROUND_HALF_UP))


COMPARISONS: dict[str, Operator] = {
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
    "<": _make_comparison(operator.lt),
    "<=": _make_comparison(operator.le),
    ">": _make_comparison(operator.gt),
    ">=": _make_comparison(operator.ge),
    "in": contains,
}

SIGNS: dict[str, Function] = {"-": negative, "not": logical_not}

FUNCTIONS: dict[str, Function] = {
    "number": to_number,
    "string": to_string,
    "boolean": to_boolean,
    "datetime": to_time,
    "defined": is_defined,
    "floor": _make_rounding(math.floor),
    "ceil": _make_rounding(math.ceil),
    "round": _make_rounding(_round_half_away),
}

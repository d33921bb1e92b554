"""Values of segmentation expressions: types, casts, and results for values that do not fit."""

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


_FARTHEST = 1e15
_MOST_DIGITS = 308
_LARGEST = 10**_MOST_DIGITS
"""About the limit of 64-bit numbers; larger results are undefined, so that they cost no time."""
UNDEFINED: Final = _Undefined()


def look_up(event: Event, name: str) -> object:
    """Return a property of an event; ``$time``, ``$event_name`` and ``$distinct_id`` are aliases, not keys of rows.

    ``time`` itself cannot be filtered on: users observed that it matches nothing.
    """
    properties = event.get("properties")
    if not isinstance(properties, Mapping) or name == "time":
        return UNDEFINED
    if name == "$event_name":
        return event.get("event", UNDEFINED)
    return properties.get({"$time": "time", "$distinct_id": "distinct_id"}.get(name, name), UNDEFINED)


def look_up_user(event: Event, name: str) -> object:
    """Return a property of the profile of the event's user."""
    user = event.get("user")
    return user.get(name, UNDEFINED) if isinstance(user, Mapping) else UNDEFINED


class Moment(float):
    """The result of ``datetime()``: epoch seconds, which can be compared with a date written as text."""


def kind(value: object) -> str:
    """Return the type of a value, as the reference names it."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return {str: "string", list: "list", type(None): "null", _Undefined: "undefined"}.get(
        type(value), "object"
    )


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a value is a number; a boolean is not."""
    return kind(value) == "number"


def equal(left: object, right: object) -> bool:
    """Return whether two values are equal; values of different types are not."""
    left, right = _dates(left, right)
    return kind(left) == kind(right) and bool(left == right)


def _dates(left: object, right: object) -> tuple[object, object]:
    """Convert date texts to moments if the other value is a ``datetime()``."""
    if isinstance(left, Moment) and isinstance(right, str):
        return left, to_time(right)
    if isinstance(right, Moment) and isinstance(left, str):
        return to_time(left), right
    return left, right


def _ordered(compare: Callable[..., bool]) -> Operator:
    def compared(left: object, right: object) -> object:
        left, right = _dates(left, right)
        if kind(left) == kind(right) and kind(left) in ("number", "string"):
            return compare(left, right)
        return UNDEFINED

    return compared


def contains(left: object, right: object) -> object:
    """Return the result of ``in``: whether a text is in a text, or a value in a list."""
    if isinstance(right, list):
        return any(equal(left, item) for item in right)
    if isinstance(left, str) and isinstance(right, str):
        return left in right
    return UNDEFINED


def either(left: object, right: object) -> bool:
    """Return the result of ``or``."""
    return left is True or right is True


def both(left: object, right: object) -> bool:
    """Return the result of ``and``."""
    return left is True and right is True


def negate(value: object) -> object:
    """Return the result of ``not``; the opposite of undefined is true."""
    if isinstance(value, bool):
        return not value
    return True if value is UNDEFINED else UNDEFINED


def add(left: object, right: object) -> object:
    """Return the sum of two numbers, or two joined texts."""
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    return _numbers(operator.add, left, right)


def subtract(left: object, right: object) -> object:
    """Return the difference of two numbers."""
    return _numbers(operator.sub, left, right)


def negative(value: object) -> object:
    """Return a number with the opposite sign."""
    return subtract(0, value)


def multiply(left: object, right: object) -> object:
    """Return the product of two numbers."""
    return _numbers(operator.mul, left, right)


def divide(left: object, right: object) -> object:
    """Return the quotient of two numbers; division by zero is undefined."""
    return _numbers(operator.truediv, left, right) if right else UNDEFINED


def remainder(left: object, right: object) -> object:
    """Return the remainder of a division; division by zero is undefined."""
    return _numbers(math.fmod, left, right) if right else UNDEFINED


def _numbers(compute: Callable[[float, float], float], left: object, right: object) -> object:
    if not is_number(left) or not is_number(right):
        return UNDEFINED
    try:
        found = compute(left, right)
    except (ArithmeticError, ValueError):
        return UNDEFINED
    return found if abs(found) <= _LARGEST else UNDEFINED


def to_number(value: object) -> object:
    """Return the result of ``number()``, which may be undefined."""
    if isinstance(value, bool):
        return 1.0 if value else 0.0
    if kind(value) == "number":
        return value
    try:
        exact = Decimal(value) if isinstance(value, str) else Decimal("NaN")
    except InvalidOperation:
        return UNDEFINED
    if not exact.is_finite() or exact.adjusted() >= _MOST_DIGITS:
        return UNDEFINED
    return int(exact) if exact == exact.to_integral_value() else float(exact)


def to_string(value: object) -> object:
    """Return the result of ``string()``."""
    return json.dumps(value) if kind(value) in ("boolean", "number") else value


def to_boolean(value: object) -> object:
    """Return the result of ``boolean()``, which may be undefined."""
    if isinstance(value, str):
        return value.lower() == "true"
    return bool(value) if kind(value) in ("boolean", "number") else UNDEFINED


def to_time(value: object) -> object:
    """Return the result of ``datetime()`` in epoch seconds, from epoch seconds or an ISO text."""
    if is_number(value):
        return Moment(value) if abs(value) < _FARTHEST else UNDEFINED
    if not isinstance(value, str):
        return UNDEFINED
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return UNDEFINED
    return Moment((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def is_defined(value: object) -> bool:
    """Return the result of ``defined()``."""
    return value is not UNDEFINED


def _whole(function: Callable[[float], int]) -> Function:
    def rounded(value: object) -> object:
        return function(value) if is_number(value) and abs(value) <= _LARGEST else UNDEFINED

    return rounded


def _nearest(value: float) -> int:
    """Round halves away from zero, as most languages do and Python does not."""
    return int(Decimal(value).to_integral_value(ROUND_HALF_UP))


COMPARISONS: dict[str, Operator] = {
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
    "<": _ordered(operator.lt),
    "<=": _ordered(operator.le),
    ">": _ordered(operator.gt),
    ">=": _ordered(operator.ge),
    "in": contains,
}

SIGNS: dict[str, Function] = {"-": negative, "not": negate}

FUNCTIONS: dict[str, Function] = {
    "number": to_number,
    "string": to_string,
    "boolean": to_boolean,
    "datetime": to_time,
    "defined": is_defined,
    "floor": _whole(math.floor),
    "ceil": _whole(math.ceil),
    "round": _whole(_nearest),
}

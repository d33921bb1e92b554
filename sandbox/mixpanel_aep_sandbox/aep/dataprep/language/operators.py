"""Operators, by JEXL's rules [I]: Adobe only lists them."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from decimal import Decimal, DecimalException
from typing import Final

from mixpanel_aep_sandbox.aep.dataprep.functions.java_regex import contains_match
from mixpanel_aep_sandbox.aep.dataprep.functions.moments import ZonedDateTime
from mixpanel_aep_sandbox.aep.dataprep.functions.values import Value, boolean_from, number_from, text_of
from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError
from mixpanel_aep_sandbox.aep.dataprep.numbers import JAVA_DECIMAL, MOST_DIGITS, Number, is_number, whole

_TOO_LARGE: Final = 10**MOST_DIGITS


def truth(value: Value) -> bool:
    """Return a value as a condition: booleans, words for booleans, and numbers, of which only 0 is false.

    Null is false (JEXL's ``toBoolean``).
    """
    if value is None:
        return False
    return bool(value) if is_number(value) else boolean_from(value)


def add(left: Value, right: Value) -> Value:
    """Return the sum, or the joined texts if one value is a string."""
    if left is None or right is None:
        return None
    if isinstance(left, str) or isinstance(right, str):
        return text_of(left) + text_of(right)
    return calculate("+", left, right)


def calculate(sign: str, left: Value, right: Value, *, whole_division: bool = True) -> Number | None:
    """Return the result of an arithmetic operator; null makes null [I], as in functions.

    Integers stay whole (7 / 2 is 3), a double makes doubles, a decimal makes decimals.
    """
    one, two = _operand(left), _operand(right)
    if one is None or two is None:
        return None
    if sign == "/" and not whole_division and isinstance(one, int) and isinstance(two, int):
        one = Decimal(one)
    if sign in "/%" and two == 0:
        raise EvaluationError("Division by zero.")
    try:
        if isinstance(one, Decimal) or isinstance(two, Decimal):
            return _decimal(sign, one, two)
        if isinstance(one, float) or isinstance(two, float):
            return _finite(_DOUBLE[sign](float(one), float(two)))
    except (ValueError, OverflowError, DecimalException) as error:
        raise EvaluationError("The result is too large, or not a number.") from error
    result = _INTEGER[sign](one, two)
    if abs(result) >= _TOO_LARGE:
        raise EvaluationError(f"The result has more than {MOST_DIGITS} digits.")
    return result


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise OverflowError
    return number


def _quotient(left: int, right: int) -> int:
    result = abs(left) // abs(right)
    return result if (left < 0) == (right < 0) else -result


_INTEGER: Final[dict[str, Callable[[int, int], int]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _quotient,
    "%": lambda left, right: left - _quotient(left, right) * right,
}
_DOUBLE: Final[dict[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": math.fmod,
}


def _decimal(sign: str, left: Number, right: Number) -> Decimal:
    one, two = (
        JAVA_DECIMAL.create_decimal(Decimal(repr(x)) if isinstance(x, float) else x) for x in (left, right)
    )
    does = {
        "+": JAVA_DECIMAL.add,
        "-": JAVA_DECIMAL.subtract,
        "*": JAVA_DECIMAL.multiply,
        "/": JAVA_DECIMAL.divide,
        "%": JAVA_DECIMAL.remainder,
    }
    return does[sign](one, two)


def bits(sign: str, left: Value, right: Value) -> int | None:
    """Return ``&``, ``|`` or ``^`` of integers."""
    one, two = _whole(sign, left), _whole(sign, right)
    if one is None or two is None:
        return None
    return one & two if sign == "&" else one | two if sign == "|" else one ^ two


def _operand(value: Value) -> Number | None:
    return None if value is None else number_from(value)


def _whole(sign: str, value: Value) -> int | None:
    if value is None:
        return None
    number = whole(number_from(value))
    if number is None:
        raise EvaluationError(f"{sign!r} needs integers.")
    return number


def negate(value: Value) -> Number | None:
    """Return a number with the opposite sign."""
    number = _operand(value)
    return None if number is None else -number


def complement(value: Value) -> int | None:
    """Return an integer with all bits inverted."""
    number = _whole("~", value)
    return None if number is None else ~number


def equal(left: Value, right: Value) -> bool:
    """Compare after conversion: numbers by value, two values as booleans if one is, strings as strings."""
    if left is None or right is None:
        return left is right
    if isinstance(left, (list, dict)) or isinstance(right, (list, dict)):
        return bool(exactly(left) == exactly(right))
    if isinstance(left, ZonedDateTime) and isinstance(right, ZonedDateTime):
        return left.instant == right.instant
    if is_number(left) and is_number(right):
        return bool(left == right)
    if isinstance(left, bool) or isinstance(right, bool):
        return truth(left) == truth(right)
    if is_number(left) or is_number(right):
        return bool(number_from(left) == number_from(right))
    return text_of(left) == text_of(right)


def exactly(value: Value) -> Value:
    """Return a value in which true is not equal to 1."""
    if isinstance(value, list):
        return [exactly(item) for item in value]
    if isinstance(value, dict):
        return {name: exactly(item) for name, item in value.items()}
    return (isinstance(value, bool), value)


def order(left: Value, right: Value) -> int | None:
    """Return -1, 0 or 1; None if one of the two is null, which is not less or greater."""
    if left is None or right is None:
        return None
    if isinstance(left, ZonedDateTime) and isinstance(right, ZonedDateTime):
        one, two = left.instant, right.instant
        return (one > two) - (one < two)
    if is_number(left) or is_number(right):
        first, second = number_from(left), number_from(right)
        return (first > second) - (first < second)
    before, after = text_of(left), text_of(right)
    return (before > after) - (before < after)


def compare(sign: str, left: Value, right: Value) -> bool:
    """Return the result of a comparison."""
    found = order(left, right)
    if found is None:
        return sign in ("<=", ">=") and left is right
    return {"<": found < 0, "<=": found <= 0, ">": found > 0, ">=": found >= 0}[sign]


def matches(sign: str, left: Value, right: Value) -> bool:
    """Return the result of ``=~`` (an item of an array, a key of an object, or a full match), ``=^`` (begins with) or ``=$`` (ends with)."""
    if sign in ("=^", "=$"):
        whole_text, part = text_of(left), text_of(right)
        if left is None or right is None:
            return False
        return whole_text.startswith(part) if sign == "=^" else whole_text.endswith(part)
    if isinstance(right, list):
        return any(equal(left, item) for item in right)
    if isinstance(right, dict):
        return left in right if isinstance(left, str) else False
    return left is not None and right is not None and contains_match(text_of(left), text_of(right))


def empty(value: Value) -> bool:
    """Return whether a value is null, "", [], {}, or 0 (JEXL's ``empty``)."""
    return value is None or (not isinstance(value, bool) and value in ("", [], {}, 0))


def size(value: Value) -> int:
    """Return the number of characters, items or properties."""
    return 0 if value is None else len(value) if isinstance(value, (str, list, dict)) else 1

"""Arithmetic and bitwise operators, by JEXL's rules [I], because Adobe only lists them.

If an operand is null, the result is null. Texts are converted to numbers. Operands that cannot be converted, results
that are too large and divisions by zero raise EvaluationError.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from decimal import Decimal, DecimalException
from typing import Final

from mixpanel_aep_sandbox.aep.dataprep.exact_numbers import JAVA_DECIMAL, MOST_DIGITS, Number, whole
from mixpanel_aep_sandbox.aep.dataprep.functions.moments import ZonedDateTime
from mixpanel_aep_sandbox.aep.dataprep.functions.values import Value, number_from, text_of
from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError

_TOO_LARGE: Final = 10**MOST_DIGITS


def add(left: Value, right: Value) -> Value:
    """Return the sum of two numbers, or the joined texts if at least one of the two values is a string or a date."""
    if left is None or right is None:
        return None
    if isinstance(left, str | ZonedDateTime) or isinstance(right, str | ZonedDateTime):
        return text_of(left) + text_of(right)
    return _calculate("+", left, right)


def subtract(left: Value, right: Value) -> Number | None:
    """Return ``left`` minus ``right``."""
    return _calculate("-", left, right)


def multiply(left: Value, right: Value) -> Number | None:
    """Return the product of two numbers."""
    return _calculate("*", left, right)


def divide(left: Value, right: Value, *, whole_division: bool = True) -> Number | None:
    """Divide two numbers. The quotient of two integers is truncated (7 / 2 is 3) unless ``whole_division`` is false."""
    if not whole_division and isinstance(left, int) and not isinstance(left, bool):
        left = Decimal(left)
    return _calculate("/", left, right)


def modulo(left: Value, right: Value) -> Number | None:
    """Return the remainder of ``left`` divided by ``right``, with the sign of ``left``."""
    return _calculate("%", left, right)


def negate(value: Value) -> Number | None:
    """Return a number with the opposite sign (unary minus)."""
    number = _operand(value)
    return None if number is None else -number


def plus(value: Value) -> Number | None:
    """Return the number unchanged, but 0 for -0 (unary plus)."""
    return _calculate("+", 0, value)


def bit_and(left: Value, right: Value) -> int | None:
    """Return the bits that are set in both integers."""
    return _bits("&", operator.and_, left, right)


def bit_or(left: Value, right: Value) -> int | None:
    """Return the bits that are set in at least one of two integers."""
    return _bits("|", operator.or_, left, right)


def bit_xor(left: Value, right: Value) -> int | None:
    """Return the bits that are set in exactly one of two integers."""
    return _bits("^", operator.xor, left, right)


def complement(value: Value) -> int | None:
    """Return an integer with all bits inverted."""
    number = _integer("~", value)
    return None if number is None else ~number


def _calculate(sign: str, left: Value, right: Value) -> Number | None:
    """Apply an operator to two values; the result is None if one of them is null.

    It is a Decimal if an operand is a Decimal, else a float if an operand is a float, else an int.

    Args:
        sign: The operator.
        left: The left operand.
        right: The right operand.

    Raises:
        EvaluationError: an operand is not a number, the divisor is 0, or the result is too large.
    """
    one, two = _operand(left), _operand(right)
    if one is None or two is None:
        return None
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
    """Return the number unchanged. Raises OverflowError if it is infinite or NaN."""
    if not math.isfinite(number):
        raise OverflowError
    return number


def _quotient(left: int, right: int) -> int:
    """Divide two integers, and truncate the quotient toward zero, as Java does."""
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
    """Apply an operator to two numbers as Decimals with 34 digits."""
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


def _bits(sign: str, combine: Callable[[int, int], int], left: Value, right: Value) -> int | None:
    """Combine two integers bitwise; null if one of them is null."""
    one, two = _integer(sign, left), _integer(sign, right)
    return None if one is None or two is None else combine(one, two)


def _operand(value: Value) -> Number | None:
    """Convert a value to a number; null remains null."""
    return None if value is None else number_from(value)


def _integer(sign: str, value: Value) -> int | None:
    """Convert an operand of the operator ``sign`` to an integer; null remains null."""
    if value is None:
        return None
    number = whole(number_from(value))
    if number is None:
        raise EvaluationError(f"The operator {sign!r} requires integers.")
    return number

"""Numbers without rounding: integers of any size, doubles where they are exact, decimals otherwise."""

from __future__ import annotations

import math
import re
from decimal import Context, Decimal
from typing import TypeGuard

MOST_DIGITS = 4000
"""Maximum number of digits of an integer [I]: Java's integers are unbounded, but the sandbox limits its evaluations."""
JAVA_DECIMAL = Context(prec=34, Emax=6144, Emin=-6143)
"""Java's ``MathContext.DECIMAL128`` (34 digits), which JEXL uses for decimal arithmetic."""
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,5})?")

Number = int | float | Decimal


def is_number(value: object) -> TypeGuard[Number]:
    """Return whether a value is an int, float or Decimal; a bool is not a number."""
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def exact(number: Decimal) -> float | Decimal:
    """Convert a Decimal to a float if the float has the same value; otherwise return it unchanged."""
    double = float(number)
    return double if math.isfinite(double) and Decimal(repr(double)) == number else number


def number_of(text: str) -> Number | None:
    """Parse a decimal number such as " -1.5e3 ": an int if it has only digits, otherwise a float.

    Return None if the text is not a number, is longer than ``MOST_DIGITS``, or is too large for a float.
    """
    stripped = text.strip()
    if len(stripped) > MOST_DIGITS or not _NUMBER.fullmatch(stripped):
        return None
    if stripped.lstrip("+-").isdigit():
        return int(stripped)
    double = float(stripped)
    return double if math.isfinite(double) else None


def whole(number: Number) -> int | None:
    """Convert a number to an int; return None if it has a fraction, is infinite or NaN, or exceeds ``MOST_DIGITS``."""
    if isinstance(number, int):
        return number
    if isinstance(number, float) and not math.isfinite(number):
        return None
    decimal = Decimal(number)
    if not decimal.is_finite() or decimal.adjusted() > MOST_DIGITS or decimal != decimal.to_integral_value():
        return None
    return int(decimal)


def number_text(number: Number) -> str:
    """Format a number as JSON; only very small and very large doubles get an exponent [I]: 5.0, 0.000001, 1e-7, 1e21.

    A Decimal is formatted with all its digits, as by Java's ``BigDecimal.toString``.
    """
    if isinstance(number, int):
        return str(number)
    if not math.isfinite(number):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(float(number), "NaN")
    decimal = Decimal(repr(number)) if isinstance(number, float) else number
    has_all_digits = isinstance(number, Decimal) and int(number.as_tuple().exponent) <= 0
    if decimal.adjusted() > -7 and (has_all_digits or decimal.adjusted() < 21):
        return (
            f"{decimal:f}"
            if decimal != decimal.to_integral_value() or isinstance(number, Decimal)
            else f"{decimal:.1f}"
        )
    # Decimal.normalize() would round to 28 digits.
    digits = "".join(map(str, decimal.as_tuple().digits)).rstrip("0")
    mantissa = digits[0] + (f".{digits[1:]}" if digits[1:] else "")
    return f"{'-' if decimal < 0 else ''}{mantissa}e{decimal.adjusted()}"

"""Numbers without loss: integers of any size, doubles where they are exact, decimals otherwise."""

from __future__ import annotations

import math
import re
from decimal import Context, Decimal
from typing import TypeGuard

MOST_DIGITS = 4000
"""Of an integer [I]: Java's is unbounded, but every evaluation here has a limit."""
JAVA_DECIMAL = Context(prec=34, Emax=6144, Emin=-6143)
"""``MathContext.DECIMAL128``, with which JEXL calculates."""
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,5})?")

Number = int | float | Decimal


def is_number(value: object) -> TypeGuard[Number]:
    """Return whether a value is a number."""
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def exact(number: Decimal) -> float | Decimal:
    """Return a double if its shortest text is the number, else the decimal itself."""
    double = float(number)
    return double if math.isfinite(double) and Decimal(repr(double)) == number else number


def number_of(text: str) -> Number | None:
    """Return the number of a text, or None if the text is not a number."""
    stripped = text.strip()
    if len(stripped) > MOST_DIGITS or not _NUMBER.fullmatch(stripped):
        return None
    if stripped.lstrip("+-").isdigit():
        return int(stripped)
    double = float(stripped)
    return double if math.isfinite(double) else None


def whole(number: Number) -> int | None:
    """Return the integer of a number; None if it has a fraction, or is infinite or NaN."""
    if isinstance(number, int):
        return number
    if isinstance(number, float) and not math.isfinite(number):
        return None
    decimal = Decimal(number)
    if not decimal.is_finite() or decimal.adjusted() > MOST_DIGITS or decimal != decimal.to_integral_value():
        return None
    return int(decimal)


def number_text(number: Number) -> str:
    """Return a number as JSON, with an exponent only for long doubles [I]: 5.0, 0.000001, 1e-7, 1e21.

    A decimal keeps all its digits, as in Java's ``BigDecimal.toString``.
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
    # Not Decimal.normalize(), which rounds to 28 digits.
    digits = "".join(map(str, decimal.as_tuple().digits)).rstrip("0")
    mantissa = digits[0] + (f".{digits[1:]}" if digits[1:] else "")
    return f"{'-' if decimal < 0 else ''}{mantissa}e{decimal.adjusted()}"

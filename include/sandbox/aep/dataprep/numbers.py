"""Numbers without loss: integers of any size, doubles where a double says the same, decimals where it does not."""

from __future__ import annotations

import math
import re
from decimal import Context, Decimal, DecimalException

MOST_DIGITS = 4000
"""Of an integer [I]: Java's has no bound, but every evaluation here has one."""
JAVA_DECIMAL = Context(prec=34, Emax=6144, Emin=-6143)
"""``MathContext.DECIMAL128``, in which JEXL calculates."""
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,5})?")

Number = int | float | Decimal


def is_number(value: object) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def exact(number: Decimal) -> float | Decimal:
    """A double where its shortest text is the number, else the decimal itself."""
    double = float(number)
    return double if math.isfinite(double) and Decimal(repr(double)) == number else number


def number_of(text: str) -> Number | None:
    """The number that a text is, whole or not; None when it is none."""
    stripped = text.strip()
    if len(stripped) > MOST_DIGITS or not _NUMBER.fullmatch(stripped):
        return None
    try:
        return int(stripped) if stripped.lstrip("+-").isdigit() else exact(Decimal(stripped))
    except DecimalException:
        return None


def whole(number: Number) -> int | None:
    """The integer that a number is; None when it has a fraction, or is no number that an integer could be."""
    if isinstance(number, int):
        return number
    if isinstance(number, float) and not math.isfinite(number):
        return None
    decimal = Decimal(number)
    if not decimal.is_finite() or decimal.adjusted() > MOST_DIGITS or decimal != decimal.to_integral_value():
        return None
    return int(decimal)


def number_text(number: Number) -> str:
    """As Java writes it, without an exponent where that is short [I]."""
    if isinstance(number, int):
        return str(number)
    if isinstance(number, float):
        if not math.isfinite(number):
            return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(number, "NaN")
        number = Decimal(repr(number))
    return f"{number:f}" if -20 < number.adjusted() < 40 else str(number)

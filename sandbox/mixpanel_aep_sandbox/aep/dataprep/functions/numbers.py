"""Data Prep functions that convert texts to numbers. The registry converts a text argument before the call."""

from __future__ import annotations

import math
import struct
from decimal import Decimal

from mixpanel_aep_sandbox.aep.dataprep.exact_numbers import Number, exact, whole
from mixpanel_aep_sandbox.aep.dataprep.functions.registry import Parameter, function
from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError

_TYPES = "Type Conversions"
_STRING = Parameter("STRING", "number", "The text.")
_INT = 2**31


@function(
    _TYPES,
    "Converts a text to a number of any size.",
    _STRING,
    returns="number",
    example=('to_bigint("1000000.34")', "1000000.34"),
)
def to_bigint(number: Number) -> Number:
    """Return the number unchanged. Adobe calls the result a BigInteger, but its example has a fraction."""
    return number


@function(
    _TYPES,
    "Converts a text to a double, or to a decimal if a double would lose digits.",
    _STRING,
    returns="number",
    example=('to_decimal("20.5")', "20.5"),
)
def to_decimal(number: Number) -> Number:
    """Return an integer as a float, or as a Decimal if a float would lose digits; return other numbers unchanged."""
    return exact(Decimal(number)) if isinstance(number, int) else number


@function(
    _TYPES,
    "Converts a text to a number with the precision of a 32-bit float.",
    _STRING,
    returns="number",
    example=('to_float("12.3456")', "12.3456"),
)
def to_float(number: Number) -> float:
    """Round a number to a 32-bit float, and return the number with the fewest digits that rounds to the same float.

    Java prints floats in this way; Adobe's example prints 12.34566. Raises EvaluationError if the number is too large.
    """
    try:
        packed = struct.pack("f", number)
    except (OverflowError, struct.error) as error:
        raise EvaluationError("The number is too large for a float.") from error
    single = struct.unpack("f", packed)[0]
    if not math.isfinite(single):
        raise EvaluationError("The number is not a finite float.")
    shorter = (float(f"{single:.{digits}g}") for digits in range(1, 10))  # nine digits distinguish all floats
    return next(value for value in shorter if struct.pack("f", value) == packed)


@function(
    _TYPES,
    "Converts a text to a 32-bit integer.",
    _STRING,
    returns="integer",
    example=('to_integer("12")', "12"),
)
def to_integer(number: Number) -> int:
    """Return a number as an integer. Raises EvaluationError if it has a fraction or does not fit into 32 bits."""
    integer = whole(number)
    if integer is None:
        raise EvaluationError("to_integer(): the number is not an integer.")
    if not -_INT <= integer < _INT:
        raise EvaluationError("to_integer(): the number has more than 32 bits; use to_bigint().")
    return integer

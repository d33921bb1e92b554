"""Functions that convert texts to numbers."""

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
    "The number of a text, of any size.",
    _STRING,
    returns="number",
    example=('to_bigint("1000000.34")', "1000000.34"),
)
def to_bigint(number: Number) -> Number:
    """Return a number of any size. Adobe calls it a BigInteger, and keeps the fraction in its example."""
    return number


@function(
    _TYPES,
    "The number of a text as a double; as a decimal where a double would not be the same number.",
    _STRING,
    returns="number",
    example=('to_decimal("20.5")', "20.5"),
)
def to_decimal(number: Number) -> Number:
    """Return a decimal number."""
    return exact(Decimal(number)) if isinstance(number, int) else number


@function(
    _TYPES,
    "The number of a text, no more exact than 32 bits are.",
    _STRING,
    returns="number",
    example=('to_float("12.3456")', "12.3456"),
)
def to_float(number: Number) -> float:
    """Return a 32-bit float as its shortest text, as Java does; Adobe's example prints 12.34566."""
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
    "The integer of a text, of 32 bits.",
    _STRING,
    returns="integer",
    example=('to_integer("12")', "12"),
)
def to_integer(number: Number) -> int:
    """Return a 32-bit integer."""
    integer = whole(number)
    if integer is None:
        raise EvaluationError("to_integer(): the number is not an integer.")
    if not -_INT <= integer < _INT:
        raise EvaluationError("to_integer(): the number has more than 32 bits; to_bigint() has no bound.")
    return integer

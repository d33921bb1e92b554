"""Functions that convert texts to numbers (EP:data-prep/functions.md#type-conversions)."""

from __future__ import annotations

from decimal import Decimal

from include.xdm.dataprep.functions.registry import Function, required
from include.xdm.dataprep.functions.values import float32, number
from include.xdm.dataprep.language.errors import Failure
from include.xdm.dataprep.language.types import Type

CATEGORY = "Type conversions"
_EXACT = "a text that is not a number fails, and digits beyond 64 bits are kept"


def to_integer(text: str) -> int:
    """Convert a text to an integer.

    Raises:
        Failure: the number has a fraction, or is larger than Java's Integer.
    """
    found = number(text)
    if found != int(found) or not -(2**31) <= found < 2**31:
        raise Failure("it is not an Integer")
    return int(found)


def to_bigint(text: str) -> int | float:
    """Convert a text to a number of any size; a fraction is kept, as in the documented example."""
    return number(text)


def to_decimal(text: str) -> int | float:
    """Convert a text to a double; an integer that a double cannot represent exactly stays an integer."""
    found = number(text)
    if isinstance(found, float) or abs(found) >= 10**300:
        return found
    return float(found) if Decimal(repr(float(found))) == found else found


def to_float(text: str) -> float:
    """Convert a text to a single-precision number."""
    return float32(number(text))


_STRING = (required("STRING", Type.STRING),)

FUNCTIONS = [
    Function("to_bigint", CATEGORY, _STRING, Type.NUMBER, python=to_bigint, because=_EXACT,
             note="A fraction is kept, as in Adobe's example.", examples=(('to_bigint("1000000.34")', 1000000.34),)),
    Function("to_decimal", CATEGORY, _STRING, Type.NUMBER, python=to_decimal, because=_EXACT, examples=(('to_decimal("20.5")', 20.5),)),
    Function("to_float", CATEGORY, _STRING, Type.NUMBER, python=to_float, because=_EXACT, examples=(('to_float("12.3456")', 12.3456),)),
    Function("to_integer", CATEGORY, _STRING, Type.INTEGER, python=to_integer, because=_EXACT, examples=(('to_integer("12")', 12),)),
]  # fmt: skip

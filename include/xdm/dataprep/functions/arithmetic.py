"""Arithmetic operators by JEXL's rules; EP:data-prep/api/functions.md shows five of them. A null operand gives null."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from include.xdm.dataprep.functions.registry import Function, required
from include.xdm.dataprep.functions.values import Json, is_string, json_number, json_text, number, text_of
from include.xdm.dataprep.language.types import Type

CATEGORY = "Operators"
_EXACT = "integers of any size, and numbers in strings"


def add(one: Json, other: Json) -> Json:
    """Return the sum of two numbers; if one of the two values is a string, return both joined."""
    if is_string(one) or is_string(other):
        return json_text(text_of(one) + text_of(other))
    return json_number(number(text_of(one)) + number(text_of(other)))


def subtract(one: float, other: float) -> float:
    """Return ``one - other``."""
    return one - other


def multiply(one: float, other: float) -> float:
    """Return ``one * other``."""
    return one * other


def divide(one: float, other: float) -> float:
    """Return ``one / other``; for two integers only the integer part, as in Java."""
    if isinstance(one, int) and isinstance(other, int):
        quotient = abs(one) // abs(other)
        return quotient if (one < 0) == (other < 0) else -quotient
    return one / other


def modulo(one: float, other: float) -> float:
    """Return the remainder of ``one / other``, with the sign of ``one`` as in Java."""
    if isinstance(one, int) and isinstance(other, int):
        rest = abs(one) % abs(other)
        return -rest if one < 0 else rest
    return math.fmod(one, other)


def negate(value: float) -> float:
    """Return ``-value``."""
    return -value


def plus(value: float) -> float:
    """Return ``+value``: the number unchanged, except that -0 gives 0."""
    return 0 + value


def bit_and(one: int, other: int) -> int:
    """Return ``one & other``: the bits that both integers have."""
    return one & other


def bit_or(one: int, other: int) -> int:
    """Return ``one | other``: the bits that at least one of the integers has."""
    return one | other


def bit_xor(one: int, other: int) -> int:
    """Return ``one ^ other``: the bits that exactly one of the integers has."""
    return one ^ other


def complement(value: int) -> int:
    """Return ``~value``: the integer with its bits inverted."""
    return ~value


def _sum_type(given: Sequence[Type]) -> Type:
    if Type.STRING in given or Type.DATE in given:
        return Type.STRING
    return Type.NUMBER if all(kind.is_numeric for kind in given) else Type.ANY


_ANY = (required("ONE", Type.ANY), required("OTHER", Type.ANY))
_NUMBERS = (required("ONE", Type.NUMBER), required("OTHER", Type.NUMBER))
_INTEGERS = (required("ONE", Type.INTEGER), required("OTHER", Type.INTEGER))


def _arithmetic(symbol: str, python: Callable[..., object], *examples: tuple[str, object]) -> Function:
    return Function(symbol, CATEGORY, _NUMBERS, Type.NUMBER, python=python, because=_EXACT, examples=examples)


def _bitwise(symbol: str, python: Callable[..., object]) -> Function:
    return Function(symbol, CATEGORY, _INTEGERS, Type.NUMBER, python=python, because=_EXACT)


FUNCTIONS = [
    Function("+", CATEGORY, _ANY, _sum_type, python=add, python_type=Type.ANY, because=_EXACT,
             note="If one of the two is a string or a date, both are joined.", examples=(("1 + 2", 3),)),
    _arithmetic("-", subtract),
    _arithmetic("*", multiply),
    _arithmetic("/", divide, ("1 / 2", 0)),
    _arithmetic("%", modulo),
    Function("unary -", CATEGORY, (required("VALUE", Type.NUMBER),), Type.NUMBER, python=negate, because=_EXACT, examples=(("-12", -12),)),
    Function("unary +", CATEGORY, (required("VALUE", Type.NUMBER),), Type.NUMBER, python=plus, because=_EXACT),
    _bitwise("&", bit_and),
    _bitwise("|", bit_or),
    _bitwise("^", bit_xor),
    Function("~", CATEGORY, (required("VALUE", Type.INTEGER),), Type.NUMBER, python=complement, because=_EXACT,
             examples=(("~44", -45), ("~33", -34))),
]  # fmt: skip

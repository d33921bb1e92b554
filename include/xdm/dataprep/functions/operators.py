"""JEXL's operators; EP:data-prep/api/functions.md shows five of them. A null operand of arithmetic gives null."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from include.xdm.dataprep.functions.comparing import compare, equal, equal_items
from include.xdm.dataprep.functions.java_regex import compiled, limited
from include.xdm.dataprep.functions.registry import Function, required
from include.xdm.dataprep.functions.values import (
    Json,
    array,
    is_string,
    json_number,
    json_text,
    members,
    number,
    text_of,
)
from include.xdm.dataprep.language.tree import LanguageError
from include.xdm.dataprep.language.types import Type
from include.xdm.dataprep.sql_values import EvaluationContext, SqlValue, any_of, convert_cell

CATEGORY = "Operators"
_EXACT = "integers of any size, and numbers in strings"


def add(one: Json, other: Json) -> Json:
    """Return the sum; if one of the two is a string, return both joined."""
    if is_string(one) or is_string(other):
        return json_text(text_of(one) + text_of(other))
    return json_number(number(text_of(one)) + number(text_of(other)))


def subtract(one: float, other: float) -> float:
    """Return the difference."""
    return one - other


def multiply(one: float, other: float) -> float:
    """Return the product."""
    return one * other


def divide(one: float, other: float) -> float:
    """Return the quotient; of two integers its integer part, as in Java."""
    if isinstance(one, int) and isinstance(other, int):
        quotient = abs(one) // abs(other)
        return quotient if (one < 0) == (other < 0) else -quotient
    return one / other


def modulo(one: float, other: float) -> float:
    """Return the remainder with the sign of the dividend, as in Java."""
    if isinstance(one, int) and isinstance(other, int):
        rest = abs(one) % abs(other)
        return -rest if one < 0 else rest
    return math.fmod(one, other)


def negate(value: float) -> float:
    """Return the negative number."""
    return -value


def plus(value: float) -> float:
    """Return the number, with -0 as 0."""
    return 0 + value


def bit_and(one: int, other: int) -> int:
    """Return the bits that both numbers have."""
    return one & other


def bit_or(one: int, other: int) -> int:
    """Return the bits that at least one number has."""
    return one | other


def bit_xor(one: int, other: int) -> int:
    """Return the bits that exactly one number has."""
    return one ^ other


def complement(value: int) -> int:
    """Return the inverted bits."""
    return ~value


def eq(one: Json | None, other: Json | None) -> bool:
    """Return whether two values are equal."""
    return equal(one, other)


def ne(one: Json | None, other: Json | None) -> bool:
    """Return whether two values differ."""
    return not equal(one, other)


def lt(one: Json | None, other: Json | None) -> bool:
    """Return whether the first value is less; false with a null."""
    return one is not None and other is not None and compare(one, other) < 0


def le(one: Json | None, other: Json | None) -> bool:
    """Return whether the first value is less or equal; true for two nulls, as in JEXL."""
    return (one is None and other is None) or (
        one is not None and other is not None and compare(one, other) <= 0
    )


def gt(one: Json | None, other: Json | None) -> bool:
    """Return whether the first value is greater; false with a null."""
    return one is not None and other is not None and compare(one, other) > 0


def ge(one: Json | None, other: Json | None) -> bool:
    """Return whether the first value is greater or equal; true for two nulls."""
    return (one is None and other is None) or (
        one is not None and other is not None and compare(one, other) >= 0
    )


def _comparison_compiler(
    symbol: str,
) -> Callable[[EvaluationContext, Sequence[SqlValue]], tuple[str, str | None] | None]:
    """Return a compiler of a comparison to SQL, for operands of known types."""

    def compile_to(_: EvaluationContext, cells: Sequence[SqlValue]) -> tuple[str, str | None] | None:
        one, other = cells
        if one.type is not other.type or one.type not in (Type.STRING, Type.INTEGER, Type.BOOLEAN, Type.DATE):
            return None
        left, right = (
            f"{c.sql}::TIMESTAMPTZ" if c.type is Type.DATE else c.sql for c in map(_without_zone_name, cells)
        )
        fails = any_of(one.fails, other.fails)
        if symbol in ("==", "!="):
            value = f"({left} IS {'NOT ' if symbol == '==' else ''}DISTINCT FROM {right})"
        else:
            both = f"{left} IS NULL AND {right} IS NULL" if "=" in symbol else "false"
            value = f"coalesce({left} {symbol} {right}, {both})"
        return value, fails

    return compile_to


def _without_zone_name(cell: SqlValue) -> SqlValue:
    """Return a date without the name of its zone, which SQL cannot read."""
    return SqlValue(convert_cell(cell, Type.STRING).sql, Type.DATE) if cell.type is Type.DATE else cell


def _require_comparable(given: Sequence[Type]) -> Type:
    """Check that two values can be compared.

    Raises:
        LanguageError: a date is compared with a value that is not a date.
    """
    if Type.DATE in given and set(given) - {Type.DATE, Type.NULL}:
        raise LanguageError("a date can only be compared with a date; write date(value, format)")
    return Type.BOOLEAN


def contained(one: Json | None, other: Json | None) -> bool:
    """Return the result of ``value =~ array``, ``value =~ object`` (its keys) or ``value =~ "regular expression"``."""
    if other is None:
        return False
    if other.startswith("["):
        return any(equal_items(one or "null", item) for item in array(other))
    if one is None:
        return False
    if other.startswith("{"):
        return is_string(one) and text_of(one) in members(other)
    return compiled(text_of(other)).fullmatch(limited(text_of(one))) is not None


def not_contained(one: Json | None, other: Json | None) -> bool:
    """Return the opposite of ``contained``."""
    return not contained(one, other)


def _logical(
    word: str, decides: str
) -> Callable[[EvaluationContext, Sequence[SqlValue]], tuple[str, str | None]]:
    """Return a compiler of ``&&`` or ``||`` to SQL; null is false.

    A failure of the right side counts only if the left side does not decide the result.
    """

    def compile_to(_: EvaluationContext, cells: Sequence[SqlValue]) -> tuple[str, str | None]:
        one, other = (convert_cell(cell, Type.BOOLEAN) for cell in cells)
        left, right = f"coalesce({one.sql}, false)", f"coalesce({other.sql}, false)"
        late = f"({other.fails}) AND {decides.format(left)}" if other.fails else None
        fails = any_of(one.fails, late)
        return f"({left} {word} {right})", fails

    return compile_to


def negation(_: EvaluationContext, cells: Sequence[SqlValue]) -> tuple[str, str | None]:
    """Return SQL for the opposite of a condition; null is false."""
    cell = convert_cell(cells[0], Type.BOOLEAN)
    return f"(NOT coalesce({cell.sql}, false))", cell.fails


def _sum_type(given: Sequence[Type]) -> Type:
    if Type.STRING in given or Type.DATE in given:
        return Type.STRING
    return Type.NUMBER if all(kind.is_numeric for kind in given) else Type.ANY


_ANY = (required("ONE", Type.ANY), required("OTHER", Type.ANY))
_NULLABLE = (required("ONE", Type.ANY, nullable=True), required("OTHER", Type.ANY, nullable=True))
_NUMBERS = (required("ONE", Type.NUMBER), required("OTHER", Type.NUMBER))
_INTEGERS = (required("ONE", Type.INTEGER), required("OTHER", Type.INTEGER))
_STRINGS = (required("ONE", Type.STRING), required("OTHER", Type.STRING))
_BOOLEANS = (required("ONE", Type.BOOLEAN), required("OTHER", Type.BOOLEAN))


def _arithmetic(symbol: str, python: Callable[..., object], *examples: tuple[str, object]) -> Function:
    return Function(symbol, CATEGORY, _NUMBERS, Type.NUMBER, python=python, because=_EXACT, examples=examples)


def _bitwise(symbol: str, python: Callable[..., object]) -> Function:
    return Function(symbol, CATEGORY, _INTEGERS, Type.NUMBER, python=python, because=_EXACT)


def _comparison(symbol: str, python: Callable[..., object]) -> Function:
    return Function(
        symbol, CATEGORY, _NULLABLE, _require_comparable, special=_comparison_compiler(symbol), python=python, gives=Type.BOOLEAN,
        because="values of unknown type; SQL if both types are known",
    )  # fmt: skip


FUNCTIONS = [
    Function("+", CATEGORY, _ANY, _sum_type, python=add, gives=Type.ANY, because=_EXACT,
             note="If one of the two is a string, both are joined.", examples=(("1 + 2", 3),)),
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
    _comparison("==", eq),
    _comparison("!=", ne),
    _comparison("<", lt),
    _comparison("<=", le),
    _comparison(">", gt),
    _comparison(">=", ge),
    Function("=~", CATEGORY, _NULLABLE, Type.BOOLEAN, python=contained,  because="regular expressions and arrays"),
    Function("!~", CATEGORY, _NULLABLE, Type.BOOLEAN, python=not_contained,  because="regular expressions and arrays"),
    Function("=^", CATEGORY, _STRINGS, Type.BOOLEAN, sql=lambda one, other: f"coalesce(starts_with({one}, {other}), false)"),
    Function("!^", CATEGORY, _STRINGS, Type.BOOLEAN, sql=lambda one, other: f"(NOT coalesce(starts_with({one}, {other}), false))"),
    Function("=$", CATEGORY, _STRINGS, Type.BOOLEAN, sql=lambda one, other: f"coalesce(ends_with({one}, {other}), false)"),
    Function("!$", CATEGORY, _STRINGS, Type.BOOLEAN, sql=lambda one, other: f"(NOT coalesce(ends_with({one}, {other}), false))"),
    Function("&&", CATEGORY, _BOOLEANS, Type.BOOLEAN, special=_logical("AND", "{}")),
    Function("||", CATEGORY, _BOOLEANS, Type.BOOLEAN, special=_logical("OR", "NOT {}")),
    Function("!", CATEGORY, (required("VALUE", Type.BOOLEAN),), Type.BOOLEAN, special=negation),
]  # fmt: skip

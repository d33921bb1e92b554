"""Operators that compare values, with JEXL's rules for equality and order."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from include.xdm.dataprep.functions.java_regex import compiled, limited
from include.xdm.dataprep.functions.registry import Function, required
from include.xdm.dataprep.functions.values import (
    Json,
    array,
    boolean,
    is_number,
    is_string,
    members,
    number,
    text_of,
)
from include.xdm.dataprep.language.errors import LanguageError
from include.xdm.dataprep.language.types import Type
from include.xdm.dataprep.sql_values import EvaluationContext, SqlValue, any_of, convert_cell

CATEGORY = "Operators"
_TRUTHS = ("true", "false")


def truth(value: Json) -> bool:
    """Convert a boolean, a word in ``values.TRUE`` or ``values.FALSE``, or a number (0 is false) to a boolean.

    Raises:
        Failure: the value cannot be converted.
    """
    return number(value) != 0 if is_number(value) else boolean(value)


def equal(one: Json | None, other: Json | None) -> bool:
    """Return whether two values are equal; null equals only null.

    If one is a boolean, both are compared as booleans; if one is a number, as numbers; otherwise as texts. Arrays and
    objects are compared exactly.

    Raises:
        Failure: a value cannot be converted to the type of the other one.
    """
    if one is None or other is None:
        return one is other
    if one[:1] in ("[", "{") or other[:1] in ("[", "{"):
        return bool(_exact(json.loads(one)) == _exact(json.loads(other)))
    if is_number(one) and is_number(other):
        return number(one) == number(other)
    if one in _TRUTHS or other in _TRUTHS:
        return truth(one) == truth(other)
    if is_number(one) or is_number(other):
        return number(text_of(one)) == number(text_of(other))
    return text_of(one) == text_of(other)


def equal_items(one: Json, other: Json) -> bool:
    """Return whether two items of arrays are equal, as ``equal`` does for arguments."""
    return equal(None if one == "null" else one, None if other == "null" else other)


def _exact(value: object) -> object:
    """Return a JSON value in a form in which true and 1, which Python treats as equal, differ."""
    if isinstance(value, list):
        return [_exact(item) for item in value]
    if isinstance(value, dict):
        return {name: _exact(item) for name, item in value.items()}
    return (type(value) is bool, value)


def compare(one: Json, other: Json) -> int:
    """Return -1, 0 or 1 if ``one`` is less than, equal to or greater than ``other``.

    They are compared as numbers if one of them is a number, otherwise as texts.

    Raises:
        Failure: a value is an array or an object, or one is a number and the other one a text that is not a number.
    """
    if is_number(one) or is_number(other):
        return _sign(number(text_of(one)), number(text_of(other)))
    return _sign(text_of(one), text_of(other))


def _sign(one: float | str, other: float | str) -> int:
    return (one > other) - (one < other)  # type: ignore[operator]


def not_equal(one: Json | None, other: Json | None) -> bool:
    """Return the negation of ``equal``."""
    return not equal(one, other)


def less_than(one: Json | None, other: Json | None) -> bool:
    """Return whether ``one < other``; false if one of them is null."""
    return one is not None and other is not None and compare(one, other) < 0


def less_than_or_equal(one: Json | None, other: Json | None) -> bool:
    """Return whether ``one <= other``; true for two nulls as in JEXL, false for one."""
    return (one is None and other is None) or (
        one is not None and other is not None and compare(one, other) <= 0
    )


def greater_than(one: Json | None, other: Json | None) -> bool:
    """Return whether ``one > other``; false if one of them is null."""
    return one is not None and other is not None and compare(one, other) > 0


def greater_than_or_equal(one: Json | None, other: Json | None) -> bool:
    """Return whether ``one >= other``; true for two nulls as in JEXL, false for one."""
    return (one is None and other is None) or (
        one is not None and other is not None and compare(one, other) >= 0
    )


def contains(one: Json | None, other: Json | None) -> bool:
    """Return the result of ``one =~ other``; ``other``: an array, an object (its keys) or a regular expression."""
    if other is None:
        return False
    if other.startswith("["):
        return any(equal_items(one or "null", item) for item in array(other))
    if one is None:
        return False
    if other.startswith("{"):
        return is_string(one) and text_of(one) in members(other)
    return compiled(text_of(other)).fullmatch(limited(text_of(one))) is not None


def not_contains(one: Json | None, other: Json | None) -> bool:
    """Return the result of ``one !~ other``, the negation of ``contains``."""
    return not contains(one, other)


def starts_with(one: str, other: str) -> str:
    """Return SQL that tests whether ``one`` begins with ``other``; false if one of them is null."""
    return f"coalesce(starts_with({one}, {other}), false)"


def not_starts_with(one: str, other: str) -> str:
    """Return SQL for the negation of ``starts_with``; true if one of them is null."""
    return f"(NOT {starts_with(one, other)})"


def ends_with(one: str, other: str) -> str:
    """Return SQL that tests whether ``one`` ends with ``other``; false if one of them is null."""
    return f"coalesce(ends_with({one}, {other}), false)"


def not_ends_with(one: str, other: str) -> str:
    """Return SQL for the negation of ``ends_with``; true if one of them is null."""
    return f"(NOT {ends_with(one, other)})"


def _comparison_compiler(
    symbol: str,
) -> Callable[[EvaluationContext, Sequence[SqlValue]], tuple[str, str | None] | None]:
    """Return the ``Function.special`` of a comparison: it compiles to SQL if both operands have the same known type."""

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
    """Return a value, if it is a date, without the name of its zone, which SQL cannot read."""
    return SqlValue(convert_cell(cell, Type.STRING).sql, Type.DATE) if cell.type is Type.DATE else cell


def _require_comparable(given: Sequence[Type]) -> Type:
    """Check that two values of the given types can be compared; return the type of the result.

    Raises:
        LanguageError: a date is compared with a value that is not a date.
    """
    if Type.DATE in given and set(given) - {Type.DATE, Type.NULL}:
        raise LanguageError("a date can only be compared with a date; write date(value, format)")
    return Type.BOOLEAN


_NULLABLE = (required("ONE", Type.ANY, nullable=True), required("OTHER", Type.ANY, nullable=True))
_STRINGS = (required("ONE", Type.STRING), required("OTHER", Type.STRING))
_MEMBERSHIP = "regular expressions and arrays"


def _comparison(symbol: str, python: Callable[..., object]) -> Function:
    return Function(
        symbol, CATEGORY, _NULLABLE, _require_comparable, special=_comparison_compiler(symbol), python=python,
        python_type=Type.BOOLEAN, because="values of unknown type; SQL if both types are known",
    )  # fmt: skip


FUNCTIONS = [
    _comparison("==", equal),
    _comparison("!=", not_equal),
    _comparison("<", less_than),
    _comparison("<=", less_than_or_equal),
    _comparison(">", greater_than),
    _comparison(">=", greater_than_or_equal),
    Function("=~", CATEGORY, _NULLABLE, Type.BOOLEAN, python=contains, because=_MEMBERSHIP),
    Function("!~", CATEGORY, _NULLABLE, Type.BOOLEAN, python=not_contains, because=_MEMBERSHIP),
    Function("=^", CATEGORY, _STRINGS, Type.BOOLEAN, sql=starts_with),
    Function("!^", CATEGORY, _STRINGS, Type.BOOLEAN, sql=not_starts_with),
    Function("=$", CATEGORY, _STRINGS, Type.BOOLEAN, sql=ends_with),
    Function("!$", CATEGORY, _STRINGS, Type.BOOLEAN, sql=not_ends_with),
]

"""Functions and operators that use only some of their arguments, such as iif; a failure of the others has no effect.

They are compiled to SQL as ``Function.special``: the result is SQL for the value, and SQL for whether it failed.
"""

from __future__ import annotations

from collections.abc import Sequence

from include.xdm.dataprep.functions.arrays import items_of
from include.xdm.dataprep.functions.registry import Function, required
from include.xdm.dataprep.language.types import Type, common
from include.xdm.dataprep.sql_values import (
    EvaluationContext,
    SqlValue,
    any_of,
    as_json,
    convert_cell,
    text_of,
)

CATEGORY = "Logical"


def iif(_: EvaluationContext, cells: Sequence[SqlValue]) -> tuple[str, str | None]:
    """Return SQL for ``iif(condition, yes, no)``; a null condition counts as false."""
    condition = convert_cell(cells[0], Type.BOOLEAN)
    yes, no = convert_to_common_type(cells[1:])
    chosen = f"coalesce({condition.sql}, false)"
    branch = None
    if yes.fails or no.fails:
        branch = f"CASE WHEN {chosen} THEN {yes.fails or 'false'} ELSE {no.fails or 'false'} END"
    fails = any_of(condition.fails, branch)
    return f"CASE WHEN {chosen} THEN {yes.sql} ELSE {no.sql} END", fails


def coalesce(_: EvaluationContext, cells: Sequence[SqlValue]) -> tuple[str, str | None] | None:
    """Return SQL for the first value that is not null; the result fails if a value before it failed."""
    if len(cells) == 1:
        return None
    same = convert_to_common_type(cells)
    fails = _fails_before_a_value([(cell.fails, f"{cell.sql} IS NOT NULL") for cell in same])
    return f"coalesce({', '.join(cell.sql for cell in same)})", fails


def elvis(_: EvaluationContext, cells: Sequence[SqlValue]) -> tuple[str, str | None]:
    """Return SQL for ``value ?: other``: the value, or ``other`` if the value is null or false.

    JEXL's reference: the value has to be "defined, non-null and non-false".
    """
    one, other = convert_to_common_type(cells)
    empty = f"coalesce({as_json(cells[0])} = 'false', true)"
    late = f"{empty} AND ({other.fails})" if other.fails else None
    fails = any_of(one.fails, late)
    return f"CASE WHEN {empty} THEN {other.sql} ELSE {one.sql} END", fails


def decode(_: EvaluationContext, cells: Sequence[SqlValue]) -> tuple[str, str | None]:
    """Return SQL for ``decode(key, option, value, …, default)``: the value of the first option that equals the key.

    If no option equals the key, the result is the default, or null without one.
    """
    key, options = cells[0], cells[1:]
    default = [options[-1]] if len(options) % 2 else []
    pairs = list(zip(options[::2], options[1::2], strict=False))
    values = convert_to_common_type([value for _, value in pairs] + default)
    tests = [_matches(key, option) for option, _ in pairs]
    other = values[-1].sql if default else "NULL"
    whens = " ".join(f"WHEN {test} THEN {value.sql}" for test, value in zip(tests, values, strict=False))
    faults = [f"WHEN {key.fails} THEN true"] if key.fails else []
    for (option, __), test, value in zip(pairs, tests, values, strict=False):
        faults += [f"WHEN {option.fails} THEN true"] if option.fails else []
        faults.append(f"WHEN {test} THEN {value.fails or 'false'}")
    last = (values[-1].fails if default else None) or "false"
    can_fail = any(cell.fails for cell in cells)
    return f"CASE {whens} ELSE {other} END", f"CASE {' '.join(faults)} ELSE {last} END" if can_fail else None


def _matches(key: SqlValue, option: SqlValue) -> str:
    """Return SQL that tests whether a key and an option are equal as texts; null equals null."""
    return f"{text_of(key)} IS NOT DISTINCT FROM {text_of(option)}"


def _fails_before_a_value(parts: list[tuple[str | None, str]]) -> str | None:
    whens = []
    for fails, there in parts:
        if fails:
            whens.append(f"WHEN {fails} THEN true")
        whens.append(f"WHEN {there} THEN false")
    return f"CASE {' '.join(whens)} ELSE false END" if any(fails for fails, _ in parts) else None


def convert_to_common_type(cells: Sequence[SqlValue]) -> list[SqlValue]:
    """Return the values converted to their common type."""
    kind = common([cell.type for cell in cells])
    return [convert_cell(cell, kind) for cell in cells]


def first_not_null(items: list[str]) -> str | None:
    """Return the first argument, or item of a single array, that is not null; None without such a value."""
    return next((item for item in items_of(items) if item != "null"), None)


def logical_and(_: EvaluationContext, cells: Sequence[SqlValue]) -> tuple[str, str | None]:
    """Return SQL for ``&&``; null is false, and a failure of the right side counts only if the left side is true."""
    return _logical(cells, "AND", "{}")


def logical_or(_: EvaluationContext, cells: Sequence[SqlValue]) -> tuple[str, str | None]:
    """Return SQL for ``||``; null is false, and a failure of the right side counts only if the left side is false."""
    return _logical(cells, "OR", "NOT {}")


def _logical(cells: Sequence[SqlValue], word: str, right_is_read: str) -> tuple[str, str | None]:
    one, other = (convert_cell(cell, Type.BOOLEAN) for cell in cells)
    left, right = f"coalesce({one.sql}, false)", f"coalesce({other.sql}, false)"
    late = f"({other.fails}) AND {right_is_read.format(left)}" if other.fails else None
    return f"({left} {word} {right})", any_of(one.fails, late)


def logical_not(_: EvaluationContext, cells: Sequence[SqlValue]) -> tuple[str, str | None]:
    """Return SQL for ``!``, the negation of a condition; a null condition counts as false."""
    cell = convert_cell(cells[0], Type.BOOLEAN)
    return f"(NOT coalesce({cell.sql}, false))", cell.fails


_VALUE = required("INPUT", Type.ANY)
_BOOLEANS = (required("ONE", Type.BOOLEAN), required("OTHER", Type.BOOLEAN))

FUNCTIONS = [
    Function(
        "iif", CATEGORY,
        (required("EXPRESSION", Type.BOOLEAN), required("TRUE_VALUE", Type.ANY), required("FALSE_VALUE", Type.ANY)),
        lambda given: common(list(given[1:])), special=iif, note="A condition that is null is false.",
        examples=(('iif("s".equalsIgnoreCase("S"), "True", "False")', "True"),),
    ),
    Function(
        "decode", CATEGORY, (required("KEY", Type.ANY), required("OPTIONS", Type.ANY), required("OPTIONS", Type.ANY)),
        lambda given: common([*given[2::2], *([given[-1]] if len(given) % 2 == 0 else [])]), special=decode, many=1,
        note="Keys are compared as texts.",
        examples=(
            ('decode("ca", "ca", "California", "pa", "Pennsylvania", "N/A")', "California"),
            ('decode("pa", "ca", "California", "pa", "Pennsylvania", "N/A")', "Pennsylvania"),
            ('decode("xx", "ca", "California", "pa", "Pennsylvania", "N/A")', "N/A"),
        ),
    ),
    Function(
        "coalesce", "Hierarchies - Arrays", (_VALUE,), lambda given: common(list(given)) if len(given) > 1 else Type.ANY,
        special=coalesce, python=first_not_null, python_type=Type.ANY, many=1,
        because="for one array; SQL for several values",
        examples=(('coalesce(null, null, null, "first", null, "second")', "first"),),
    ),
    Function(
        "?:", "Operators", (_VALUE, required("OTHER", Type.ANY)), lambda given: common(list(given)), special=elvis,
        note="The other value if the first one is null or false.",
    ),
    Function("&&", "Operators", _BOOLEANS, Type.BOOLEAN, special=logical_and),
    Function("||", "Operators", _BOOLEANS, Type.BOOLEAN, special=logical_or),
    Function("!", "Operators", (required("VALUE", Type.BOOLEAN),), Type.BOOLEAN, special=logical_not),
]  # fmt: skip

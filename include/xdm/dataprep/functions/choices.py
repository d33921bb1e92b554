"""Functions that choose one of their arguments; a failure of another argument has no effect."""

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
    text_literal,
    text_of,
)

CATEGORY = "Logical"


def iif(_: EvaluationContext, cells: Sequence[SqlValue]) -> tuple[str, str | None]:
    """Return SQL for one of two values, by a condition; a null condition is false."""
    condition = convert_cell(cells[0], Type.BOOLEAN)
    yes, no = convert_to_common_type(cells[1:])
    chosen = f"coalesce({condition.sql}, false)"
    branch = None
    if yes.fails or no.fails:
        branch = f"CASE WHEN {chosen} THEN {yes.fails or 'false'} ELSE {no.fails or 'false'} END"
    fails = any_of(condition.fails, branch)
    return f"CASE WHEN {chosen} THEN {yes.sql} ELSE {no.sql} END", fails


def coalesce(_: EvaluationContext, cells: Sequence[SqlValue]) -> tuple[str, str | None] | None:
    """Return SQL for the first value that is not null; a failure before it makes the result fail."""
    if len(cells) == 1:
        return None
    same = convert_to_common_type(cells)
    fails = _fails_before_a_value([(cell.fails, f"{cell.sql} IS NOT NULL") for cell in same])
    return f"coalesce({', '.join(cell.sql for cell in same)})", fails


def elvis(_: EvaluationContext, cells: Sequence[SqlValue]) -> tuple[str, str | None]:
    """Return SQL for ``value ?: other``: the value if it is "defined, non-null and non-false" (JEXL's reference)."""
    one, other = convert_to_common_type(cells)
    empty = f"coalesce({as_json(cells[0])} = 'false', true)"
    late = f"{empty} AND ({other.fails})" if other.fails else None
    fails = any_of(one.fails, late)
    return f"CASE WHEN {empty} THEN {other.sql} ELSE {one.sql} END", fails


def decode(_: EvaluationContext, cells: Sequence[SqlValue]) -> tuple[str, str | None]:
    """Return SQL for the value after the first option that equals the key, or for the default, if given."""
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
    """Return SQL for whether two keys are equal as texts; null equals null."""
    return f"{text_of(key)} IS NOT DISTINCT FROM {text_of(option)}"


def _fails_before_a_value(parts: list[tuple[str | None, str]]) -> str | None:
    whens = []
    for fails, there in parts:
        if fails:
            whens.append(f"WHEN {fails} THEN true")
        whens.append(f"WHEN {there} THEN false")
    return f"CASE {' '.join(whens)} ELSE false END" if any(fails for fails, _ in parts) else None


def convert_to_common_type(cells: Sequence[SqlValue]) -> list[SqlValue]:
    """Return the cells, converted to their common type."""
    kind = common([cell.type for cell in cells])
    return [convert_cell(cell, kind) for cell in cells]


def first_that_is(items: list[str]) -> str | None:
    """Return the first value that is not null, of one value; an array stands for its items."""
    return next((item for item in items_of(items) if item != "null"), None)


def nullify(_: EvaluationContext, __: Sequence[SqlValue]) -> tuple[str, str | None]:
    """Return SQL for null."""
    return "NULL", None


def contains_key(around: EvaluationContext, cells: Sequence[SqlValue]) -> tuple[str, str | None]:
    """Return SQL for whether the event has a path."""
    assert cells[0].constant is not None
    return around.exists(cells[0].constant), None


def now(around: EvaluationContext, _: Sequence[SqlValue]) -> tuple[str, str | None]:
    """Return SQL for the time of the day's export."""
    return text_literal(around.now), None


def timestamp(around: EvaluationContext, _: Sequence[SqlValue]) -> tuple[str, str | None]:
    """Return SQL for the time of the day's export in milliseconds."""
    return f"epoch_ms({text_literal(around.now)}::TIMESTAMPTZ)", None


def uuid(around: EvaluationContext, _: Sequence[SqlValue]) -> tuple[str, str | None]:
    """Return SQL for a UUID computed from the event's ``_id``, so that a repeated step writes the same rows."""
    parts = r"^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$", r"\1-\2-4\3-8\4-\5"
    return f"regexp_replace(sha256(_id || ':{around.number}'), '{parts[0]}', '{parts[1]}')", None


_VALUE = required("INPUT", Type.ANY)

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
        special=coalesce, python=first_that_is, gives=Type.ANY, many=1, because="for one array; SQL for several values",
        examples=(('coalesce(null, null, null, "first", null, "second")', "first"),),
    ),
    Function(
        "?:", "Operators", (_VALUE, required("OTHER", Type.ANY)), lambda given: common(list(given)), special=elvis,
        note="The other value if the first one is null or false.",
    ),
    Function("nullify", "Hierarchies - Objects", (), Type.NULL, special=nullify, examples=(("nullify()", None),)),
    Function(
        "contains_key", "Hierarchies - Objects", (required("INPUT", Type.STRING, names="only"),), Type.BOOLEAN,
        special=contains_key, other_names=("is_set",), note="True if the event has the path, also with a null value.",
    ),
    Function(
        "now", "Date and time", (), Type.DATE, special=now,
        note="The time of the day's export, so that a repeated step gives the same rows.",
    ),
    Function("timestamp", "Date and time", (), Type.INTEGER, special=timestamp, note="now() in milliseconds."),
    Function(
        "uuid", "Special", (), Type.STRING, special=uuid, other_names=("guid",),
        note="Computed from the event's _id, so that a repeated step gives the same rows.",
    ),
]  # fmt: skip

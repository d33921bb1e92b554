"""SQL for the values of expressions, and for conversions between their types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from include.xdm.dataprep.language.types import Storage, Type
from include.xdm.dataprep.sql import quote


@dataclass(frozen=True)
class SqlValue:
    """SQL for the value of an expression.

    Attributes:
        sql: a column or a constant, which is cheap enough to occur several times in a query.
        type: the type of the expression.
        fails: SQL that is true if the computation failed, in which case the value has no meaning; None if it never
        fails.
        constant: the text, if the value is a constant string.
    """

    sql: str
    type: Type
    fails: str | None = None
    constant: str | None = None


@dataclass(frozen=True)
class EvaluationContext:
    """Inputs of a special function (``Function.special``) in addition to its arguments.

    ``now``: when the day was exported, in ISO 8601; ``number``: a number of the call, unique in the mapping set;
    ``exists``: returns SQL for whether the event has a path.
    """

    now: str
    number: int
    exists: Callable[[str], str]


def text_literal(text: str) -> str:
    """Return a text as a SQL expression; NUL, which a query cannot contain, is written as a function call."""
    if "\0" not in text:
        return quote(text)
    return "(" + " || chr(0) || ".join(quote(part) for part in text.split("\0")) + ")"


def any_of(*conditions: str | None) -> str | None:
    """Return SQL that is true if one of the conditions is true; a condition that is None is never true.

    Return None if all conditions are None.
    """
    distinct = list(dict.fromkeys(condition for condition in conditions if condition))
    return " OR ".join(f"({condition})" for condition in distinct) or None


def convert_cell(cell: SqlValue, wanted: Type) -> SqlValue:
    """Return SQL for a value converted to the type ``wanted`` and its storage (``Type.storage``)."""
    if cell.type is wanted:
        return cell
    if wanted.storage is Storage.JSON:
        return SqlValue(as_json(cell), wanted, cell.fails)
    if cell.type is Type.NULL:
        return SqlValue(f"NULL::{wanted.storage.value}", wanted, cell.fails)
    if wanted is Type.BOOLEAN:
        sql = _condition(cell)
        return SqlValue(sql, wanted, any_of(cell.fails, f"{cell.sql} IS NOT NULL AND ({sql}) IS NULL"))
    if wanted is Type.INTEGER:  # only for JSON from a Python function
        return SqlValue(f"({cell.sql})::BIGINT", wanted, cell.fails)
    container = f"left({cell.sql}, 1) IN ('[', '{{')" if cell.type is Type.ANY else None
    return SqlValue(text_of(cell), wanted, any_of(cell.fails, container), cell.constant)


def text_of(cell: SqlValue) -> str:
    """Return SQL for a value as text; an array or object is its JSON text."""
    if cell.type is Type.STRING:
        return cell.sql
    if cell.type is Type.DATE:  # only date functions use the name of the zone in brackets
        return f"regexp_replace({cell.sql}, '\\[.*$', '')"
    if cell.type is Type.NULL:
        return "NULL::VARCHAR"
    if cell.type.storage is Storage.JSON:
        return f"json_extract_string({cell.sql}, '$')"
    return f"{cell.sql}::VARCHAR"


def as_json(cell: SqlValue) -> str:
    """Return SQL for a value as JSON text; null stays NULL."""
    if cell.type is Type.NULL:
        return "NULL::VARCHAR"
    if cell.type.storage is Storage.TEXT:
        return f"to_json({text_of(cell)})::VARCHAR"
    if cell.type.storage is Storage.JSON:
        return cell.sql
    return f"{cell.sql}::VARCHAR"


def json_array(cells: Sequence[SqlValue]) -> str:
    """Return SQL for the JSON text of an array of values."""
    if not cells:
        return "'[]'"
    parts = " || ',' || ".join(f"coalesce({as_json(cell)}, 'null')" for cell in cells)
    return f"('[' || {parts} || ']')"


_TRUE = ("true", "TRUE", "y", "Y", "yes", "YES", "on", "ON")
_FALSE = ("false", "FALSE", "n", "N", "no", "NO", "off", "OFF")


def _condition(cell: SqlValue) -> str:
    """Return SQL for a value as a boolean; null if the value is not a boolean.

    The texts for booleans are Data Prep's (EP:data-prep/data-handling.md); numbers are read as in JEXL: 0 is false.
    """
    json = as_json(cell)
    yes, no = (", ".join(f"'\"{word}\"'" for word in words) for words in (_TRUE, _FALSE))
    return (
        f"CASE WHEN {json} IN ('true', {yes}) THEN true WHEN {json} IN ('false', {no}) THEN false "
        f"ELSE TRY_CAST(regexp_extract({json}, '^[-+0-9.eE]+$') AS DOUBLE) <> 0 END"
    )

"""Values of expressions as SQL, and conversions between kinds of values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from include.xdm.dataprep.language.types import Storage, Type
from include.xdm.dataprep.sql import quote


@dataclass(frozen=True)
class SqlValue:
    """A value in SQL.

    ``sql``: a column or a constant, so it may be written several times. ``fails``: SQL that is true if the transform
    failed, whatever the value is. None: it never fails.
    """

    sql: str
    type: Type
    fails: str | None = None
    constant: str | None = None


@dataclass(frozen=True)
class EvaluationContext:
    """Values that a special function may need in addition to its arguments.

    ``exists``: SQL for whether the event has a path; ``number``: the number of the call in the mapping set; ``now``:
    when the day was exported, ISO 8601.
    """

    now: str
    number: int
    exists: Callable[[str], str]


def text_literal(text: str) -> str:
    """Return a SQL string; a query cannot contain NUL, so it is written as a function call."""
    if "\0" not in text:
        return quote(text)
    return "(" + " || chr(0) || ".join(quote(part) for part in text.split("\0")) + ")"


def any_of(*conditions: str | None) -> str | None:
    """Return SQL that is true if one of the conditions is true, and never null."""
    distinct = list(dict.fromkeys(condition for condition in conditions if condition))
    return " OR ".join(f"({condition})" for condition in distinct) or None


def convert_cell(cell: SqlValue, wanted: Type) -> SqlValue:
    """Return the cell converted to the storage of type ``wanted``."""
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
    """Return SQL for the text of a cell; for an array or object, for its JSON."""
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
    """Return SQL for the JSON text of a cell, or NULL."""
    if cell.type is Type.NULL:
        return "NULL::VARCHAR"
    if cell.type.storage is Storage.TEXT:
        return f"to_json({text_of(cell)})::VARCHAR"
    if cell.type.storage is Storage.JSON:
        return cell.sql
    return f"{cell.sql}::VARCHAR"


def json_array(cells: Sequence[SqlValue]) -> str:
    """Return SQL for the JSON text of an array of cells."""
    if not cells:
        return "'[]'"
    parts = " || ',' || ".join(f"coalesce({as_json(cell)}, 'null')" for cell in cells)
    return f"('[' || {parts} || ']')"


_TRUE = ("true", "TRUE", "y", "Y", "yes", "YES", "on", "ON")
_FALSE = ("false", "FALSE", "n", "N", "no", "NO", "off", "OFF")


def _condition(cell: SqlValue) -> str:
    """Return a cell as a boolean.

    The texts for booleans are Data Prep's (EP:data-prep/data-handling.md); numbers are read as in JEXL.
    """
    json = as_json(cell)
    yes, no = (", ".join(f"'\"{word}\"'" for word in words) for words in (_TRUE, _FALSE))
    return (
        f"CASE WHEN {json} IN ('true', {yes}) THEN true WHEN {json} IN ('false', {no}) THEN false "
        f"ELSE TRY_CAST(regexp_extract({json}, '^[-+0-9.eE]+$') AS DOUBLE) <> 0 END"
    )

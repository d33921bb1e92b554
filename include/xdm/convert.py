"""SQL that converts a property's text to an XDM type: exactly, or to NULL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from include.xdm.schema import INTEGER_LIMITS, Kind, XdmField

_SQL_TYPES = {
    Kind.STRING: "VARCHAR",
    Kind.NUMBER: "DOUBLE",
    Kind.LONG: "BIGINT",
    Kind.INTEGER: "INTEGER",
    Kind.SHORT: "SMALLINT",
    Kind.BYTE: "TINYINT",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.DATE: "DATE",
    Kind.DATE_TIME: "TIMESTAMPTZ",
}


def quote(text: str) -> str:
    """A SQL string literal. No customer's text is ever code."""
    return "'" + text.replace("'", "''") + "'"


def ident(name: str) -> str:
    """A SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


GUESS = "el_guess_date"
"""The function (``functions.dates``) that tries Data Prep's date patterns on a text that is not ISO 8601."""

_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"
_WHOLE_NUMBER = r"^\s*[+-]?\d+\.?0*\s*$"
_DAY = r"^\s*(\d{4}-\d{1,2}-\d{1,2})([T ]00:00(:00(\.0+)?)?Z?)?\s*$"
_MOMENT = r"^\s*\d{4}-\d{1,2}-\d{1,2}([T ][^(]*)?$"


def number_pattern(field: XdmField) -> str | None:
    """What a number, or an array of numbers, looks like as text; None where the field does not take numbers."""
    if field.kind is Kind.ARRAY and field.item and field.item.kind.is_numeric:
        return r"^\s*\[[-+0-9.eE,\s]*\]\s*$"
    return _NUMBER if field.kind.is_numeric else None


def convert(text: str, field: XdmField) -> str:
    """SQL that converts ``text`` to the field's type, or to NULL where that would not be exact."""
    if field.kind is Kind.STRING:
        return f"nullif({text}, '')"
    if field.kind in INTEGER_LIMITS:
        low, high = INTEGER_LIMITS[field.kind]
        number = f"TRY_CAST(regexp_extract({text}, '^\\s*([-+]?\\d{{1,19}})(\\.0*)?\\s*$', 1) AS BIGINT)"
        return f"CASE WHEN {number} BETWEEN {low} AND {high} THEN {number}::{_SQL_TYPES[field.kind]} END"
    if field.kind is Kind.NUMBER:
        return _convert_number(text)
    if field.kind is Kind.BOOLEAN:
        word = f"lower(trim({text}))"
        return (
            f"CASE WHEN {word} IN ('true', 'y', 'yes', 'on', '1') THEN true "
            f"WHEN {word} IN ('false', 'n', 'no', 'off', '0') THEN false END"
        )
    if field.kind in (Kind.DATE, Kind.DATE_TIME):
        read = _day if field.kind is Kind.DATE else _moment
        return f"coalesce({read(text)}, {read(f'{GUESS}(CASE WHEN {read(text)} IS NULL THEN {text} END).v')})"
    return _convert_nested(text, field)


def _day(text: str) -> str:
    """A date with a time of day is no date, and DuckDB also knows 'infinity' and years before Christ."""
    day = f"TRY_CAST(regexp_extract({text}, '{_DAY}', 1) AS DATE)"
    return f"CASE WHEN {day} >= DATE '0001-01-01' THEN {day} END"


def _moment(text: str) -> str:
    moment = f"TRY_CAST({text} AS TIMESTAMPTZ)"
    within = f"{moment} BETWEEN TIMESTAMPTZ '0001-01-01 00:00:00+00' AND TIMESTAMPTZ '9999-12-31 23:59:59+00'"
    return f"CASE WHEN regexp_matches({text}, '{_MOMENT}') AND {within} THEN date_trunc('millisecond', {moment}) END"


def _convert_number(text: str) -> str:
    """A double; whole numbers only as long as a double holds every digit of them."""
    number = f"TRY_CAST({text} AS DOUBLE)"
    exact = (
        f"abs({number}) < {2**53} OR NOT regexp_matches({text}, '{_WHOLE_NUMBER}') "
        f"OR TRY_CAST({text} AS HUGEINT) = TRY_CAST({number} AS HUGEINT)"
    )
    return f"CASE WHEN regexp_matches({text}, '{_NUMBER}') AND isfinite({number}) AND ({exact}) THEN {number} END"


def _convert_nested(text: str, field: XdmField) -> str:
    """Arrays and maps: their JSON is read in the shape of the schema, then each leaf is converted."""
    opening = "[" if field.kind is Kind.ARRAY else "{"
    shaped = f"TRY(from_json({text}, {quote(json.dumps(_shape(field), ensure_ascii=False))}))"
    read = f"CASE WHEN left({text}, 1) = '{opening}' THEN {shaped} END"
    others = None
    if field.kind is Kind.ARRAY and field.item and field.item.kind is Kind.OBJECT:
        # Read in the shape of an object, what is none looks like an empty one.
        items = f"""TRY(from_json({text}, '["JSON"]'))::VARCHAR[]"""
        others = f"list_filter({items}, lambda j: left(j, 1) <> '{{' AND j NOT IN ('null', '\"\"'))"
    return _shaped(read, field, 0, others)


def _shape(field: XdmField) -> Any:
    if field.kind is Kind.ARRAY:
        return [_shape(field.item)] if field.item else ["VARCHAR"]
    if field.kind is Kind.MAP:
        inner = _shape(field.item) if field.item else "VARCHAR"
        return f"MAP(VARCHAR, {inner})" if isinstance(inner, str) else "MAP(VARCHAR, JSON)"
    if field.kind is Kind.OBJECT and field.children:
        return {name: _shape(child) for name, child in field.children.items()}
    return "VARCHAR"


def _shaped(value: str, field: XdmField, depth: int, others: str | None = None) -> str:
    """``others``: the items of an array that are of another kind, where its reading does not show them."""
    x = f"x{depth}"
    if field.kind is Kind.ARRAY:
        inner = _shaped(x, field.item, depth + 1) if field.item else x
        kept = f"list_filter(list_transform({value}, lambda {x}: {inner}), lambda {x}: {x} IS NOT NULL)"
        # An array is taken whole or not at all: an item that does not convert must not vanish from its midst. Nothing
        # and emptiness may, as AEP takes neither.
        whole = f"len({kept}) >= len(list_filter({value}, lambda {x}: NOT ({_nothing(x, field.item, depth + 1)})))"
        if others:
            whole += f" AND (len({kept}) = len({value}) OR len({others}) = 0)"
        return f"CASE WHEN len({kept}) > 0 AND {whole} THEN {kept} END"
    if field.kind is Kind.OBJECT:
        parts = {
            name: _shaped(f"{value}.{ident(name)}", child, depth) for name, child in field.children.items()
        }
        return pack(parts)
    if field.kind is Kind.MAP:
        inner = (
            convert(f"{x}.value", field.item) if field.item and field.item.kind.is_scalar else f"{x}.value"
        )
        pairs = f"list_transform(map_entries({value}), lambda {x}: {{'key': {x}.key, 'value': {inner}}})"
        kept = f"list_filter({pairs}, lambda {x}: {x}.value IS NOT NULL)"
        return f"CASE WHEN len({kept}) > 0 THEN map_from_entries({kept}) END"
    return convert(value, field)


def _nothing(value: str, field: XdmField | None, depth: int) -> str:
    """SQL, never null, for whether what was read in the shape of a field holds nothing that the field could."""
    if field is None or field.kind is Kind.STRING:
        return f"coalesce({value}, '') = ''"
    if field.kind.is_scalar:
        return f"coalesce({value}, '') IN ('', '[]', '{{}}')"
    if field.kind is Kind.OBJECT:
        inner = [_nothing(f"{value}.{ident(name)}", child, depth) for name, child in field.children.items()]
        return " AND ".join(inner) or "true"
    if field.kind is Kind.MAP:
        return f"coalesce(cardinality({value}), 0) = 0"
    x = f"x{depth}"
    some = f"list_filter({value}, lambda {x}: NOT ({_nothing(x, field.item, depth + 1)}))"
    return f"coalesce(len({some}), 0) = 0"


def pack(parts: Mapping[str, str]) -> str:
    """A struct, or NULL when nothing is in it: AEP takes no empty objects."""
    if not parts:
        return "NULL"
    fields = ", ".join(f"{ident(name)} := {sql}" for name, sql in parts.items())
    return f"CASE WHEN coalesce({', '.join(f'({sql}) IS NOT NULL OR NULL' for sql in parts.values())}) THEN struct_pack({fields}) END"


def values_inside(json_text: str) -> str:
    """How many values a JSON text has inside, at any depth; null, "", [] and {} are none."""
    inner = f"json_extract({json_text}, '$..*')::VARCHAR[]"
    return f"len(list_filter({inner}, lambda v: left(v, 1) NOT IN ('[', '{{') AND v NOT IN ('null', '\"\"')))"

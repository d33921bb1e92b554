"""Compiles a mapping set to DuckDB SQL: from the sifted events to rows in the schema's shape.

A property is first read as text, whatever type Mixpanel kept it in, and then converted to the field's type by rules
that lose nothing: what does not convert exactly is null in its field, is counted, and stays in the unmapped JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from include.xdm.mapping import FieldMapping, MappingSet
from include.xdm.schema import INTEGER_LIMITS, Kind, XdmField

Tree = dict[str, "Tree | str"]

BLOCKED_IDENTITIES = ("null", "anonymous", "invalid")
"""Identity values that AEP's Identity Service blocks (facts: identity guardrails); also empty and over 1024."""

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


@dataclass(frozen=True)
class CompiledMapping:
    """``select`` reads table ``events(_id, timestamp, properties, event, unmapped)``; the rows it gives have the
    schema's shape and, last, ``failed``: the destinations whose source did not convert."""

    select: str
    columns: tuple[str, ...]


def quote(text: str) -> str:
    """A SQL string literal. No customer's text is ever code."""
    return "'" + text.replace("'", "''") + "'"


def ident(name: str) -> str:
    """A SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def compile_mapping(mapping: MappingSet, identities: Mapping[str, str]) -> CompiledMapping:
    """One SELECT for a whole mapping set; ``identities`` maps property names to namespace codes."""
    names = [*identities, *(s[1] for m in mapping.mappings for s in m.sources if s[0] == "properties")]
    wanted = json.dumps(dict.fromkeys(names, "VARCHAR"), ensure_ascii=False)
    leaves = list(_leaves(mapping.mappings))
    conversions = [f"{_text(m)} AS s{n}, {sql} AS c{n}" for n, (m, sql) in enumerate(leaves)]
    failed = [
        f"CASE WHEN {_failed(n)} THEN {quote(m.field.dotted)} END"
        for n, (m, _) in enumerate(leaves)
        if m.kind == "ATTRIBUTE"
    ]
    tree: Tree = {}
    for n, (m, _) in enumerate(leaves):
        _plant(tree, m.destination, f"c{n}")
    if mapping.unmapped:
        _plant(tree, mapping.unmapped, _unmapped(leaves))
    tops = [f"{_struct(branch)} AS {ident(name)}" for name, branch in tree.items()]
    columns = ["_id", "timestamp", f'{_identity_map(identities)} AS "identityMap"', *tops]
    columns.append(f"list_filter([{', '.join(failed)}]::VARCHAR[], lambda x: x IS NOT NULL) AS failed")
    read = f"SELECT e.*, from_json(e.properties, {quote(wanted)}) AS p FROM events e"
    converted = f"SELECT {', '.join(['*', *conversions])} FROM ({read})"
    select = f"SELECT {', '.join(columns)} FROM ({converted})"
    return CompiledMapping(select, ("_id", "timestamp", "identityMap", *tree))


def _leaves(mappings: tuple[FieldMapping, ...]) -> Iterator[tuple[FieldMapping, str]]:
    for m in mappings:
        yield m, _convert(_text(m), m.field)


def _text(m: FieldMapping) -> str:
    if m.kind == "STATIC":
        return quote(m.constant)
    return f"coalesce({', '.join(_read(source) for source in m.sources)})"


def _read(source: tuple[str, ...]) -> str:
    if source == ("event",):
        return "event"
    top = f"p.{ident(source[1])}"
    if len(source) == 2:
        return top
    return f"CASE WHEN left({top}, 1) IN ('{{', '[') THEN json_extract_string({top}, {quote(_pointer(source[2:]))}) END"


def _pointer(names: tuple[str, ...]) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in names)


def _failed(n: int) -> str:
    """Whether leaf ``n`` had a source that did not convert; nothing and emptiness are no failure."""
    return f"s{n} IS NOT NULL AND s{n} NOT IN ('', '[]', '{{}}') AND c{n} IS NULL"


def _convert(text: str, field: XdmField) -> str:
    """SQL that converts ``text`` to the field's type, or to NULL where that would not be exact."""
    if field.kind is Kind.STRING:
        return f"nullif({text}, '')"
    if field.kind in INTEGER_LIMITS:
        low, high = INTEGER_LIMITS[field.kind]
        number = f"TRY_CAST(regexp_extract({text}, '^\\s*(-?\\d{{1,19}})(\\.0*)?\\s*$', 1) AS BIGINT)"
        return f"CASE WHEN {number} BETWEEN {low} AND {high} THEN {number}::{_SQL_TYPES[field.kind]} END"
    if field.kind is Kind.NUMBER:
        number = f"TRY_CAST({text} AS DOUBLE)"
        return f"CASE WHEN isfinite({number}) THEN {number} END"
    if field.kind is Kind.BOOLEAN:
        word = f"lower(trim({text}))"
        return (
            f"CASE WHEN {word} IN ('true', 'y', 'yes', 'on', '1') THEN true "
            f"WHEN {word} IN ('false', 'n', 'no', 'off', '0') THEN false END"
        )
    if field.kind is Kind.DATE:
        return f"TRY_CAST({text} AS DATE)"
    if field.kind is Kind.DATE_TIME:
        return f"date_trunc('millisecond', TRY_CAST({text} AS TIMESTAMPTZ))"
    return _convert_nested(text, field)


def _convert_nested(text: str, field: XdmField) -> str:
    """Arrays and maps: their JSON is read in the shape of the schema, then each leaf is converted."""
    opening = "[" if field.kind is Kind.ARRAY else "{"
    read = f"CASE WHEN left({text}, 1) = '{opening}' THEN from_json({text}, {quote(json.dumps(_shape(field)))}) END"
    return _shaped(read, field, 0)


def _shape(field: XdmField) -> Any:
    if field.kind is Kind.ARRAY:
        return [_shape(field.item)] if field.item else ["VARCHAR"]
    if field.kind is Kind.MAP:
        inner = _shape(field.item) if field.item else "VARCHAR"
        return f"MAP(VARCHAR, {inner})" if isinstance(inner, str) else "MAP(VARCHAR, JSON)"
    if field.kind is Kind.OBJECT:
        return {name: _shape(child) for name, child in field.children.items()}
    return "VARCHAR"


def _shaped(value: str, field: XdmField, depth: int) -> str:
    x = f"x{depth}"
    if field.kind is Kind.ARRAY:
        inner = _shaped(x, field.item, depth + 1) if field.item else x
        kept = f"list_filter(list_transform({value}, lambda {x}: {inner}), lambda {x}: {x} IS NOT NULL)"
        # An array is taken whole or not at all: an item that does not convert must not vanish from its midst.
        whole = f"len({kept}) = len(list_filter({value}, lambda {x}: {x} IS NOT NULL))"
        return f"CASE WHEN len({kept}) > 0 AND {whole} THEN {kept} END"
    if field.kind is Kind.OBJECT:
        parts = {
            name: _shaped(f"{value}.{ident(name)}", child, depth) for name, child in field.children.items()
        }
        return _pack(parts)
    if field.kind is Kind.MAP:
        inner = (
            _convert(f"{x}.value", field.item) if field.item and field.item.kind.is_scalar else f"{x}.value"
        )
        pairs = f"list_transform(map_entries({value}), lambda {x}: {{'key': {x}.key, 'value': {inner}}})"
        kept = f"list_filter({pairs}, lambda {x}: {x}.value IS NOT NULL)"
        return f"CASE WHEN len({kept}) > 0 THEN map_from_entries({kept}) END"
    return _convert(value, field)


def _pack(parts: Mapping[str, str]) -> str:
    """A struct, or NULL when nothing is in it: AEP takes no empty objects."""
    fields = ", ".join(f"{ident(name)} := {sql}" for name, sql in parts.items())
    return f"CASE WHEN coalesce({', '.join(f'({sql}) IS NOT NULL OR NULL' for sql in parts.values())}) THEN struct_pack({fields}) END"


def _plant(tree: Tree, path: tuple[str, ...], sql: str) -> None:
    for name in path[:-1]:
        branch = tree.setdefault(name, {})
        if isinstance(branch, str):
            raise TypeError(f"{name} is a leaf and a branch")  # bind() refuses such mapping sets
        tree = branch
    tree[path[-1]] = sql


def _struct(branch: Tree | str) -> str:
    if isinstance(branch, str):
        return branch
    return _pack({name: _struct(child) for name, child in branch.items()})


def _identity_map(identities: Mapping[str, str]) -> str:
    """``identityMap``: of the identities that are there, the first named in the pipeline file is primary."""
    blocked = ", ".join(quote(word) for word in BLOCKED_IDENTITIES)
    values = []
    for name in identities:
        text = f"p.{ident(name)}"
        # Simplified ID merge writes an anonymous distinct_id as $device:<id>; the prefix is no part of the id.
        clean = f"regexp_replace(trim({text}), '^\\$device:', '')"
        values.append(
            f"CASE WHEN length({clean}) BETWEEN 1 AND 1024 AND lower({clean}) NOT IN ({blocked}) THEN {clean} END"
        )
    by_namespace: dict[str, list[int]] = {}
    for n, namespace in enumerate(identities.values()):
        by_namespace.setdefault(namespace, []).append(n)
    entries = []
    for namespace, numbers in by_namespace.items():
        items = ", ".join(
            "{" + f"'id': {values[n]}, 'authenticatedState': 'ambiguous', "
            f"'primary': {' AND '.join([f'({values[k]}) IS NULL' for k in range(n)] or ['true'])}" + "}"
            for n in numbers
        )
        kept = (
            f"list_distinct(list_filter([{items}], lambda i: i.id IS NOT NULL))"
            if len(numbers) > 1
            else f"list_filter([{items}], lambda i: i.id IS NOT NULL)"
        )
        entries.append("{" + f"'key': {quote(namespace)}, 'value': {kept}" + "}")
    pairs = f"list_filter([{', '.join(entries)}], lambda e: len(e.value) > 0)"
    return f"CASE WHEN len({pairs}) > 0 THEN map_from_entries({pairs}) END"


def _unmapped(leaves: list[tuple[FieldMapping, str]]) -> str:
    """The unmapped JSON, with the sources that did not convert put back into it."""
    spliced = [
        f"CASE WHEN {_failed(n)} THEN {quote(json.dumps(m.sources[0][1], ensure_ascii=False) + ':')} "
        f"|| json_extract(properties, {quote(_pointer(m.sources[0][1:]))})::VARCHAR END"
        for n, (m, _) in enumerate(leaves)
        if m.kind == "ATTRIBUTE" and m.sources[0][0] == "properties" and len(m.sources[0]) == 2
    ]
    back = f"array_to_string(list_filter([{', '.join(spliced)}]::VARCHAR[], lambda x: x IS NOT NULL), ',')"
    return (
        f"CASE WHEN {back} = '' THEN nullif(unmapped, '{{}}') "
        f"WHEN unmapped = '{{}}' THEN '{{' || {back} || '}}' "
        f"ELSE left(unmapped, length(unmapped) - 1) || ',' || {back} || '}}' END"
    )

"""Compiles a mapping set to DuckDB SQL: from the sifted events to rows in the schema's shape.

A property is first read as text, whatever type Mixpanel kept it in, and then converted to the field's type by rules
that lose nothing: what does not convert exactly is null in its field, is counted, and stays in the unmapped JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from include.xdm.cells import text_literal
from include.xdm.computed import Computed
from include.xdm.convert import GUESS, convert, ident, number_pattern, pack, quote, values_inside
from include.xdm.functions import dates
from include.xdm.functions.registry import Function
from include.xdm.mapping import FieldMapping, MappingSet
from include.xdm.properties import Properties, pointer

Tree = dict[str, "Tree | str"]

BLOCKED_IDENTITIES = ("null", "anonymous", "invalid")
"""Identity values that AEP's Identity Service blocks (facts: identity guardrails); also empty and over 1024."""


@dataclass(frozen=True)
class CompiledMapping:
    """``select`` reads table ``events(_id, timestamp, properties, event, unmapped)``; the rows it gives have the
    schema's shape and, last, ``failed``: the destinations whose source did not convert or whose expression failed; and
    ``inexact``: those of them whose source is a number that the field's type cannot hold exactly, such as a fraction.
    ``functions`` are to be registered on the connection before (``functions.arrow.register``)."""

    select: str
    columns: tuple[str, ...]
    functions: tuple[Function, ...] = ()


def compile_mapping(
    mapping: MappingSet, identities: Mapping[str, str], now: str = "1970-01-01T00:00:00Z"
) -> CompiledMapping:
    """One SELECT for a whole mapping set; ``identities`` maps property names to namespace codes, ``now`` is what
    ``now()`` gives, ISO 8601."""
    leaves = mapping.mappings
    read = Properties([*identities, *(str(s[1]) for m in leaves for s in m.sources if len(s) > 1)], "VARCHAR")
    computed = Computed(leaves, now)
    tree: Tree = {}
    for n, m in enumerate(leaves):
        _plant(tree, m.destination, f"c{n}")
    if mapping.unmapped:
        _plant(tree, mapping.unmapped, _UNMAPPED)
    tops = [f"{_struct(branch)} AS {ident(name)}" for name, branch in tree.items()]
    columns = ["_id", "timestamp", f'{_identity_map(identities, read)} AS "identityMap"', *tops]
    failed = [
        f"CASE WHEN f{n} THEN {quote(m.field.dotted)} END" for n, m in enumerate(leaves) if m.kind != "STATIC"
    ]
    columns.append(f"{_present(failed)} AS failed")
    inexact = [
        f"CASE WHEN f{n} AND regexp_matches(s{n}, '{pattern}') THEN {quote(m.field.dotted)} END"
        for n, m in enumerate(leaves)
        if m.kind != "STATIC" and (pattern := number_pattern(m.field))
    ]
    columns.append(f"{_present(inexact)} AS inexact")
    # One layer each, so that what the next one uses several times is computed once.
    layers = [
        [*read.structs, *computed.structs],
        *computed.layers,
        [f"{computed.text(n) or _text(m, read)} AS s{n}" for n, m in enumerate(leaves)],
        [f"{convert(f's{n}', m.field)} AS c{n}" for n, m in enumerate(leaves)],
        [f"{computed.failed(n)}{_failed(n, m)} AS f{n}" for n, m in enumerate(leaves)],
        [f"{_put_back(leaves, read)} AS back"],
    ]
    select = "events"
    for layer in layers:
        select = f"(SELECT {', '.join(['*', *layer])} FROM {select})"
    guesses = [dates.GUESS] if GUESS in select else []
    return CompiledMapping(
        f"SELECT {', '.join(columns)} FROM {select}",
        ("_id", "timestamp", "identityMap", *tree),
        (*computed.functions, *guesses),
    )


def _present(cells: Sequence[str]) -> str:
    return f"list_filter([{', '.join(cells)}]::VARCHAR[], lambda x: x IS NOT NULL)"


def _text(m: FieldMapping, read: Properties) -> str:
    if m.kind == "STATIC":
        return text_literal(m.constant)
    if len(m.sources) == 1:
        return read.source(m.sources[0])
    return f"coalesce({', '.join(read.present(source) for source in m.sources)})"


def _failed(n: int, m: FieldMapping) -> str:
    """Whether leaf ``n`` had a source that did not convert whole; nothing and emptiness are no failure."""
    there = f"s{n} IS NOT NULL AND s{n} NOT IN ('', '[]', '{{}}')"
    if m.field.kind.is_scalar:
        return f"{there} AND c{n} IS NULL"
    # What is inside may be more than the schema has fields for.
    some = f"{values_inside(f's{n}')} <> {values_inside(f'to_json(c{n})')}"
    return f"CASE WHEN c{n} IS NULL THEN {there} ELSE {some} END"


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
    return pack({name: _struct(child) for name, child in branch.items()})


def _identity_map(identities: Mapping[str, str], read: Properties) -> str:
    """``identityMap``: of the identities that are there, the first named in the pipeline file is primary."""
    blocked = ", ".join(quote(word) for word in BLOCKED_IDENTITIES)
    values = []
    for name in identities:
        text = read.whole(name)
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
        items = []
        for place, n in enumerate(numbers):
            again = " OR ".join(f"({values[n]}) = ({values[k]})" for k in numbers[:place]) or "false"
            first = " AND ".join(f"({values[k]}) IS NULL" for k in range(n)) or "true"
            items.append(
                f"{{'id': CASE WHEN {again} THEN NULL ELSE {values[n]} END, "
                f"'authenticatedState': 'ambiguous', 'primary': {first}}}"
            )
        kept = f"list_filter([{', '.join(items)}], lambda i: i.id IS NOT NULL)"
        entries.append(f"{{'key': {quote(namespace)}, 'value': {kept}}}")
    pairs = f"list_filter([{', '.join(entries)}], lambda e: len(e.value) > 0)"
    return f"CASE WHEN len({pairs}) > 0 THEN map_from_entries({pairs}) END"


_UNMAPPED = (
    "CASE WHEN back = '' THEN nullif(unmapped, '{}') "
    "WHEN unmapped = '{}' THEN '{' || back || '}' "
    "ELSE left(unmapped, length(unmapped) - 1) || ',' || back || '}' END"
)
"""The unmapped JSON, with what has to go back into it."""


def _put_back(leaves: Sequence[FieldMapping], read: Properties) -> str:
    """The sources that did not convert or were passed over, as the inside of a JSON object."""
    carried = {m.sources[0] for m in leaves if len(m.sources) == 1}
    when: dict[str, list[str]] = {}
    for n, m in enumerate(leaves):
        for place, source in enumerate(m.sources):
            if source[0] == "properties" and len(source) == 2:
                before = [
                    f"{read.present(s)} IS NOT NULL" for s in m.sources[:place] if source not in carried
                ]
                when.setdefault(str(source[1]), []).extend([*before, f"f{n}"])
    spliced = [
        f"CASE WHEN {' OR '.join(conditions)} THEN {quote(json.dumps(name, ensure_ascii=False) + ':')} || "
        f"nullif(nullif(json_extract(properties, {quote(pointer((name,)))})::VARCHAR, 'null'), '\"\"') END"
        for name, conditions in when.items()
    ]
    return f"array_to_string(list_filter([{', '.join(spliced)}]::VARCHAR[], lambda x: x IS NOT NULL), ',')"

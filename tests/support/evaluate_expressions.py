"""Evaluates expressions of the mapping language in DuckDB, many in one query."""

from __future__ import annotations

import json
from collections.abc import Sequence

import duckdb
import msgspec
import pyarrow as pa

from include.json_types import JsonValue
from include.xdm.convert.source_values import SourceValues
from include.xdm.dataprep.compile_expressions import QueryColumns
from include.xdm.dataprep.duckdb_functions import register
from include.xdm.dataprep.functions.registry import Function
from include.xdm.dataprep.language.check import check
from include.xdm.dataprep.language.parser import parse
from include.xdm.dataprep.sql_values import as_json
from include.xdm.events.shapes import Properties, by_shape
from include.xdm.mapping.field_mapping import FieldMapping
from include.xdm.schema.xdm_field import Kind, XdmField

NOW = "2021-10-26T10:10:24Z"
FAILS = "<fails>"


def evaluate(
    db: duckdb.DuckDBPyConnection, expressions: Sequence[str], properties: str = "{}"
) -> list[JsonValue]:
    """Return the result of each expression for one event: the JSON value, or FAILS."""
    return evaluate_all(db, expressions, [properties])[0]


def evaluate_all(
    db: duckdb.DuckDBPyConnection, expressions: Sequence[str], events: Sequence[str]
) -> list[list[JsonValue]]:
    """Return the result of each expression for each event; ``events`` are the JSON texts of their properties."""
    field = XdmField(("it",), Kind.STRING, {})
    leaves = {
        n: FieldMapping("EXPRESSION", ("it",), field, expression=check(parse(text)))
        for n, text in enumerate(expressions)
    }
    computed = QueryColumns(leaves, NOW)
    columns = []
    for n in leaves:
        cell = computed.cells[n]
        columns.append(f"{as_json(cell)} AS v{n}, coalesce({cell.fails or 'false'}, false) AS x{n}")
    select = "events"
    for layer in computed.layers:
        select = f"(SELECT {', '.join(['*', *layer])} FROM {select})"
    register_functions(db, computed.functions)
    db.register("events", _events(computed, events))
    rows = db.execute(f"SELECT {', '.join(columns)} FROM {select} ORDER BY _id").fetchall()
    return [[_value(*pair) for pair in zip(row[::2], row[1::2], strict=True)] for row in rows]


def _events(computed: QueryColumns, events: Sequence[str]) -> pa.Table:
    """Return the columns that expressions read, of events given as the JSON texts of their properties."""
    properties = [
        msgspec.json.decode(text.encode("utf-8", "surrogatepass"), type=dict[str, msgspec.Raw])
        for text in events
    ]
    shapes = [shape for each in properties for shape in by_shape([each], is_raw=True)[0].shapes]
    sources = SourceValues(["Purchase"] * len(events), Properties(shapes))
    columns = {name: pa.array(sources.texts(path), pa.string()) for path, name in computed.inputs.items()}
    columns |= {name: pa.array(sources.exists(path)) for path, name in computed.exists.items()}
    ids = [f"{n:06d}" for n in range(len(events))]
    return pa.table({"_id": ids, "event": ["Purchase"] * len(events), **columns})


def _value(text: str | None, failed: bool) -> JsonValue:
    return FAILS if failed else None if text is None else json.loads(text)


def register_functions(db: duckdb.DuckDBPyConnection, functions: Sequence[Function]) -> None:
    """Register functions on a connection that may have others of the same names."""
    known = {name for (name,) in db.execute("SELECT function_name FROM duckdb_functions()").fetchall()}
    for function in functions:
        if function.sql_name in known:
            db.remove_function(function.sql_name)
    register(db, functions)

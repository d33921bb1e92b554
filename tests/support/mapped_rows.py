"""Maps lines to rows with the code that maps a day, but without files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from include.json_types import JsonObject
from include.steps.transform.evaluator import ExpressionEvaluator
from include.steps.transform.job import Job
from include.steps.transform.nested_rows import nested_rows
from include.steps.transform.spill import record_batch, spill_schema
from include.xdm.convert.column_builder import ColumnBuilder, failed_leaf
from include.xdm.dataprep.compile_expressions import CompiledExpressions
from include.xdm.events.block_reader import BlockReader
from include.xdm.events.event_rows import EventRows, EvidenceLog
from include.xdm.identities.identity_columns import identity_inputs
from include.xdm.identities.identity_map import identity_map
from include.xdm.mapping.compile import CompiledMapping
from tests.support.builders import DAY, LATER, PROJECT_ID
from tests.support.evaluate_expressions import register_functions


def job(compiled: CompiledMapping, **changes: Any) -> Job:
    """Return the job of transform for lines of DAY; ``changes``: fields with other values."""
    fields: JsonObject = {
        "paths": (), "scratch": Path("/nonexistent"), "compiled": compiled, "project_id": PROJECT_ID, "day": DAY,
        "zone": None, "now_ms": int(LATER.timestamp() * 1000), "time_in_ms": False, "recipe": 2, "rows": 1,
    }  # fmt: skip
    return Job(**{**fields, **changes})


def read(lines: Sequence[bytes], *, by_places: bool = True) -> list[EventRows]:
    """Return the events of lines, none of which may be refused, in groups. ``by_places``: also with ``FlatReader``."""
    log = EvidenceLog()
    reader = BlockReader(job(NOTHING).event_parser(log), log)
    if not by_places:
        reader.flat = None
    rows, refused = reader.read(b"".join(text + b"\n" for text in lines), 1)
    assert not refused
    return rows


class SharedDatabase(ExpressionEvaluator):
    """An evaluator of expressions on a connection that other tests use, too."""

    def __init__(self, expressions: CompiledExpressions, db: duckdb.DuckDBPyConnection) -> None:
        super().__init__(expressions, Path("/nonexistent"), "test")
        register_functions(db, expressions.functions)
        self.__dict__["_db"] = db


def mapped_rows(
    db: duckdb.DuckDBPyConnection,
    compiled: CompiledMapping,
    lines: Sequence[bytes],
    ignored: Sequence[str] = (),
) -> list[JsonObject]:
    """Return a row for each line, in order, with ``failed`` and ``inexact``: the fields whose values did not convert.

    ``ignored``: properties that count as mapped whole. Lines are read together, individually, and without the positions
    of their values, with one result.
    """
    compiled = replace(
        compiled,
        whole_properties={
            **compiled.whole_properties,
            **{name: () for name in ignored if name not in compiled.whole_properties},
        },
    )
    together = _rows(db, compiled, lines)
    assert repr(_rows(db, compiled, lines, by_places=False)) == repr(together)
    if compiled.expressions is None:
        assert repr([row for line in lines for row in _rows(db, compiled, [line])]) == repr(together)
    return together


def _rows(
    db: duckdb.DuckDBPyConnection,
    compiled: CompiledMapping,
    lines: Sequence[bytes],
    *,
    by_places: bool = True,
) -> list[JsonObject]:
    schema = spill_schema(compiled)
    lots = read(lines, by_places=by_places)
    columns = [ColumnBuilder(compiled).build(rows.events, rows.properties) for rows in lots]
    spilled = pa.Table.from_batches(
        [record_batch(schema, job(compiled), *lot) for lot in zip(lots, columns, strict=True)], schema
    ).combine_chunks()
    evaluated = _evaluated(db, compiled, spilled)
    found, fails = _computed(compiled, evaluated)
    inputs = identity_inputs(compiled.identities, compiled.identity_columns, spilled, evaluated)
    identities = identity_map(
        compiled.identities, inputs, spilled.num_rows, primary_in_map=compiled.primary_in_map
    )
    table = nested_rows(compiled, spilled, found, identities)
    made = table.to_pylist(maps_as_pydicts="strict")
    names = {leaf.number: leaf.name for leaf in (*compiled.leaves, *compiled.computed)}
    for place, row in enumerate(made):
        codes = [*map(failed_leaf, spilled["failed"][place].as_py() or ()), *fails.get(place, ())]
        row["failed"] = [names[leaf] for leaf, _ in sorted(codes)]
        row["inexact"] = [names[leaf] for leaf, inexact in sorted(codes) if inexact]
        row["line"] = spilled["line"][place].as_py()
    made = sorted(made, key=lambda row: row["line"])
    for row in made:
        del row["line"]
    return made


def _evaluated(db: duckdb.DuckDBPyConnection, compiled: CompiledMapping, spilled: pa.Table) -> pa.Table:
    if compiled.expressions is None:
        return None
    found, rejected = SharedDatabase(compiled.expressions, db).evaluate(spilled)
    assert not rejected
    return found


def _computed(compiled: CompiledMapping, found: pa.Table) -> tuple[dict[int, pa.Array], dict[int, pa.Array]]:
    columns: dict[int, pa.Array] = {}
    fails: dict[int, list[tuple[int, bool]]] = {}
    for leaf in compiled.computed:
        columns[leaf.number], failures = leaf.converter.from_values(found[f"s{leaf.number}"].to_pylist())
        failed: Mapping[int, bool] = {failure.row: failure.inexact for failure in failures}
        said = {
            row: False for row, has_failed in enumerate(found[f"x{leaf.number}"].to_pylist()) if has_failed
        }
        for row, inexact in {**said, **failed}.items():
            fails.setdefault(row, []).append((leaf.number, inexact))
    return columns, fails


NOTHING = CompiledMapping((), (), (), None, {}, (), None, ())

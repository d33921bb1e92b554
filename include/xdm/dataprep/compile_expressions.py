"""Compile the expressions of a mapping set to one DuckDB query, also those that are parts of an array or map."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from include.xdm.dataprep.expression_layers import ExpressionCompiler
from include.xdm.dataprep.functions import FUNCTIONS
from include.xdm.dataprep.functions.java_dates.guess import parse_moment
from include.xdm.dataprep.functions.moments import write_moment
from include.xdm.dataprep.functions.registry import Function
from include.xdm.dataprep.language.check import TypedAttribute, event_paths
from include.xdm.dataprep.language.paths import Path, parse_path
from include.xdm.dataprep.language.types import Type
from include.xdm.dataprep.sql_values import SqlValue, any_of, as_json, text_literal, text_of
from include.xdm.mapping.assemble import Part, assembly, part_of
from include.xdm.mapping.field_mapping import FieldMapping
from include.xdm.schema.xdm_field import Kind


@dataclass(frozen=True)
class CompiledExpressions:
    """A DuckDB query that computes expressions for each row of a table ``events``, and what it requires.

    Attributes:
        select: the query. Its result has ``row`` and, for each of ``numbers``, ``s<number>``, the value as text (of an
            identity as JSON text), and ``x<number>``, whether the expression failed in this row.
        numbers: the numbers of the expressions.
        inputs: by path in an event, the column of ``events`` with the JSON text; numbers have DuckDB's form.
        raw_inputs: as ``inputs``, but numbers are as received.
        exists: by path in an event, the boolean column that shows whether the path exists.
        reads_event: whether the query reads the column ``event``, the name of the event.
        names: the Data Prep functions in Python that the query calls.
        assemblies: by number, the parts of an array or map that a function of the query assembles.
    """

    select: str
    numbers: tuple[int, ...]
    inputs: Mapping[Path, str]
    raw_inputs: Mapping[Path, str]
    exists: Mapping[Path, str]
    reads_event: bool
    names: tuple[str, ...]
    assemblies: tuple[tuple[int, tuple[Part, ...]], ...]

    @property
    def paths(self) -> tuple[Path, ...]:
        """The paths in an event that the query reads."""
        return (*self.inputs, *self.raw_inputs, *self.exists)

    @property
    def columns(self) -> dict[str, bool]:
        """The columns of ``events`` that the query reads, by name: true for a boolean column, false for a text."""
        texts = [*self.inputs.values(), *self.raw_inputs.values(), *(["event"] if self.reads_event else [])]
        return {**dict.fromkeys(texts, False), **dict.fromkeys(self.exists.values(), True)}

    @property
    def functions(self) -> list[Function]:
        """The functions that must be registered in DuckDB (``duckdb_functions.register``) before the query is run."""
        named = {FUNCTIONS[name].sql_name: FUNCTIONS[name] for name in self.names}
        return [*named.values(), *(assembly(number, parts) for number, parts in self.assemblies)]


def compile_expressions(
    mappings: Mapping[int, FieldMapping], now: str, typed: Collection[int] = ()
) -> CompiledExpressions:
    """Compile the expressions of mappings to one query.

    Args:
        mappings: mappings with an expression, or with one among their parts, by number.
        now: the result of the Data Prep function ``now()``, in ISO 8601.
        typed: the numbers of the mappings whose results are JSON texts, which keep the type of the value.
    """
    computed = QueryColumns(mappings, now, typed)
    select = "events"
    texts = [f"{computed.text(n)} AS s{n}" for n in mappings]
    for layer in (*computed.layers, texts):
        select = f"(SELECT {', '.join(['*', *layer])} FROM {select})"  # noqa: S608 - no customer's text is code: sql.quote
    columns = [f"s{n}, {computed.failed(n)} AS x{n}" for n in mappings]
    return CompiledExpressions(
        f"SELECT row, {', '.join(columns)} FROM {select} ORDER BY row",  # noqa: S608
        tuple(mappings),
        dict(computed.inputs),
        dict(computed.raw_inputs),
        dict(computed.exists),
        "event" in select,
        tuple(function.name for function in computed.functions),
        tuple(computed.assemblies),
    )


class QueryColumns:
    """The columns of the query of ``compile_expressions``.

    ``layers``: the SQL of the columns, nested queries from the innermost one; ``functions``: the functions that they
    call.
    """

    def __init__(self, mappings: Mapping[int, FieldMapping], now: str, typed: Collection[int] = ()) -> None:
        self.inputs: dict[Path, str] = {}
        self.raw_inputs: dict[Path, str] = {}
        self.exists: dict[Path, str] = {}
        self.cells: dict[int, SqlValue] = {}
        self.assemblies: list[tuple[int, tuple[Part, ...]]] = []
        self._expressions = ExpressionCompiler(self._attribute, self._exists, write_moment(parse_moment(now)))
        self._fields = {n: m.field for n, m in mappings.items()}
        self._typed = typed
        last: list[str] = []
        for n, m in mappings.items():
            if m.expression:
                self.cells[n] = self._expressions.add(m.expression)
                continue
            parts = tuple(map(part_of, m.parts))
            cells = [self._part(part, read) for part, read in zip(m.parts, parts, strict=True)]
            self.assemblies.append((n, parts))
            name = assembly(n, parts).sql_name
            last.append(f"{name}({', '.join(map(as_json, cells))}) AS z{n}")
            self.cells[n] = SqlValue(f"z{n}.v", Type.ANY, any_of(*(cell.fails for cell in cells), f"z{n}.x"))
        self.layers = [*self._expressions.layers, *([last] if last else [])]
        self.functions = list(self._expressions.functions.values())

    def text(self, n: int) -> str:
        """Return SQL for the result of mapping ``n`` as text; null if the expression failed."""
        cell = self.cells[n]
        text, kind = as_json(cell) if n in self._typed else text_of(cell), self._fields[n].kind
        if kind is Kind.DATE and cell.type is Type.DATE:
            text = f"left({text}, 10)"
        if self._is_milliseconds(n, cell):
            # Fractions of a millisecond are rounded down, as in an event's time, so that the value stays valid.
            number = f"TRY_CAST({text} AS DOUBLE)"
            whole = f"CASE WHEN abs({number}) < 1e15 THEN floor({number})::BIGINT END"
            text = f"TRY(make_timestamp({whole} * 1000))::VARCHAR"
        return f"CASE WHEN {cell.fails} THEN NULL ELSE {text} END" if cell.fails else text

    def failed(self, n: int) -> str:
        """Return SQL for whether the expression of mapping ``n`` failed."""
        cell = self.cells[n]
        lost = f"s{n} IS NULL AND {cell.sql} IS NOT NULL" if self._is_milliseconds(n, cell) else None
        fails = any_of(cell.fails, lost)
        return f"coalesce({fails}, false)" if fails else "false"

    def _is_milliseconds(self, n: int, cell: SqlValue) -> bool:
        """Return whether the result of mapping ``n`` is a number for a date-time field.

        AEP reads such a number as milliseconds (EP:ingestion, data types).
        """
        return self._fields[n].kind is Kind.DATE_TIME and cell.type.is_numeric

    def _part(self, part: FieldMapping, read: Part) -> SqlValue:
        if part.expression:
            return self._expressions.add(part.expression)
        if read.constant is not None:
            return SqlValue(text_literal(read.constant), Type.STRING)
        found = [self._column(self.raw_inputs, path, "r") for path in read.candidates]
        return SqlValue(_first(found) if len(found) > 1 or found == ["event"] else found[0], Type.ANY)

    def _attribute(self, typed: TypedAttribute) -> str:
        found = [self._column(self.inputs, path, "a") for path in typed.candidates]
        return found[0] if len(found) == 1 else _first(found)

    def _column(self, columns: dict[Path, str], path: Path, prefix: str) -> str:
        if len(path) == 1:
            if path != ("event",):
                columns.setdefault(path, "properties")
            return str(path[0])
        return columns.setdefault(path, f"{prefix}{len(columns)}")

    def _exists(self, path: str) -> str:
        found = [
            "true" if len(place) == 1 else self.exists.setdefault(place, f"b{len(self.exists)}")
            for place in event_paths(parse_path(path))
        ]
        return f"({' OR '.join(found)})"


def _first(columns: list[str]) -> str:
    texts = ["to_json(event)::VARCHAR" if column == "event" else column for column in columns]
    return "coalesce({})".format(", ".join(f"nullif({text}, '\"\"')" for text in texts))

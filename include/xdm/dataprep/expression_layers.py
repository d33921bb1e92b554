"""Compile expressions to SQL columns in layers, so that a value that is used several times is computed once.

A layer is a nested query: its columns can read those of the layers before it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from include.xdm.dataprep.functions.registry import Function
from include.xdm.dataprep.language.check import Typed, TypedAttribute, TypedCall, TypedLiteral
from include.xdm.dataprep.language.tree import Number
from include.xdm.dataprep.language.types import Type
from include.xdm.dataprep.sql import quote
from include.xdm.dataprep.sql_values import (
    EvaluationContext,
    SqlValue,
    any_of,
    as_json,
    convert_cell,
    json_array,
    text_literal,
)


@dataclass(frozen=True)
class _Placed:
    """The SQL of a value, and the index of the first layer that can read it."""

    cell: SqlValue
    layer: int


class ExpressionCompiler:
    """A compiler of the expressions of a mapping set to columns in layers.

    ``layers[n]``: the SQL of the columns of layer n; ``functions``: the functions in Python that they call, by SQL
    name. ``attribute``, ``exists``: return SQL for the JSON text of an attribute, and for whether the event has a path;
    ``now``: the result of the Data Prep function ``now()``.
    """

    def __init__(
        self, attribute: Callable[[TypedAttribute], str], exists: Callable[[str], str], now: str
    ) -> None:
        self.layers: list[list[str]] = []
        self.functions: dict[str, Function] = {}
        self._attribute, self._exists, self._now = attribute, exists, now
        self._known: dict[Typed, _Placed] = {}
        self._columns = 0

    def add(self, typed: Typed) -> SqlValue:
        """Compile an expression; return SQL for its value, which a query after the last layer can read."""
        return self._place(typed).cell

    def _place(self, typed: Typed) -> _Placed:
        if typed in self._known:
            return self._known[typed]
        if isinstance(typed, TypedLiteral):
            placed = _Placed(_literal(typed), 0)
        elif isinstance(typed, TypedAttribute):
            placed = self._add_column(0, self._attribute(typed), typed.type)
        else:
            placed = self._call(typed)
        if not _contains_uuid(typed):
            self._known[typed] = placed
        return placed

    def _add_column(self, layer: int, sql: str, kind: Type, fails: str | None = None) -> _Placed:
        """Add a column with the value ``sql`` to a layer, and a column with the condition ``fails`` if it can fail."""
        self._columns += 1
        name = f"e{self._columns}"
        while len(self.layers) <= layer:
            self.layers.append([])
        self.layers[layer].append(f"{sql} AS {name}")
        if fails:
            self.layers[layer].append(f"coalesce({fails}, false) AS {name}x")
        return _Placed(SqlValue(name, kind, f"{name}x" if fails else None), layer + 1)

    def _call(self, typed: TypedCall) -> _Placed:
        function = typed.function
        arguments = [self._place(argument) for argument in typed.arguments]
        cells = [argument.cell for argument in arguments]
        layer = max((argument.layer for argument in arguments), default=0)
        if function.special:
            around = EvaluationContext(self._now, self._columns, self._exists)
            if compiled := function.special(around, cells):
                return self._add_column(layer, compiled[0], typed.type, compiled[1])
        if function.python:
            return self._python(typed, cells, layer)
        assert function.sql is not None
        given = [convert_cell(cell, function.parameter(n).type) for n, cell in enumerate(cells)]
        fails = any_of(*(cell.fails for cell in given))
        return self._add_column(layer, function.sql(*(cell.sql for cell in given)), typed.type, fails)

    def _python(self, typed: TypedCall, cells: Sequence[SqlValue], layer: int) -> _Placed:
        function = typed.function
        self.functions[function.sql_name] = function
        fixed = len(function.parameters) - function.many
        handed = [_python_argument(cell, function.parameter(n).type) for n, cell in enumerate(cells[:fixed])]
        given = [cell.sql for cell in handed]
        given += [text_literal(p.default or "") for p in function.parameters[len(given) : fixed]]
        if function.many:
            given.append(json_array(cells[fixed:]))
        called = self._add_column(layer, f"{function.sql_name}({', '.join(given)})", function.result)
        name = called.cell.sql
        earlier = any_of(*(cell.fails for cell in (*handed, *cells[fixed:])))
        fails = any_of(earlier, f"{name}.x")
        cell = convert_cell(SqlValue(f"{name}.v", function.result), typed.type)
        if earlier is None and cell.type is function.result:
            return _Placed(SqlValue(cell.sql, cell.type, fails), called.layer)
        return self._add_column(called.layer, cell.sql, typed.type, fails)


def _python_argument(cell: SqlValue, wanted: Type) -> SqlValue:
    """Return an argument in the form that Python functions take: a string as text, other types as JSON text.

    A date keeps the name of its zone.
    """
    if wanted is Type.STRING:
        return convert_cell(cell, wanted)
    if wanted is Type.DATE and cell.type is Type.DATE:
        return SqlValue(f"('\"' || {cell.sql} || '\"')", Type.ANY, cell.fails)
    return SqlValue(as_json(cell), Type.ANY, cell.fails)


def _literal(typed: TypedLiteral) -> SqlValue:
    value = typed.value
    if value is None:
        return SqlValue("NULL", Type.NULL)
    if isinstance(value, bool):
        return SqlValue(str(value).lower(), Type.BOOLEAN)
    if isinstance(value, str):
        return SqlValue(text_literal(value), Type.STRING, constant=value)
    assert isinstance(value, Number)
    integer = typed.type is Type.INTEGER
    return SqlValue(f"({value.text})::BIGINT" if integer else quote(value.text), typed.type)


def _contains_uuid(typed: Typed) -> bool:
    """Return whether an expression has another value at each occurrence, so that it must not be computed once."""
    if not isinstance(typed, TypedCall):
        return False
    return typed.function.name == "uuid" or any(map(_contains_uuid, typed.arguments))

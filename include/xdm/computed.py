"""The columns of a mapping set that are computed: expressions, and arrays that several mappings fill."""

from __future__ import annotations

from collections.abc import Sequence

from include.xdm.assemble import assembly
from include.xdm.cells import Cell, any_of, as_json, text_literal, text_of
from include.xdm.expressions import Expressions
from include.xdm.functions.moments import parse_moment
from include.xdm.functions.registry import Function
from include.xdm.functions.values import write_moment
from include.xdm.language.check import TypedAttribute, places
from include.xdm.language.paths import Path, parse_path
from include.xdm.language.types import Type
from include.xdm.mapping import FieldMapping
from include.xdm.properties import Properties, exists
from include.xdm.schema import Kind


class Computed:
    """``structs`` and ``layers``: the columns, in the order in which they can be read; ``functions``: what they call."""

    def __init__(self, leaves: Sequence[FieldMapping], now: str) -> None:
        computed = [m for m in leaves if m.kind in ("EXPRESSION", "ASSEMBLED")]
        names = {name for m in computed for name in m.properties() if name is not None}
        self._json = Properties(sorted(names), "JSON")
        self._expressions = Expressions(self._attribute, _exists, write_moment(parse_moment(now)))
        self._fields = {n: m.field for n, m in enumerate(leaves)}
        self.cells: dict[int, Cell] = {}
        last: list[str] = []
        assemblies: list[Function] = []
        for n, m in enumerate(leaves):
            if m.expression:
                self.cells[n] = self._expressions.add(m.expression)
            elif m.kind == "ASSEMBLED":
                function = assembly(n, [(part.inside, _rest(part), _member(part)) for part in m.parts])
                cells = [self._part(part) for part in m.parts]
                assemblies.append(function)
                last.append(f"{function.sql_name}({', '.join(map(as_json, cells))}) AS a{n}")
                fails = any_of(*(cell.fails for cell in cells), f"a{n}.x")
                self.cells[n] = Cell(f"a{n}.v", Type.ANY, fails)
        self.structs = self._json.structs
        self.layers = [*self._expressions.layers, *([last] if last else [])]
        self.functions = [*self._expressions.functions.values(), *assemblies]

    def text(self, n: int) -> str | None:
        """SQL for the text of leaf ``n``, null where it failed; None if the leaf is not computed."""
        cell = self.cells.get(n)
        if cell is None:
            return None
        text, kind = text_of(cell), self._fields[n].kind
        if kind is Kind.DATE and cell.type is Type.DATE:
            text = f"left({text}, 10)"
        if self._is_milliseconds(n, cell):
            # What is finer than a millisecond is rounded down, as in an event's time: it must not make the value no date.
            number = f"TRY_CAST({text} AS DOUBLE)"
            whole = f"CASE WHEN abs({number}) < 1e15 THEN floor({number})::BIGINT END"
            text = f"TRY(make_timestamp({whole} * 1000))::VARCHAR"
        return f"CASE WHEN {cell.fails} THEN NULL ELSE {text} END" if cell.fails else text

    def failed(self, n: int) -> str:
        """SQL to put before the conversion's own test: ``… OR``, or nothing."""
        cell = self.cells.get(n)
        if cell is None:
            return ""
        lost = f"s{n} IS NULL AND {cell.sql} IS NOT NULL" if self._is_milliseconds(n, cell) else None
        fails = any_of(cell.fails, lost)
        return f"coalesce({fails}, false) OR " if fails else ""

    def _is_milliseconds(self, n: int, cell: Cell) -> bool:
        """A number for a date-time: AEP reads it as milliseconds (EP:ingestion, data types)."""
        return self._fields[n].kind is Kind.DATE_TIME and cell.type.is_numeric

    def _part(self, part: FieldMapping) -> Cell:
        if part.expression:
            return self._expressions.add(part.expression)
        if part.kind == "STATIC":
            return Cell(text_literal(part.constant), Type.STRING)
        return self._expressions.add(TypedAttribute(tuple(path[:2] for path in part.sources), Type.ANY))

    def _attribute(self, typed: TypedAttribute) -> str:
        found = [self._json.value(path) for path in typed.candidates]
        if len(found) == 1:
            return found[0]
        texts = [
            f"to_json({sql})::VARCHAR" if path == ("event",) else sql
            for sql, path in zip(found, typed.candidates, strict=True)
        ]
        return "coalesce({})".format(", ".join(f"nullif({sql}, '\"\"')" for sql in texts))


def _rest(part: FieldMapping) -> Path:
    """The steps inside a part's property; an expression or constant is the value itself."""
    return part.sources[0][2:] if part.sources else ()


def _member(part: FieldMapping) -> str:
    """The member of an object field that a single value becomes: the one of the value's own name, if there is one.

    Adobe's sample makes {"names": {"name": ...}} of ``emails[*].name`` to ``pi[*].names`` (EP:data-prep/mapping-set.md).
    """
    last = part.sources[0][-1] if part.sources else ""
    return str(last) if last in part.field.children else ""


def _exists(path: str) -> str:
    return f"({' OR '.join(map(exists, places(parse_path(path))))})"

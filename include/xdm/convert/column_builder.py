"""Build the Arrow columns of a block of events: converted fields, inputs of expressions, and unmapped properties."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from include.xdm.convert.column_converter import Converted, FailedConversion
from include.xdm.convert.flat_columns import flat_columns
from include.xdm.convert.source_values import SourceValues, is_present
from include.xdm.convert.values import Value, parse_text
from include.xdm.dataprep.duckdb_functions import on_row
from include.xdm.dataprep.functions.values import json_text
from include.xdm.events.flat_properties import FlatProperties
from include.xdm.events.shape_writer import sparse_objects
from include.xdm.events.shapes import Properties, Shape, encode, encode_lines
from include.xdm.identities.identity_values import drop_reasons, no_drop_reasons, read_identities
from include.xdm.mapping.assemble import Part, assembly
from include.xdm.mapping.compile import CompiledMapping, Leaf

if TYPE_CHECKING:
    import pyarrow as pa

_NOTHING = (b"null", b'""')
_MOST_SHAPES = 10_000


@dataclass
class Columns:
    """The Arrow columns of some events, with one row for each event.

    ``fields``: fields and identities by the names of ``CompiledMapping.columns`` and ``identity_columns``, and as
    ``d<n>`` the drop reasons of identity n; ``failed``: the ``failure_code`` of each failed conversion, by row;
    ``inputs``: the inputs of expressions by name; ``unmapped``: the unmapped properties as JSON, None if they are not
    loaded.
    """

    fields: dict[str, pa.Array]
    failed: dict[int, list[int]]
    inputs: dict[str, pa.Array]
    unmapped: pa.Array | None


def failure_code(leaf: int, *, inexact: bool) -> int:
    """Encode a failed conversion as one integer: the number of its ``Leaf``, and the flag ``inexact``."""
    return leaf * 2 + inexact


def failed_leaf(code: int) -> tuple[int, bool]:
    """Decode an integer from ``failure_code``: return the number of the ``Leaf`` and the flag ``inexact``."""
    return code >> 1, bool(code & 1)


class _Column(NamedTuple):
    """The converted column of a ``Leaf``, and its failed conversions.

    ``there``: for each source and event, whether the source is present; None if the leaf has only one source.
    """

    array: pa.Array
    failures: list[FailedConversion]
    there: list[list[bool]] | None = None


@dataclass
class ColumnBuilder:
    """A builder of event columns for one compiled mapping; ``names`` counts the events with each unmapped property."""

    compiled: CompiledMapping
    names: Counter[str] = field(default_factory=Counter)
    _unmapped_places: dict[tuple[str, ...], list[int]] = field(default_factory=dict)
    # on_row returns a value of the function's result type; that of an assembly is a text.
    _assemblers: dict[int, Callable[..., tuple[Any, bool]]] = field(default_factory=dict)

    def build(self, events: Sequence[str], properties: Properties | FlatProperties) -> Columns:
        """Build the columns of some events. ``events``: their names; ``properties``: in the same order."""
        compiled = self.compiled
        sources = SourceValues(events, properties)
        made: dict[str, _Column] = {}
        if isinstance(properties, FlatProperties):
            direct = flat_columns(compiled, properties)
            made = {name: _Column(array, []) for name, array in direct.items()}
        failed: dict[int, list[int]] = {}
        back: dict[int, set[str]] = {}
        for leaf in compiled.leaves:
            name = compiled.columns[leaf.number]
            if name not in made:
                made[name] = self._leaf(leaf, sources)
            for failure in made[name].failures:
                failed.setdefault(failure.row, []).append(failure_code(leaf.number, inexact=failure.inexact))
            self._restore_unused_properties(leaf, made[name], back)
        fields = {name: each.array for name, each in made.items()}
        self._add_identities(fields, sources, properties)
        return Columns(fields, failed, self._inputs(sources), self._unmapped(properties, back))

    def _add_identities(
        self, fields: dict[str, pa.Array], sources: SourceValues, properties: Properties | FlatProperties
    ) -> None:
        """Add to ``fields`` the columns of identities that are properties: drop reasons, and texts if not there yet."""
        for n, name in self.compiled.identity_columns.items():
            source = str(self.compiled.identities[n].property)
            if name in fields and isinstance(properties, FlatProperties) and properties.is_text(source):
                fields[f"d{n}"] = no_drop_reasons(sources.rows)
                continue
            values = sources.property(source)
            if name in fields:
                fields[f"d{n}"] = drop_reasons(values)
            else:
                found = read_identities(values)
                fields |= {name: found.texts, f"d{n}": found.reasons}

    def _leaf(self, leaf: Leaf, sources: SourceValues) -> _Column:
        if leaf.property is not None and leaf.property not in sources:
            return _Column(leaf.converter.nulls(sources.rows), [])
        if leaf.parts:
            return _Column(*self._assembled(leaf, sources))
        found = [sources.values(path) for path in leaf.sources]
        if len(found) == 1:
            return _Column(*leaf.converter.from_values(found[0]))
        there = [list(map(is_present, values)) for values in found]
        values = [next(filter(is_present, each), None) for each in zip(*found, strict=True)]
        return _Column(*leaf.converter.from_values(values), there)

    def _restore_unused_properties(self, leaf: Leaf, made: _Column, back: dict[int, set[str]]) -> None:
        """Add to ``back``, by row, the properties that a leaf read but did not store; they are kept as unmapped.

        Their conversion failed, or an earlier source of the leaf was present.
        """
        if not made.failures and made.there is None:
            return
        names = [
            (place, str(s[1])) for place, s in enumerate(leaf.sources) if s[0] == "properties" and len(s) == 2
        ]
        for _, name in names:
            for failure in made.failures:
                back.setdefault(failure.row, set()).add(name)
        for place, name in names if made.there else ():
            if place and leaf.sources[place] not in self.compiled.sole_sources:
                for row, earlier in enumerate(zip(*(made.there or [])[:place], strict=True)):
                    if any(earlier):
                        back.setdefault(row, set()).add(name)

    def _assembled(self, leaf: Leaf, sources: SourceValues) -> Converted:
        if leaf.number not in self._assemblers:
            self._assemblers[leaf.number] = on_row(assembly(leaf.number, leaf.parts))
        assemble = self._assemblers[leaf.number]
        values: list[Value] = []
        lost: list[FailedConversion] = []
        for row, texts in enumerate(zip(*(_part_texts(part, sources) for part in leaf.parts), strict=True)):
            text, failed = assemble(*texts) if any(text is not None for text in texts) else (None, False)
            values.append(parse_text(text) if text is not None else None)
            if failed:
                lost.append(FailedConversion(row, inexact=False))
        array, failures = leaf.converter.from_values(values)
        return array, [*failures, *lost]

    def _inputs(self, sources: SourceValues) -> dict[str, pa.Array]:
        import pyarrow as pa

        expressions = self.compiled.expressions
        if expressions is None:
            return {}
        made = {
            name: pa.array(sources.texts(path, raw=raw), pa.string())
            for raw, paths in ((False, expressions.inputs), (True, expressions.raw_inputs))
            for path, name in paths.items()
        }
        made |= {name: pa.array(sources.exists(path)) for path, name in expressions.exists.items()}
        if expressions.reads_event:
            made["event"] = pa.array(sources.values(("event",)), pa.string())
        return made

    def _unmapped(
        self, properties: Properties | FlatProperties, back: dict[int, set[str]]
    ) -> pa.Array | None:
        """Return for each event the JSON text of its unmapped properties, without nulls and empty texts.

        ``back``: by row, the mapped properties whose values no field stores, so that they are kept here. Return None if
        the pipeline does not load unmapped properties.
        """
        import pyarrow as pa

        if isinstance(properties, FlatProperties):
            texts, counts = properties.unmapped(self.compiled.whole_properties)
            self.names.update(counts)
            if not back or self.compiled.unmapped is None:
                return texts if self.compiled.unmapped is not None else None
            lines = [(text or "{}").encode() for text in texts.to_pylist()]
        else:
            lines = self._unmapped_lines(properties)
        if self.compiled.unmapped is None:
            return None
        again = {name: properties.texts(name) for name in set().union(*back.values())}
        for row, names in back.items():
            lines[row] = self._add_properties(lines[row], {name: again[name][row] for name in names})
        return pa.array([None if line == b"{}" else line for line in lines], pa.string())

    def _unmapped_lines(self, properties: Properties) -> list[bytes]:
        objects: list[object] = []
        for shape in properties.shapes:
            names, columns = self._unmapped_columns(shape)
            objects += sparse_objects(names, columns, shape.rows)
            for name, column in zip(names, columns, strict=True):
                if rows := shape.rows - column.count(None):
                    self.names[name] += rows
        return encode_lines(objects).split(b"\n")[:-1]

    def _unmapped_columns(self, shape: Shape) -> tuple[tuple[str, ...], list[Sequence[Value]]]:
        """Return the names and columns of the properties that no field stores completely; an empty value is None."""
        if shape.names not in self._unmapped_places:
            if len(self._unmapped_places) >= _MOST_SHAPES:
                self._unmapped_places.clear()
            self._unmapped_places[shape.names] = [
                place for place, name in enumerate(shape.names) if name not in self.compiled.whole_properties
            ]
        places = self._unmapped_places[shape.names]
        columns = [shape.columns[place] for place in places]
        if shape.is_raw:
            columns = [[None if bytes(v) in _NOTHING else v for v in column] for column in columns]
        else:
            columns = [[v if v != "" else None for v in c] if "" in c else c for c in columns]
        return tuple(shape.names[place] for place in places), columns

    def _add_properties(self, line: bytes, texts: dict[str, Value]) -> bytes:
        """Return ``line``, a JSON object, with the properties ``texts`` added in the order of the mapping set."""
        found = {name: texts[name] for name in self.compiled.whole_properties if name in texts}
        more = encode({name: value for name, value in found.items() if not _is_nothing(value)})
        if more == b"{}":
            return line
        return more if line == b"{}" else line[:-1] + b"," + more[1:]


def _is_nothing(value: Value) -> bool:
    return value is None or value == "" or (isinstance(value, msgspec.Raw) and bytes(value) in _NOTHING)


def _part_texts(part: Part, sources: SourceValues) -> Sequence[str | None]:
    if part.constant is not None:
        return [json_text(part.constant)] * sources.rows
    found = [sources.texts(path, raw=True) for path in part.candidates]
    if len(found) == 1:
        return found[0]
    return [
        next((t for t in texts if t is not None and t != '""'), None) for texts in zip(*found, strict=True)
    ]

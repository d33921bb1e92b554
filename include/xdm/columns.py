"""From the events of a block to Arrow columns: converted fields, what could not be converted, and the unmapped JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import msgspec

from include.xdm.assemble import Part, assembly
from include.xdm.compile import CompiledMapping, Leaf
from include.xdm.convert.column import Failure
from include.xdm.convert.values import Value, parse_text
from include.xdm.functions.arrow import on_row
from include.xdm.functions.values import json_text
from include.xdm.identity_columns import IdentityTexts, texts_of
from include.xdm.sources import Sources, is_present

_encode = msgspec.json.Encoder()
_COLON, _N, _QUOTE = b':n"'
_NOTHING = (b"null", b'""')


@dataclass
class Columns:
    """The columns of some events, all of one length.

    ``fields``: by leaf number the converted values; ``failed``: by row the codes (``code_of``) of what did not convert.
    ``identities``: by number the texts of identities that are properties; ``inputs``: by name what the expressions read. ``unmapped``: JSON texts.
    """

    fields: dict[int, Any]
    failed: dict[int, list[int]]
    identities: dict[int, IdentityTexts]
    inputs: dict[str, Any]
    unmapped: Any


def code_of(leaf: int, *, inexact: bool) -> int:
    """Return the number that stands for a leaf that did not convert."""
    return leaf * 2 + inexact


def leaf_of(code: int) -> tuple[int, bool]:
    """Return the leaf that a code stands for, and whether its value is a number that the field cannot hold exactly."""
    return code >> 1, bool(code & 1)


@dataclass
class ColumnBuilder:
    """Builds columns as a compiled mapping wants them. ``names`` counts the events that have an unmapped property."""

    compiled: CompiledMapping
    names: Counter[str] = field(default_factory=Counter)
    _assemblers: dict[int, Callable[..., tuple[Any, bool]]] = field(default_factory=dict)

    def build(self, events: Sequence[str], properties: Sequence[dict[str, msgspec.Raw]]) -> Columns:
        """Return the columns of events; takes the mapped properties out of ``properties``."""
        compiled = self.compiled
        sources = Sources(
            events,
            properties,
            tuple(compiled.whole),
            compiled.read_properties,
            everything=compiled.reads_everything,
        )
        fields: dict[int, Any] = {}
        failed: dict[int, list[int]] = {}
        back: dict[int, set[str]] = {}
        for leaf in compiled.leaves:
            fields[leaf.number], failures, chosen = self._leaf(leaf, sources)
            for failure in failures:
                failed.setdefault(failure.row, []).append(code_of(leaf.number, inexact=failure.inexact))
            self._put_back(leaf, [failure.row for failure in failures], chosen, back)
        identities = {
            n: texts_of(sources.raw(identity.property))
            for n, identity in enumerate(compiled.identities)
            if identity.property is not None
        }
        inputs = self._inputs(sources)
        return Columns(fields, failed, identities, inputs, self._unmapped(properties, sources, back))

    def _leaf(self, leaf: Leaf, sources: Sources) -> tuple[Any, list[Failure], list[list[bool]] | None]:
        """The column of a leaf, its failures, and for each of several sources whether it is there."""
        if leaf.property is not None:
            return *leaf.converter.from_raw(sources.raw(leaf.property)), None
        if leaf.parts:
            return *self._assembled(leaf, sources), None
        found = [sources.values(path) for path in leaf.sources]
        if len(found) == 1:
            return *leaf.converter.from_values(found[0]), None
        there = [list(map(is_present, values)) for values in found]
        values = [next(filter(is_present, each), None) for each in zip(*found, strict=True)]
        return *leaf.converter.from_values(values), there

    def _put_back(
        self, leaf: Leaf, failures: Sequence[int], there: list[list[bool]] | None, back: dict[int, set[str]]
    ) -> None:
        """Notes the properties that a leaf took out and did not carry: they failed, or an earlier source was there."""
        names = [
            (place, str(s[1])) for place, s in enumerate(leaf.sources) if s[0] == "properties" and len(s) == 2
        ]
        for _, name in names:
            for row in failures:
                back.setdefault(row, set()).add(name)
        for place, name in names if there else ():
            if place and leaf.sources[place] not in self.compiled.carried:
                for row, earlier in enumerate(zip(*(there or [])[:place], strict=True)):
                    if any(earlier):
                        back.setdefault(row, set()).add(name)

    def _assembled(self, leaf: Leaf, sources: Sources) -> tuple[Any, list[Failure]]:
        if leaf.number not in self._assemblers:
            self._assemblers[leaf.number] = on_row(assembly(leaf.number, leaf.parts))
        assemble = self._assemblers[leaf.number]
        values: list[Value] = []
        lost: list[Failure] = []
        for row, texts in enumerate(zip(*(_part_texts(part, sources) for part in leaf.parts), strict=True)):
            text, failed = assemble(*texts) if any(text is not None for text in texts) else (None, False)
            values.append(parse_text(text) if text is not None else None)
            if failed:
                lost.append(Failure(row, inexact=False))
        array, failures = leaf.converter.from_values(values)
        return array, [*failures, *lost]

    def _inputs(self, sources: Sources) -> dict[str, Any]:
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
        self, properties: Sequence[dict[str, msgspec.Raw]], sources: Sources, back: dict[int, set[str]]
    ) -> Any:
        """The unmapped JSON of each event, with what has to go back into it; nulls and empty texts are left out."""
        import pyarrow as pa

        encoded = _encode.encode_lines(properties)
        lines = encoded.split(b"\n")[:-1]
        for row, line in enumerate(lines) if _may_hold_nothing(encoded) else ():
            if b":null" in line or b':""' in line:
                kept = properties[row]
                for name in [name for name, value in kept.items() if bytes(value) in _NOTHING]:
                    del kept[name]
                lines[row] = _encode.encode(kept)
        self.names.update(chain.from_iterable(properties))
        if self.compiled.unmapped is None:
            return None
        for row, names in back.items():
            lines[row] = self._with(lines[row], row, names, sources)
        return pa.array([None if line == b"{}" else line for line in lines], pa.string())

    def _with(self, line: bytes, row: int, names: set[str], sources: Sources) -> bytes:
        found = {name: sources.raw(name)[row] for name in self.compiled.whole if name in names}
        more = _encode.encode({name: value for name, value in found.items() if bytes(value) not in _NOTHING})
        if more == b"{}":
            return line
        return more if line == b"{}" else line[:-1] + b"," + more[1:]


def _may_hold_nothing(encoded: bytes) -> bool:
    """Whether some value may be null or an empty text: what follows a colon is looked at, in a string too."""
    import numpy as np

    characters = np.frombuffer(encoded, np.uint8)
    after_colon = np.flatnonzero(characters[:-2] == _COLON) + 1
    first, second = characters[after_colon], characters[after_colon + 1]
    return bool(((first == _N) | ((first == _QUOTE) & (second == _QUOTE))).any())


def _part_texts(part: Part, sources: Sources) -> Sequence[str | None]:
    if part.constant is not None:
        return [json_text(part.constant)] * sources.rows
    found = [sources.texts(path, raw=True) for path in part.candidates]
    if len(found) == 1:
        return found[0]
    return [
        next((t for t in texts if t is not None and t != '""'), None) for texts in zip(*found, strict=True)
    ]

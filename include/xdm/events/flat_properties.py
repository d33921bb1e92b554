"""Read the properties of flat lines (``flat_lines``), with the methods of ``shapes.Properties`` or as Arrow columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from include.xdm.convert.arrow_arrays import numbers, pieces
from include.xdm.convert.column_converter import decode_values
from include.xdm.convert.values import Value
from include.xdm.events.flat_kinds import NULL, TEXT
from include.xdm.events.flat_lines import FlatLines, Members

if TYPE_CHECKING:
    import pyarrow as pa

    from include.xdm.convert.arrow_arrays import Integers

_COMMA, _CLOSING = b",}"


class FlatProperties:
    """The properties of the events in flat lines; "members" are the single properties of all events (``Members``)."""

    def __init__(self, lines: FlatLines) -> None:
        self.lines = lines
        self.rows = len(lines.line_indexes)

    @cached_property
    def members_by_name(self) -> dict[str, Integers]:
        """By property name, the ascending indexes of its members."""
        import numpy as np

        counts = np.bincount(self.lines.members.name, minlength=len(self.lines.names))
        parts = np.split(self.lines.by_name, np.cumsum(counts)[:-1])
        return {name: part for name, part in zip(self.lines.names, parts, strict=True) if len(part)}

    @cached_property
    def value_texts(self) -> tuple[pa.Array, Integers]:
        """The values of all members as texts in an Arrow array, and the lengths of these texts.

        Element 2n of the array is the value of member n, without the quotes of a string; odd elements have no meaning.
        """
        members = self.lines.members
        is_text = members.kind == TEXT
        starts, stops = members.start + is_text, members.stop - is_text
        return pieces(self.lines.data, starts, stops), stops - starts

    def __contains__(self, name: object) -> bool:
        """Return whether at least one event has the property."""
        return name in self.members_by_name

    def member_index(self, name: str) -> Integers:
        """Return for each event the index of the property's member; -1 for an event without the property."""
        import numpy as np

        found = np.full(self.rows, -1)
        if name in self:
            places = self.members_by_name[name]
            found[self.lines.members.row[places]] = places
        return found

    def values(self, name: str) -> list[Value]:
        """Return the value of a property for each event; None for an event without the property."""
        return self._values_by_event(name, decode_values)

    def texts(self, name: str) -> list[Value]:
        """Return the JSON text of a property as received for each event; None for an event without the property."""
        return self._values_by_event(name, list)

    def _values_by_event(
        self, name: str, made: Callable[[list[msgspec.Raw]], Sequence[Value]]
    ) -> list[Value]:
        found: list[Value] = [None] * self.rows
        if name in self:
            members = self.lines.members.only(self.members_by_name[name])
            texts = self.raw(members)
            for row, value in zip(members.row.tolist(), made(texts), strict=True):
                found[row] = value
        return found

    def raw(self, members: Members) -> list[msgspec.Raw]:
        """Return the JSON text of the value of each member, as received."""
        data = self.lines.data
        bounds = zip(members.start.tolist(), members.stop.tolist(), strict=True)
        return [msgspec.Raw(data[start:stop]) for start, stop in bounds]

    def has(self, name: str) -> list[bool]:
        """Return for each event whether the property exists, even with the value null."""
        return [place >= 0 for place in self.member_index(name).tolist()]

    def objects(self) -> list[dict[str, Value]]:
        """Return the properties of each event as an object that ``msgspec`` encodes as it was received."""
        found: list[dict[str, Value]] = [{} for _ in range(self.rows)]
        members, names = self.lines.members, self.lines.names
        rows, numbers_of = members.row.tolist(), members.name.tolist()
        for row, number, text in zip(rows, numbers_of, self.raw(members), strict=True):
            found[row][names[number]] = text
        return found

    def row(self, number: int) -> dict[str, msgspec.Raw]:
        """Return the JSON texts of one event's properties by name, as received."""
        import numpy as np

        first, last = np.searchsorted(self.lines.members.row, [number, number + 1])
        members = self.lines.members.only(slice(first, last))
        names = (self.lines.names[n] for n in members.name.tolist())
        return dict(zip(names, self.raw(members), strict=True))

    def is_text(self, name: str) -> bool:
        """Return whether all values of a property are strings or null."""
        if name not in self:
            return True
        kinds = self.lines.members.kind[self.members_by_name[name]]
        return bool(((kinds == TEXT) | (kinds == NULL)).all())

    def bodies(self, order: Integers) -> pa.Array:
        """Return for each event some of its properties as the end of a JSON object: ``"name":value,"name":value}``.

        ``order``: the indexes of the members, sorted by event. The text of an event without members is null.
        """
        import numpy as np
        import pyarrow as pa

        members = self.lines.members
        counts = np.bincount(members.row[order], minlength=self.rows)
        if not len(order):
            return pa.nulls(self.rows, pa.string())
        texts = pieces(self.lines.data, members.first, members.stop + 1).take(numbers(2 * order))
        ends = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1)
        chars = np.frombuffer(texts.buffers()[2], np.uint8)  # take's own copy, so writable
        chars[ends[1:] - 1] = _COMMA
        bounds = np.append(np.int32(0), ends[np.cumsum(counts)])
        there = counts > 0
        chars[bounds[1:][there] - 1] = _CLOSING
        valid = None if there.all() else pa.py_buffer(np.packbits(there, bitorder="little"))
        return pa.StringArray.from_buffers(self.rows, pa.py_buffer(bounds), pa.py_buffer(chars), valid)

    def unmapped(self, whole: Collection[str]) -> tuple[pa.Array, dict[str, int]]:
        """Return the unmapped properties of each event as JSON text, and the number of events by unmapped property.

        Unmapped are the properties that are not in ``whole``; nulls and empty strings are left out. The text is null
        for an event without unmapped properties.
        """
        import numpy as np
        import pyarrow.compute as pc

        members, names = self.lines.members, self.lines.names
        is_kept = np.array([name not in whole for name in names])[members.name]
        is_kept &= (members.kind != NULL) & (self.value_texts[1] > 0)
        order = np.flatnonzero(is_kept)
        counts = np.bincount(members.name[order], minlength=len(names)).tolist()
        found = {name: count for name, count in zip(names, counts, strict=True) if count}
        return pc.binary_join_element_wise("{", self.bodies(order), ""), found

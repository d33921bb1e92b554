"""Store the properties of many events column by column: events with equal property names in equal order are a shape.

A value is decoded by ``msgspec``, or is a ``msgspec.Raw``: a number with a fraction or exponent or, in a shape with
``is_raw``, any JSON text as received. ``msgspec`` encodes all values exactly as they were received.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import compress
from typing import NamedTuple

import msgspec

from include.xdm.convert.column_converter import decode_values
from include.xdm.convert.values import Value

encode = msgspec.json.Encoder().encode
encode_lines = msgspec.json.Encoder().encode_lines


class Shape(NamedTuple):
    """The properties of ``rows`` events that have the same property names in the same order.

    ``columns``: for each name, one value per event; ``is_raw``: whether all values are JSON texts.
    """

    names: tuple[str, ...]
    columns: Sequence[Sequence[Value]]
    rows: int
    is_raw: bool


class Properties:
    """The properties of ``rows`` events, ordered by shape: first all events of the first shape, and so on."""

    def __init__(self, shapes: Iterable[Shape] = ()) -> None:
        self.shapes = list(shapes)
        self.rows = sum(shape.rows for shape in self.shapes)

    @cached_property
    def _runs(self) -> dict[str, list[tuple[int, Shape, int]]]:
        """By property name, the shapes that have the property: number of the first row, shape, index of the column."""
        runs: dict[str, list[tuple[int, Shape, int]]] = {}
        for first, shape in self.shapes_with_first_row():
            for place, name in enumerate(shape.names):
                if name in runs:
                    runs[name].append((first, shape, place))
                else:
                    runs[name] = [(first, shape, place)]
        return runs

    def shapes_with_first_row(self) -> Iterator[tuple[int, Shape]]:
        """Yield the row number of the first event of each shape, and the shape."""
        first = 0
        for shape in self.shapes:
            yield first, shape
            first += shape.rows

    def __contains__(self, name: object) -> bool:
        """Return whether at least one event has the property."""
        return name in self._runs

    def values(self, name: str) -> list[Value]:
        """Return the value of a property for each event; None for an event without the property."""
        found: list[Value] = [None] * self.rows
        for first, shape, place in self._runs.get(name, ()):
            column = shape.columns[place]
            found[first : first + shape.rows] = decode_values(column) if shape.is_raw else column
        return found

    def texts(self, name: str) -> list[Value]:
        """Return for each event a value that ``msgspec`` encodes as received; None if the property is missing."""
        found: list[Value] = [None] * self.rows
        for first, shape, place in self._runs.get(name, ()):
            found[first : first + shape.rows] = shape.columns[place]
        return found

    def has(self, name: str) -> list[bool]:
        """Return for each event whether the property exists, even with the value null."""
        found = [False] * self.rows
        for first, shape, _ in self._runs.get(name, ()):
            found[first : first + shape.rows] = [True] * shape.rows
        return found

    def objects(self) -> list[dict[str, Value]]:
        """Return the properties of each event as an object that ``msgspec`` encodes as it was received."""
        return [dict(zip(shape.names, row, strict=True)) for shape in self.shapes for row in rows_of(shape)]

    def row(self, number: int) -> dict[str, msgspec.Raw]:
        """Return the JSON texts of one event's properties by name, as received."""
        for first, shape in self.shapes_with_first_row():
            if number < first + shape.rows:
                found = (column[number - first] for column in shape.columns)
                return dict(zip(shape.names, map(as_raw, found), strict=True))
        raise IndexError(number)

    def only(self, chosen: Sequence[bool]) -> Properties:
        """Return the properties of the events whose flag in ``chosen`` is true."""
        kept = []
        for first, shape in self.shapes_with_first_row():
            mask = chosen[first : first + shape.rows]
            if any(mask):
                columns = [tuple(compress(column, mask)) for column in shape.columns]
                kept.append(shape._replace(columns=columns, rows=sum(mask)))
        return Properties(kept)

    def __add__(self, other: Properties) -> Properties:
        return Properties([*self.shapes, *other.shapes])


def by_shape(events: Iterable[Mapping[str, Value]], *, is_raw: bool) -> tuple[Properties, list[int]]:
    """Group events by shape; return their properties, and for each row of these its index in ``events``.

    ``events``: the properties of each event; ``is_raw``: whether their values are JSON texts.
    """
    groups: dict[tuple[str, ...], tuple[list[int], list[tuple[Value, ...]]]] = {}
    for place, each in enumerate(events):
        names = tuple(each)
        group = groups.get(names)
        if group is None:
            group = groups[names] = ([], [])
        group[0].append(place)
        group[1].append(tuple(each.values()))
    shapes = [
        Shape(names, list(zip(*rows, strict=True)), len(rows), is_raw) for names, (_, rows) in groups.items()
    ]
    return Properties(shapes), [place for places, _ in groups.values() for place in places]


def rows_of(shape: Shape) -> Iterable[tuple[Value, ...]]:
    """Return for each event of a shape the values of its properties, in the order of ``names``."""
    return zip(*shape.columns, strict=True) if shape.columns else [()] * shape.rows


def as_raw(value: Value) -> msgspec.Raw:
    """Return the JSON text of a value as it was received."""
    return value if isinstance(value, msgspec.Raw) else msgspec.Raw(encode(value))


def types_of(column: Iterable[object]) -> set[type]:
    """Return the types of a column's values."""
    return set(map(type, column))

"""Parse a block of export lines into columns of properties.

The values of an event are decoded if ``msgspec`` encodes them exactly as they were received; otherwise each value is
kept as its JSON text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, compress
from typing import NamedTuple

import msgspec

from include.xdm.convert.values import Value
from include.xdm.events.event_id import NOT_CONTENT
from include.xdm.events.exact_lines import ExactLines, ReadEvent
from include.xdm.events.line_parser import DEPTH_LIMIT, LINE_LIMIT_BYTES, deeper_than, has_unique_keys
from include.xdm.events.shape_writer import whole_objects
from include.xdm.events.shapes import Properties, by_shape, encode_lines


class _RawEvent(msgspec.Struct, gc=False):
    event: str
    properties: dict[str, msgspec.Raw]


_raw_decoder = msgspec.json.Decoder(_RawEvent)


class ParsedLines(NamedTuple):
    """The events of a block's ordinary lines, grouped by shape and not checked yet; and the other lines.

    ``line_indexes``: the index of each event's line in the block; ``others``: the indexes of the lines that
    ``EventParser`` has to parse.
    """

    line_indexes: list[int]
    events: list[str]
    properties: Properties
    content_json: list[bytes]
    """For each event, the JSON text of the properties that its content digest includes, sorted by name."""
    others: list[int]

    def only(self, chosen: Sequence[bool]) -> ParsedLines:
        """Return the events whose flag in ``chosen`` is true; ``others`` is unchanged."""
        return ParsedLines(
            list(compress(self.line_indexes, chosen)),
            list(compress(self.events, chosen)),
            self.properties.only(chosen),
            list(compress(self.content_json, chosen)),
            self.others,
        )


def parse_lines(block: bytes) -> ParsedLines:
    """Parse the ordinary lines of a block, and list the others; each line ends in a newline and is not blank."""
    exact = ExactLines(block)
    one = _by_shape(exact, is_raw=False)
    spelled: list[tuple[int, _RawEvent]] = []
    odd: list[int] = []
    for place, line in exact.others:
        if (raw := _as_received(line)) is None:
            odd.append(place)
        else:
            spelled.append((place, raw))
    if not spelled:
        return one._replace(others=odd)
    other = _by_shape([spelled], is_raw=True)
    return ParsedLines(
        one.line_indexes + other.line_indexes,
        one.events + other.events,
        one.properties + other.properties,
        one.content_json + other.content_json,
        odd,
    )


def _by_shape(pieces: Iterable[Iterable[tuple[int, ReadEvent]]], *, is_raw: bool) -> ParsedLines:
    """Group events by shape; ``pieces``: batches of events, each event with the index of its line in the block.

    ``is_raw``: whether the values of their properties are JSON texts.
    """
    places: list[int] = []
    names: list[str] = []

    def properties_of() -> Iterator[Mapping[str, Value]]:
        for place, each in chain.from_iterable(pieces):
            places.append(place)
            names.append(each.event)
            yield each.properties

    properties, order = by_shape(properties_of(), is_raw=is_raw)
    objects: list[object] = []
    for shape in properties.shapes:
        kept = _content_places(shape.names)
        objects += whole_objects(
            tuple(shape.names[n] for n in kept), [shape.columns[n] for n in kept], shape.rows
        )
    contents = encode_lines(objects).split(b"\n")[:-1]
    return ParsedLines([places[n] for n in order], [names[n] for n in order], properties, contents, [])


@lru_cache(2_000)
def _content_places(names: tuple[str, ...]) -> list[int]:
    """Return the indexes of the property names that a content digest includes, in alphabetical order of the names."""
    return sorted(
        (place for place, name in enumerate(names) if name not in NOT_CONTENT), key=lambda place: names[place]
    )


def _as_received(line: bytes) -> _RawEvent | None:
    """Decode a line to an event with the JSON text of each property; return None if ``EventParser`` has to parse it."""
    try:
        found = _raw_decoder.decode(line)
        line.decode()
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        return None
    # One additional level: the depth of an event is that of its properties.
    is_odd = len(line) > LINE_LIMIT_BYTES or deeper_than(line, DEPTH_LIMIT)
    return found if not is_odd and has_unique_keys(line, found.properties) else None

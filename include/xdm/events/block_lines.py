"""The parser of a block of lines: values if they can be written again as received, otherwise their texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, compress
from typing import NamedTuple

import msgspec

from include.xdm.convert.values import Value
from include.xdm.events.event_id import NOT_CONTENT
from include.xdm.events.exact_lines import ExactLines, ReadEvent
from include.xdm.events.line_parser import DEPTH_LIMIT, LINE_LIMIT_BYTES, deeper_than, is_plain
from include.xdm.events.shape_writer import whole_objects
from include.xdm.events.shapes import Properties, by_shape, encode_lines


class _RawEvent(msgspec.Struct, gc=False):
    event: str
    properties: dict[str, msgspec.Raw]


_raw_decoder = msgspec.json.Decoder(_RawEvent)


class ParsedLines(NamedTuple):
    """Ordinary lines, parsed but not checked, in the order of their shapes; and the places of the other lines."""

    places: list[int]
    events: list[str]
    properties: Properties
    contents: list[bytes]
    """For each event the JSON of the properties that count in its content digest, sorted by name."""
    odd: list[int]

    def only(self, chosen: Sequence[bool]) -> ParsedLines:
        """Return the chosen ones of the ordinary lines."""
        return ParsedLines(
            list(compress(self.places, chosen)),
            list(compress(self.events, chosen)),
            self.properties.only(chosen),
            list(compress(self.contents, chosen)),
            self.odd,
        )


def parse_lines(block: bytes) -> ParsedLines:
    """Parse whole lines, each ending in a newline and not blank."""
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
        return one._replace(odd=odd)
    other = _by_shape([spelled], is_raw=True)
    return ParsedLines(
        one.places + other.places,
        one.events + other.events,
        one.properties + other.properties,
        one.contents + other.contents,
        odd,
    )


def _by_shape(pieces: Iterable[Iterable[tuple[int, ReadEvent]]], *, is_raw: bool) -> ParsedLines:
    """Return the events grouped by shape, each with its position among the lines."""
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
    """Return the positions of the properties that are part of a content digest, in the order of their names."""
    return sorted(
        (place for place, name in enumerate(names) if name not in NOT_CONTENT), key=lambda place: names[place]
    )


def _as_received(line: bytes) -> _RawEvent | None:
    """Return an event with the text of each property."""
    try:
        found = _raw_decoder.decode(line)
        line.decode()
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        return None
    # One additional level: the depth of an event is that of its properties.
    is_odd = len(line) > LINE_LIMIT_BYTES or deeper_than(line, DEPTH_LIMIT)
    return found if not is_odd and is_plain(line, found.properties) else None

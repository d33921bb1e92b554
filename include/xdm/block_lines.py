"""Parses a block of lines: all at once where it is certain that this reads each as by itself, else one by one.

Values are read, and written again where their text is needed. That is exact where an event, written again, is as long
as it was: every other spelling of a value is longer than the one that ``msgspec`` writes, and a key that stands twice,
a member that is not read and white space make a line longer. Of the same length are only ``\\u001f`` and ``\\u001F``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import compress
from typing import Any, NamedTuple

import msgspec

from include.xdm.identity import NOT_CONTENT
from include.xdm.lines import DEPTH_LIMIT, LINE_LIMIT_BYTES, deeper_than, is_plain
from include.xdm.shape_writer import whole_objects
from include.xdm.shapes import Properties, by_shape, encode, encode_lines

_FEW_BRACKETS = DEPTH_LIMIT - 2
"""With so few in a line, in addition to the two of every event, none of them can be too deep."""
_EVENTS_AT_ONCE = 64
_NEWLINE, _BRACKET, _OPENING, _CLOSING, _BACKSLASH, _U = b"\n[{}\\u"


# A dict without a type is read sooner than one of Any.
_Event: Any = msgspec.defstruct("_Event", [("event", str), ("properties", dict)], gc=False)


class _RawEvent(msgspec.Struct, gc=False):
    event: str
    properties: dict[str, msgspec.Raw]


_decoder = msgspec.json.Decoder(_Event, float_hook=msgspec.Raw)
_raw_decoder = msgspec.json.Decoder(_RawEvent)


class ParsedLines(NamedTuple):
    """Ordinary lines, read but not judged, in the order of their shapes; and the places of the other lines."""

    places: list[int]
    events: list[str]
    properties: Properties
    contents: list[bytes]
    """By event the JSON of the properties that count in its content digest, sorted by name."""
    odd: list[int]

    def only(self, chosen: Sequence[bool]) -> ParsedLines:
        """The chosen ones of the ordinary lines."""
        return ParsedLines(
            list(compress(self.places, chosen)),
            list(compress(self.events, chosen)),
            self.properties.only(chosen),
            list(compress(self.contents, chosen)),
            self.odd,
        )


def read_together(block: bytes) -> ParsedLines | None:
    """All lines with one call; None where it is not certain that this reads them as one by one."""
    import numpy as np

    characters = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(characters == _NEWLINE)
    # A newline between "}" and "{" can only stand between two values, so that each line holds one.
    are_objects = (characters[ends - 1] == _CLOSING).all() and (characters[ends[:-1] + 1] == _OPENING).all()
    if len(block) > LINE_LIMIT_BYTES or not are_objects or not block.startswith(b"{"):
        return None
    if not _is_utf8(block) or _may_be_deep(characters, ends) or _may_escape(block, characters):
        return None
    try:
        parsed, length = _by_shape(_decoded(block, ends))
    except (msgspec.DecodeError, RecursionError):
        return None
    return parsed if length == len(block) and len(parsed.events) == len(ends) else None


def _decoded(block: bytes, ends: Any) -> Iterator[Any]:
    """Events, decoded a few at a time: their dicts, which are large, stay in the cache until they are shapes."""
    first = 0
    for end in [*(ends[_EVENTS_AT_ONCE - 1 :: _EVENTS_AT_ONCE] + 1).tolist(), len(block)]:
        yield from _decoder.decode_lines(block[first:end])
        first = end


def _by_shape(found: Iterable[Any], *, is_raw: bool = False) -> tuple[ParsedLines, int]:
    """Events by shape, and their length when they are written again, each with a newline."""
    names: list[str] = []

    def properties_of() -> Iterator[dict[str, Any]]:
        for each in found:
            names.append(each.event)
            yield each.properties

    properties, order = by_shape(properties_of(), is_raw=is_raw)
    events = [names[n] for n in order]
    length = len(encode_lines(events)) + (len('{"event":,"properties":}') - 1) * len(events)
    objects: list[Any] = []
    for shape in properties.shapes:
        counts, others = _places(shape.names)
        objects += whole_objects(
            tuple(shape.names[n] for n in counts), [shape.columns[n] for n in counts], shape.rows
        )
        for place in others:
            length += len(encode(shape.columns[place])) - 1 + len(f'"{shape.names[place]}":') * shape.rows
        if others and not counts:  # one comma less
            length -= shape.rows
    contents = encode_lines(objects)
    lines = contents.split(b"\n")[:-1]
    return ParsedLines(order, events, properties, lines, []), length + len(contents)


@lru_cache(2_000)
def _places(names: tuple[str, ...]) -> tuple[list[int], list[int]]:
    """The places of the names that count in a content digest, sorted by name, and of the others."""
    places = sorted(range(len(names)), key=lambda place: names[place])
    counts = [place for place in places if names[place] not in NOT_CONTENT]
    return counts, [place for place in places if names[place] in NOT_CONTENT]


def _is_utf8(block: bytes) -> bool:
    import numpy as np
    import pyarrow as pa

    if block.isascii():
        return True
    offsets = pa.py_buffer(np.array([0, len(block)], np.int32))
    try:
        pa.StringArray.from_buffers(1, offsets, pa.py_buffer(block)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _in_lines(marks: Any, ends: Any) -> Any:
    """How many marks each line has. ``ends``: the places of the newlines."""
    import numpy as np

    return np.add.reduceat(marks, np.append(0, ends[:-1]), dtype=np.int64)


def _may_be_deep(characters: Any, ends: Any) -> bool:
    """Whether some line has so many brackets that they may nest too deep. ``ends``: the places of the newlines."""
    import numpy as np

    opening = (characters == _OPENING) | (characters == _BRACKET)
    if np.count_nonzero(opening) <= 2 * len(ends) + _FEW_BRACKETS:
        return False
    return bool((_in_lines(opening, ends) > 2 + _FEW_BRACKETS).any())


def _may_escape(block: bytes, characters: Any) -> bool:
    r"""Whether there may be a ``\u``: what is written again as ``\u001f`` may have been ``\u001F``."""
    import numpy as np

    if b"\\" not in block:
        return False
    return bool((characters[np.flatnonzero(characters == _BACKSLASH) + 1] == _U).any())


def read_apart(block: bytes) -> ParsedLines:
    """Parse the lines one by one."""
    exact: list[tuple[int, Any]] = []
    spelled: list[tuple[int, _RawEvent]] = []
    odd: list[int] = []
    for place, line in enumerate(block.split(b"\n")[:-1]):
        if (found := _exact(line)) is not None:
            exact.append((place, found))
        elif (raw := _spelled(line)) is not None:
            spelled.append((place, raw))
        else:
            odd.append(place)
    one, _ = _by_shape([each for _, each in exact])
    other, _ = _by_shape([each for _, each in spelled], is_raw=True)
    return ParsedLines(
        [exact[n][0] for n in one.places] + [spelled[n][0] for n in other.places],
        one.events + other.events,
        one.properties + other.properties,
        one.contents + other.contents,
        odd,
    )


def _exact(line: bytes) -> Any:
    """An event that is written again as it was received, else None."""
    try:
        found = _decoder.decode(line)
        if len(encode(found)) != len(line) or b"\\u" in line or len(line) > LINE_LIMIT_BYTES:
            return None
        line.decode()
    except (UnicodeDecodeError, msgspec.MsgspecError, RecursionError):
        return None
    return None if deeper_than(line, DEPTH_LIMIT) else found


def _spelled(line: bytes) -> _RawEvent | None:
    """An event of which each property's text is kept."""
    try:
        found = _raw_decoder.decode(line)
        line.decode()
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        return None
    # One level more: the depth of an event is that of its properties.
    is_odd = len(line) > LINE_LIMIT_BYTES or deeper_than(line, DEPTH_LIMIT)
    return found if not is_odd and is_plain(line, found.properties) else None

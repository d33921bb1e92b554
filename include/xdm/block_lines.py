"""Parses a block of lines: all at once where it is certain that this reads each as by itself, else one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from include.xdm.identity import NOT_CONTENT, content_lines
from include.xdm.lines import DEPTH_LIMIT, LINE_LIMIT_BYTES, deeper_than, is_plain

_FEW_BRACKETS = DEPTH_LIMIT - 2
"""With so few in a line, none of them can be too deep."""
_NEWLINE, _BRACKET, _OPENING, _CLOSING = b"\n[{}"


class _Event(msgspec.Struct, gc=False):
    event: str
    properties: dict[str, msgspec.Raw]


_decode = msgspec.json.Decoder(_Event)
_encode = msgspec.json.Encoder().encode


class ParsedLines(NamedTuple):
    """Ordinary lines, read but not judged: their places in the block, names and properties; and the other places."""

    places: Sequence[int]
    events: list[str]
    properties: list[dict[str, msgspec.Raw]]
    contents: list[bytes]
    """By event a line of ``identity.content_lines``."""
    names: set[str]
    """Of all their properties."""
    odd: list[int]


def read_together(block: bytes) -> ParsedLines | None:
    """All lines with one call; None where it is not certain that this reads them as one by one."""
    import numpy as np

    characters = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(characters == _NEWLINE)
    # A newline between "}" and "{" can only stand between two values, so that each line holds one.
    are_objects = (characters[ends - 1] == _CLOSING).all() and (characters[ends[:-1] + 1] == _OPENING).all()
    if len(block) > LINE_LIMIT_BYTES or not are_objects or not block.startswith(b"{"):
        return None
    try:
        block.decode()
        found = _decode.decode_lines(block)
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        return None
    if len(found) != len(ends):
        return None
    events, properties = [each.event for each in found], [each.properties for each in found]
    names = set().union(*properties)
    contents = content_lines(properties, names)
    lines = contents.split(b"\n")[:-1]
    if _length(block, events, properties, names, contents) != len(block) or b"{}" in lines:
        return None
    return (
        ParsedLines(range(len(ends)), events, properties, lines, names, [])
        if _is_flat(block, characters, ends)
        else None
    )


def _length(
    block: bytes,
    events: list[str],
    properties: Sequence[dict[str, msgspec.Raw]],
    names: set[str],
    contents: bytes,
) -> int:
    """The length of a block that holds what was read of it, compactly, and nothing else.

    A key that stands twice, a member that is not read, white space or a name in another spelling makes a block longer.
    Every event has a property that counts in its content digest.
    """
    together = "".join(events)
    texts = together.encode() if b"\\" not in block else _encode(together)[1:-1]
    length = len(contents) + len(texts) + len('{"event":"","properties":}') * len(events)
    for name in NOT_CONTENT:
        if name in names:
            values = [each[name] for each in properties if name in each]
            length += len(b"".join(values)) + len(f',"{name}":') * len(values)
    return length


def _is_flat(block: bytes, characters: Any, ends: Any) -> bool:
    """Whether it is certain that no value holds an object, nor is deep. ``ends``: the places of the newlines."""
    import numpy as np

    if block.count(b"{") != 2 * len(ends):
        return False
    brackets = np.flatnonzero(characters == _BRACKET)
    return (
        len(brackets) <= _FEW_BRACKETS
        or int(np.bincount(np.searchsorted(ends, brackets)).max()) <= _FEW_BRACKETS
    )


def read_apart(block: bytes) -> ParsedLines:
    """Parse the lines one by one."""
    places, odd, events, properties = [], [], [], []
    decode = _decode.decode
    is_ascii = block.isascii()
    for place, line in enumerate(block.split(b"\n")[:-1]):
        try:
            found = decode(line)
            if not is_ascii:
                line.decode()
        except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
            odd.append(place)
            continue
        # One level more: the depth of an event is that of its properties.
        if (
            len(line) > LINE_LIMIT_BYTES
            or deeper_than(line, DEPTH_LIMIT)
            or not is_plain(line, found.properties)
        ):
            odd.append(place)
            continue
        places.append(place)
        events.append(found.event)
        properties.append(found.properties)
    names = set().union(*properties)
    contents = content_lines(properties, names).split(b"\n")[:-1]
    return ParsedLines(places, events, properties, contents, names, odd)

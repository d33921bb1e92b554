r"""Decode many lines at once, and find those that ``msgspec`` encodes again exactly as they were received.

The values of these lines can be decoded, because their texts can be restored. A line is exact if the encoded event is
as long as the line: every other spelling of a value is longer than that of ``msgspec``, and a duplicate key, a member
that is not read and white space make a line longer. The only exception of equal length is ``\\u001f`` and ``\\u001F``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import compress
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from include.xdm.convert.arrow_arrays import is_utf8
from include.xdm.convert.values import Value
from include.xdm.events.line_parser import DEPTH_LIMIT, LINE_LIMIT_BYTES, deeper_than
from include.xdm.events.shapes import encode, encode_lines

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_LINES_AT_ONCE = 64
"""With more events, which are large, their dicts would not stay in the cache until they are shapes."""
_NEWLINE, _BRACKET, _OPENING, _CLOSING, _BACKSLASH, _U = b"\n[{}\\u"
# A dict without a type is read faster than one of Any. The class of defstruct has no members for a type checker.
_Event: Any = msgspec.defstruct("_Event", [("event", str), ("properties", dict)], gc=False)
_decoder: msgspec.json.Decoder[ReadEvent] = msgspec.json.Decoder(_Event, float_hook=msgspec.Raw)


class ReadEvent(Protocol):
    """An event as ``msgspec`` decodes it from a line."""

    @property
    def event(self) -> str:
        """The name of the event."""

    @property
    def properties(self) -> Mapping[str, Value]:
        """The values of the properties, or their JSON texts, by name."""


class ExactLines:
    """An iterable of the events in a block whose lines ``msgspec`` encodes again exactly as received.

    ``others``: the other lines with their indexes in the block; complete after the iteration.
    """

    def __init__(self, block: bytes) -> None:
        self._block = block
        self.others: list[tuple[int, bytes]] = []

    def __iter__(self) -> Iterator[Iterable[tuple[int, ReadEvent]]]:
        """Yield batches of exact events, each event with the index of its line in the block."""
        import numpy as np

        block = self._block
        characters = np.frombuffer(block, np.uint8)
        ends = np.flatnonzero(characters == _NEWLINE)
        # A newline between "}" and "{" can only be between two values, so each line has one value.
        are_objects = (characters[ends - 1] == _CLOSING).all() and (
            characters[ends[:-1] + 1] == _OPENING
        ).all()
        is_short = np.diff(ends, prepend=-1).max(initial=0) <= LINE_LIMIT_BYTES
        together = bool(are_objects and is_short) and block.startswith(b"{") and is_utf8(block)
        suspects = _lines_to_check(block, characters, ends)
        start = 0
        for first in range(0, len(ends), _LINES_AT_ONCE):
            last = min(first + _LINES_AT_ONCE, len(ends))
            end = int(ends[last - 1]) + 1
            yield self._piece(block[start:end], range(first, last), suspects, together=together)
            start = end

    def _piece(
        self, piece: bytes, places: range, suspects: set[int], *, together: bool
    ) -> Iterable[tuple[int, ReadEvent]]:
        found, written = _rewritten(piece) if together else ([], b"")
        if len(found) == len(places) and len(written) == len(piece) and suspects.isdisjoint(places):
            return zip(places, found, strict=True)
        lines = piece.split(b"\n")[:-1]
        if len(found) == len(places):
            texts = written.split(b"\n")
            is_exact = [
                len(lines[n]) == len(texts[n]) and place not in suspects for n, place in enumerate(places)
            ]
        else:
            found = list(map(_event_if_exact, lines))
            is_exact = [each is not None for each in found]
        self.others += [(places[n], line) for n, line in enumerate(lines) if not is_exact[n]]
        return compress(zip(places, found, strict=True), is_exact)


def _rewritten(piece: bytes) -> tuple[list[ReadEvent], bytes]:
    """Decode lines; return the events and the text that encodes them, or ``([], b"")`` if a line is invalid."""
    try:
        found = _decoder.decode_lines(piece)
        return found, encode_lines(found)
    except (msgspec.MsgspecError, RecursionError):
        return [], b""


def _lines_to_check(block: bytes, characters: npt.NDArray[np.uint8], ends: npt.NDArray[np.intp]) -> set[int]:
    r"""Return the indexes of lines that may nest too deep, or have a ``\u``: ``\u001F`` would be encoded as ``\u001f``.

    ``characters``: the bytes of ``block``; ``ends``: the positions of its newlines.
    """
    import numpy as np

    found: set[int] = set()
    opening = (characters == _OPENING) | (characters == _BRACKET)
    if np.count_nonzero(opening) > 2 * len(ends) + DEPTH_LIMIT - 2:
        in_lines = np.add.reduceat(opening, np.append(0, ends[:-1]), dtype=np.int64)
        found.update(np.flatnonzero(in_lines > DEPTH_LIMIT).tolist())
    if b"\\" in block:
        escapes = np.flatnonzero(characters == _BACKSLASH)
        escapes = escapes[characters[escapes + 1] == _U]
        found.update(np.searchsorted(ends, escapes).tolist())
    return found


# Not optional: the caller omits the places of None with compress, which a type checker does not follow.
def _event_if_exact(line: bytes) -> Any:
    """Return the event of a line if the encoded event is equal to the line, otherwise None."""
    try:
        found = _decoder.decode(line)
        if len(encode(found)) != len(line) or b"\\u" in line or len(line) > LINE_LIMIT_BYTES:
            return None
        line.decode()
    except (UnicodeDecodeError, msgspec.MsgspecError, RecursionError):
        return None
    return None if deeper_than(line, DEPTH_LIMIT) else found

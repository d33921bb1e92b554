"""Checks every line of an export: ordinary lines in bulk, all other lines individually, with the same result.

Nearly every line of a real export is ``{"event":...,"properties":...}``, which ``ExportGuard.check_line`` recognizes as an
event without parsing. Doing that line by line takes longer than decompressing the line.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, repeat
from typing import TYPE_CHECKING

import numpy as np

from include.http.line_splitter import LineSplitter
from include.mixpanel.byte_places import rare_places
from include.mixpanel.export_guard import ExportGuard, clean_line

if TYPE_CHECKING:
    import numpy.typing as npt

    _Bytes = npt.NDArray[np.uint8]
    _Places = npt.NDArray[np.int64]

_HEAD = int.from_bytes(b'{"event"', "little")
_PROPERTIES = b'"properties"'
_SHORTEST = len(b'{"event":') + len(_PROPERTIES) + len(b"}")
_LINE_FEED, _RETURN, _COLON, _CLOSE, _SMALL = b"\n\r:} "
_E, _A, _R, _L, _Y = b"early"


class _Buffers:
    """Arrays as long as a block, reused for every block: allocating them takes as long as filling them."""

    def __init__(self) -> None:
        self.bytes = np.empty(0, np.uint8)
        self.first = np.empty(0, bool)
        self.second = np.empty(0, bool)
        self._all = (self.bytes, self.first, self.second)

    def for_bytes(self, size: int) -> _Buffers:
        """Return the arrays, resized to ``size``."""
        if len(self._all[0]) < size:
            self._all = (np.empty(size, np.uint8), np.empty(size, bool), np.empty(size, bool))
        chars, one, other = self._all
        self.bytes, self.first, self.second = chars[:size], one[:size], other[:size]
        return self


class LineScanner:
    """Reads an export in pieces and counts its lines; raises what ``ExportGuard`` and ``LineSplitter`` raise."""

    def __init__(self) -> None:
        self._guard = ExportGuard()
        self._splitter = LineSplitter()
        self._buffers = _Buffers()
        self.not_events = 0
        """The number of rows that are not events; the transform step quarantines them."""

    @property
    def rows(self) -> int:
        """Lines read so far, without blank lines."""
        return self._guard.lines

    def scan(self, piece: bytes) -> None:
        """Check the lines that ``piece`` completes."""
        first, last = piece.find(b"\n") + 1, piece.rfind(b"\n") + 1
        for _ in self.lines(piece[:first]):
            pass
        if last > first:
            self._see_block(piece, first, last)
        self._splitter.feed(piece[last:])

    def lines(self, piece: bytes) -> Iterator[bytes]:
        """Return the lines that ``piece`` completes, checked individually, cleaned and without blank lines."""
        return filter(None, map(self._check_line, self._splitter.feed(piece)))

    def last_line(self) -> Iterator[bytes]:
        """Return the last line if it has no newline; call this before ``finish``."""
        last = self._splitter.finish()
        return filter(None, map(self._check_line, [last] if last else []))

    def finish(self) -> None:
        """Raise unless the last line can be the export's last (``ExportGuard.finish``)."""
        self._guard.finish()

    def _check_line(self, raw: bytes) -> bytes:
        line = clean_line(raw, first=self._guard.lines == 0)
        if not line or line.isspace():
            self._guard.count_blank_line()
            return b""
        self.not_events += not self._guard.check_line(line)
        return line

    def _see_block(self, piece: bytes, first: int, last: int) -> None:
        """Check the whole lines in ``piece[first:last]``."""
        text = np.frombuffer(piece, np.uint8, last - first, first)
        buffers = self._buffers.for_bytes(len(text))
        ends = rare_places(np.equal(text, _LINE_FEED, out=buffers.first))
        starts = np.concatenate(([0], ends[:-1] + 1))
        stops = ends - (text[ends - 1] == _RETURN)
        ordinary = _ordinary(piece, first, text, starts, stops)
        ordinary[_lines_with_early(text, ends, buffers)] = False
        odd = np.flatnonzero(~ordinary).tolist()
        for before, here in pairwise([-1, *odd, len(ends)]):
            if here > before + 1:
                line = piece[first + starts[here - 1] : first + stops[here - 1]]
                self._guard.count_ordinary_lines(here - before - 1, line)
            if here < len(ends):
                self._check_line(piece[first + starts[here] : first + ends[here]])


def _ordinary(
    piece: bytes, first: int, text: _Bytes, starts: _Places, stops: _Places
) -> npt.NDArray[np.bool_]:
    """Return for each line whether it begins, continues and ends like an event, as a boolean array.

    ``text``: the bytes from ``first`` on; ``starts`` and ``stops``: the bounds of the lines in it.
    """
    if len(text) < _SHORTEST:
        return np.zeros(len(starts), bool)
    heads = np.ndarray((len(text) - 7,), "<u8", text, 0, (1,))  # the eight bytes at every offset
    inside = np.minimum(starts, len(text) - 9)  # a line that begins later is too short anyway
    ordinary: npt.NDArray[np.bool_] = stops - starts >= _SHORTEST
    ordinary &= (heads[inside] == _HEAD) & (text[inside + 8] == _COLON) & (text[stops - 1] == _CLOSE)
    found = map(piece.find, repeat(_PROPERTIES), (starts + first).tolist(), (stops + first).tolist())
    ordinary &= np.fromiter(found, np.int64, len(starts)) >= 0
    return ordinary


def _lines_with_early(text: _Bytes, ends: _Places, buffers: _Buffers) -> _Places:
    """Return the indices of the lines that contain the word early in any case; ``ends``: the offsets of the newlines."""
    if len(text) < len(b"early"):
        return np.zeros(0, np.int64)
    small = np.bitwise_or(text, _SMALL, out=buffers.bytes)
    found = np.equal(small[4:], _Y, out=buffers.first[4:])
    found &= np.equal(small[3:-1], _L, out=buffers.second[4:])
    places = rare_places(found)
    places = places[(small[places] == _E) & (small[places + 1] == _A) & (small[places + 2] == _R)]
    lines: _Places = np.searchsorted(ends, places)
    return lines

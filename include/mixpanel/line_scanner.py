"""Checks the lines of an export with ``ExportGuard``: ordinary lines many at once, all others individually.

An ordinary line looks like ``{"event":...,"properties":...}`` and does not contain the word "early", so that
``ExportGuard.check_line`` accepts it without parsing. Nearly all lines of an export are ordinary. They are recognized
by NumPy, because a Python call for each line takes longer than decompressing it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, repeat
from typing import TYPE_CHECKING

import numpy as np

from include.http.line_splitter import LineSplitter
from include.mixpanel.byte_places import sparse_flatnonzero
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
    """Arrays with one element for each byte of a block, which are reused for every block.

    Allocating them would take as long as filling them.
    """

    def __init__(self) -> None:
        self.bytes = np.empty(0, np.uint8)
        self.first = np.empty(0, bool)
        self.second = np.empty(0, bool)
        self._all = (self.bytes, self.first, self.second)

    def for_bytes(self, size: int) -> _Buffers:
        """Return this object after its arrays have been resized to ``size`` elements, whose values are undefined."""
        if len(self._all[0]) < size:
            self._all = (np.empty(size, np.uint8), np.empty(size, bool), np.empty(size, bool))
        chars, one, other = self._all
        self.bytes, self.first, self.second = chars[:size], one[:size], other[:size]
        return self


class LineScanner:
    """Checks and counts the lines of an export that is received in pieces.

    The methods raise the errors of ``ExportGuard`` and ``LineSplitter``.

    Attributes:
        not_events: the number of lines so far that are not events, without blank lines.
    """

    def __init__(self) -> None:
        self._guard = ExportGuard()
        self._splitter = LineSplitter()
        self._buffers = _Buffers()
        self.not_events = 0

    @property
    def rows(self) -> int:
        """The number of lines checked so far, without blank lines."""
        return self._guard.lines

    def scan(self, piece: bytes) -> None:
        """Append ``piece`` to the export, and check the lines that it completes, many at once where possible."""
        first, last = piece.find(b"\n") + 1, piece.rfind(b"\n") + 1
        for _ in self.lines(piece[:first]):
            pass
        if last > first:
            self._check_block(piece, first, last)
        self._splitter.feed(piece[last:])

    def lines(self, piece: bytes) -> Iterator[bytes]:
        """Append ``piece`` to the export, and yield each line that it completes, once the line has been checked.

        Lines are yielded without newline, CRLF and byte order mark; blank lines are left out.
        """
        return filter(None, map(self._check_line, self._splitter.feed(piece)))

    def last_line(self) -> Iterator[bytes]:
        """Check and yield the last line if no newline follows it; to be iterated once, before ``finish``."""
        last = self._splitter.finish()
        return filter(None, map(self._check_line, [last] if last else []))

    def finish(self) -> None:
        """Check that the last line is a complete event; see ``ExportGuard.finish``."""
        self._guard.finish()

    def _check_line(self, raw: bytes) -> bytes:
        line = clean_line(raw, first=self._guard.lines == 0)
        if not line or line.isspace():
            self._guard.count_blank_line()
            return b""
        self.not_events += not self._guard.check_line(line)
        return line

    def _check_block(self, piece: bytes, first: int, last: int) -> None:
        """Check the lines in ``piece[first:last]``, which ends with a newline, many at once where possible."""
        text = np.frombuffer(piece, np.uint8, last - first, first)
        buffers = self._buffers.for_bytes(len(text))
        ends = sparse_flatnonzero(np.equal(text, _LINE_FEED, out=buffers.first))
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
    """Return for each line whether it looks like ``{"event":...,"properties":...}``.

    ``text``: the bytes of ``piece`` from the index ``first`` on. ``starts``, ``stops``: where each line begins and ends
    in ``text``.
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
    """Return the indices of the lines that contain "early", in lower or upper case.

    ``ends``: the positions of the newlines in ``text``.
    """
    if len(text) < len(b"early"):
        return np.zeros(0, np.int64)
    small = np.bitwise_or(text, _SMALL, out=buffers.bytes)
    found = np.equal(small[4:], _Y, out=buffers.first[4:])
    found &= np.equal(small[3:-1], _L, out=buffers.second[4:])
    places = sparse_flatnonzero(found)
    places = places[(small[places] == _E) & (small[places + 1] == _A) & (small[places + 2] == _R)]
    lines: _Places = np.searchsorted(ends, places)
    return lines

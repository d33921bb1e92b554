"""Sees every line of an export: ordinary ones many at a time, every other one by itself, with the same verdict.

Nearly every line of a real export is ``{"event":...,"properties":...}``, of which ``ExportGuard.see`` finds without
parsing that it is an event. Finding that out for a line at a time takes longer than inflating it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, repeat
from typing import Any

import numpy as np

from include.http.line_splitter import LineSplitter
from include.mixpanel.export_guard import ExportGuard, clean_line

_HEAD = int.from_bytes(b'{"event"', "little")
_PROPERTIES = b'"properties"'
_SHORTEST = len(b'{"event":') + len(_PROPERTIES) + len(b"}")
_LINE_FEED, _RETURN, _COLON, _CLOSE, _SMALL = b"\n\r:} "
_E, _A, _R, _L, _Y = b"early"


class _Room:
    """Arrays as long as a block, kept from one block to the next: to allocate them takes as long as to fill them."""

    def __init__(self) -> None:
        self.bytes: Any = np.empty(0, np.uint8)
        self.first: Any = np.empty(0, bool)
        self.second: Any = np.empty(0, bool)
        self._all = (self.bytes, self.first, self.second)

    def for_bytes(self, size: int) -> _Room:
        """The arrays, ``size`` long."""
        if len(self._all[0]) < size:
            self._all = (np.empty(size, np.uint8), np.empty(size, bool), np.empty(size, bool))
        self.bytes, self.first, self.second = (each[:size] for each in self._all)
        return self


class LineScanner:
    """Takes an export in pieces and counts its lines; raises what ``ExportGuard`` and ``LineSplitter`` raise."""

    def __init__(self) -> None:
        self._guard = ExportGuard()
        self._splitter = LineSplitter()
        self._room = _Room()
        self.not_events = 0
        """Of the rows, those that are something else than an event; the transform step quarantines them."""

    @property
    def rows(self) -> int:
        """Lines so far, without blank ones."""
        return self._guard.lines

    def scan(self, piece: bytes) -> None:
        """Sees the lines that ``piece`` completes."""
        first, last = piece.find(b"\n") + 1, piece.rfind(b"\n") + 1
        for _ in self.lines(piece[:first]):
            pass
        if last > first:
            self._see_block(piece, first, last)
        self._splitter.feed(piece[last:])

    def lines(self, piece: bytes) -> Iterator[bytes]:
        """The lines that ``piece`` completes, seen one at a time: clean, and without blank ones."""
        return filter(None, map(self._seen, self._splitter.feed(piece)))

    def last_line(self) -> Iterator[bytes]:
        """The line that no newline ends, if there is one; call it before ``finish``."""
        last = self._splitter.finish()
        return filter(None, map(self._seen, [last] if last else []))

    def finish(self) -> None:
        """Raises unless the last line can be the export's last (``ExportGuard.finish``)."""
        self._guard.finish()

    def _seen(self, raw: bytes) -> bytes:
        line = clean_line(raw, first=self._guard.lines == 0)
        if not line or line.isspace():
            self._guard.see_blank()
            return b""
        self.not_events += not self._guard.see(line)
        return line

    def _see_block(self, piece: bytes, first: int, last: int) -> None:
        """Sees the whole lines in ``piece[first:last]``."""
        text = np.frombuffer(piece, np.uint8, last - first, first)
        room = self._room.for_bytes(len(text))
        ends = _places(np.equal(text, _LINE_FEED, out=room.first))
        starts = np.concatenate(([0], ends[:-1] + 1))
        stops = ends - (text[ends - 1] == _RETURN)
        ordinary = _ordinary(piece, first, text, starts, stops)
        ordinary[_lines_with_early(text, ends, room)] = False
        odd = np.flatnonzero(~ordinary).tolist()
        for before, here in pairwise([-1, *odd, len(ends)]):
            if here > before + 1:
                line = piece[first + starts[here - 1] : first + stops[here - 1]]
                self._guard.see_ordinary(here - before - 1, line)
            if here < len(ends):
                self._seen(piece[first + starts[here] : first + ends[here]])


def _places(found: Any) -> Any:
    """Where a boolean array is true, as ``np.flatnonzero`` says it, in half the time where that is seldom."""
    words: Any = np.packbits(found[: len(found) // 64 * 64], bitorder="little").view("<u8")
    at = np.flatnonzero(words)
    bits = words[at]
    if (bits & (bits - 1)).any():  # a word with more than one bit
        return np.flatnonzero(found)
    rest = np.flatnonzero(found[len(words) * 64 :]) + len(words) * 64
    return np.concatenate((at * 64 + np.bitwise_count((bits - 1) & ~bits), rest))


def _ordinary(piece: bytes, first: int, text: Any, starts: Any, stops: Any) -> Any:
    """Of each line whether it begins, goes on and ends like an event: a boolean array.

    ``text``: the bytes from ``first`` on; ``starts`` and ``stops``: where lines begin and end in it.
    """
    if len(text) < _SHORTEST:
        return np.zeros(len(starts), bool)
    heads: Any = np.ndarray((len(text) - 7,), "<u8", text, 0, (1,))  # eight bytes from every place on
    inside = np.minimum(starts, len(text) - 9)  # a line that begins later is too short in any case
    ordinary = stops - starts >= _SHORTEST
    ordinary &= (heads[inside] == _HEAD) & (text[inside + 8] == _COLON) & (text[stops - 1] == _CLOSE)
    found = map(piece.find, repeat(_PROPERTIES), (starts + first).tolist(), (stops + first).tolist())
    ordinary &= np.fromiter(found, np.int64, len(starts)) >= 0
    return ordinary


def _lines_with_early(text: Any, ends: Any, room: _Room) -> Any:
    """The numbers of the lines that hold the word early in any case; ``ends``: where their newlines are."""
    if len(text) < len(b"early"):
        return np.zeros(0, np.int64)
    small = np.bitwise_or(text, _SMALL, out=room.bytes)
    found = np.equal(small[4:], _Y, out=room.first[4:])
    found &= np.equal(small[3:-1], _L, out=room.second[4:])
    places = _places(found)
    places = places[(small[places] == _E) & (small[places + 1] == _A) & (small[places + 2] == _R)]
    return np.searchsorted(ends, places)

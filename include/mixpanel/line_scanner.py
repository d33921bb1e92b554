"""Checks the lines of an export with ``ExportGuard``: ordinary lines many at once, all others individually.

An ordinary line looks like ``{"event":...,"properties":...}`` and its last word is not "early", so that
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
from include.mixpanel.export_guard import ALPHANUMERIC, ExportGuard, clean_line

if TYPE_CHECKING:
    import numpy.typing as npt

    _Bytes = npt.NDArray[np.uint8]
    _Places = npt.NDArray[np.int64]

_PROPERTIES = b'"properties"'
_HEAD = int.from_bytes(b'{"event"', "little")
_SHORTEST = len(b'{"event":') + len(_PROPERTIES) + len(b"}")
_LINE_FEED, _RETURN, _COLON, _CLOSE, _SMALL = b"\n\r:} "  # byte | _SMALL is the lower-case letter
_Y = ord("y")
_IS_ALPHANUMERIC = np.array([byte in ALPHANUMERIC for byte in range(256)])
# The last letter or digit is nearly always one of the last few bytes, except in lines that end with non-Latin text.
_FEW, _MANY = np.arange(1, 5), np.arange(1, 97)


class LineScanner:
    """Checks and counts the lines of an export that is received in pieces.

    The methods raise the errors of ``ExportGuard`` and ``LineSplitter``.

    Attributes:
        not_events: the number of lines so far that are not events, without blank lines.
    """

    def __init__(self) -> None:
        self._guard = ExportGuard()
        self._splitter = LineSplitter()
        self._newlines = np.empty(0, bool)  # reused, because allocating it takes as long as filling it
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
        if len(self._newlines) < len(text):
            self._newlines = np.empty(len(text), bool)
        ends = sparse_flatnonzero(np.equal(text, _LINE_FEED, out=self._newlines[: len(text)]))
        starts = np.concatenate(([0], ends[:-1] + 1))
        stops = ends - (text[ends - 1] == _RETURN)
        ordinary = _looks_like_event(piece, first, text, starts, stops)
        events = ordinary.nonzero()[0]
        ordinary[events[_may_end_in_early(text, stops[events])]] = False
        odd = (~ordinary).nonzero()[0].tolist()
        for before, here in pairwise([-1, *odd, len(ends)]):
            if here > before + 1:
                line = piece[first + starts[here - 1] : first + stops[here - 1]]
                self._guard.count_ordinary_lines(here - before - 1, line)
            if here < len(ends):
                self._check_line(piece[first + starts[here] : first + ends[here]])


def _looks_like_event(
    piece: bytes, first: int, text: _Bytes, starts: _Places, stops: _Places
) -> npt.NDArray[np.bool_]:
    """Return for each line whether it looks like ``{"event":...,"properties":...}``.

    ``text``: the bytes of ``piece`` from the index ``first`` on. ``starts``, ``stops``: where each line begins and ends
    in ``text``.
    """
    if len(text) < _SHORTEST:
        return np.zeros(len(starts), bool)
    words = np.ndarray((len(text) - 7,), "<u8", text, 0, (1,))  # the eight bytes at every offset
    inside = np.minimum(starts, len(text) - 9)  # a line that begins later is too short anyway
    result: npt.NDArray[np.bool_] = stops - starts >= _SHORTEST
    result &= (words[inside] == _HEAD) & (text[inside + 8] == _COLON) & (text[stops - 1] == _CLOSE)
    lines = result.nonzero()[0]
    bounds = ((places[lines] + first).tolist() for places in (starts, stops))
    result[lines] = np.fromiter(map(piece.find, repeat(_PROPERTIES), *bounds), np.int64, len(lines)) >= 0
    return result


def _may_end_in_early(text: _Bytes, stops: _Places) -> _Places:
    """Return the indices of the lines whose last word may be "early", in lower or upper case.

    ``stops``: where each line ends in ``text``. The lines look like events, so each contains a letter, and the last
    letter before the end of a line is in the line.
    """
    lasts = _last_alphanumerics(text, stops, _FEW)
    unknown = (lasts < 0).nonzero()[0]
    if len(unknown):
        lasts[unknown] = _last_alphanumerics(text, stops[unknown], _MANY)
        unknown = (lasts < 0).nonzero()[0]
    lines = ((text[lasts] | _SMALL) == _Y).nonzero()[0]
    if len(lines):
        lasts = np.maximum(lasts[lines], len(b"earl"))
        for before, letter in enumerate(b"lrae", 1):
            found = (text[lasts - before] | _SMALL) == letter
            lines, lasts = lines[found], lasts[found]
    return np.concatenate((lines, unknown))


def _last_alphanumerics(text: _Bytes, stops: _Places, distances: _Places) -> _Places:
    """Return the position of the last ASCII letter or digit of each line.

    ``stops``: where each line ends in ``text``. ``distances``: the distances from there to look at, ascending. The
    result is -1 for a line without a letter or digit at these distances.
    """
    places = np.maximum(stops[:, None] - distances, 0)
    is_found = _IS_ALPHANUMERIC[text[places]]
    at = is_found.argmax(1)
    every = np.arange(len(stops))
    return np.where(is_found[every, at], places[every, at], -1)

"""Read two exports of a day in parallel, and skip lines that are in the same order in both without hashing them.

Mixpanel guarantees no order, but two exports often have the same order except for a few lines. Comparing bytes costs a
tenth of hashing lines. Lines that are not skipped are hashed and compared as a multiset, so the order of lines does not
affect the result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from include.mixpanel.raw_blocks import Block, read_blocks
from include.steps.export.line_digests import DigestWriter, LineDigests

_LOOKAHEAD_BYTES = 1024 * 1024
"""The number of bytes of the other export in which a line is searched."""
_FREE_SEARCHES, _BYTES_PER_SEARCH = 100, 1024 * 1024
"""A search costs about as much as hashing a thousand lines, so the skipped lines limit the number of searches."""


def unaligned_lines(
    old: Iterable[Path], new: Iterable[Path], scratch: Path
) -> tuple[LineDigests, LineDigests]:
    """Return the digests and positions of the lines of ``old`` and of ``new`` that could not be skipped."""
    with (
        DigestWriter(scratch / "unaligned-old.bin") as ours,
        DigestWriter(scratch / "unaligned-new.bin") as theirs,
    ):
        _Alignment(_Window(read_blocks(old), ours), _Window(read_blocks(new), theirs)).run()
    return ours.digests, theirs.digests


@dataclass
class _Window:
    """The next complete lines of one export that are not compared yet.

    ``left``: gets the lines that have no equal line at the same place in the other export. ``place``: the position of
    the window's first line in the export, from 0.
    """

    blocks: Iterator[Block]
    left: DigestWriter
    data: bytes = b""
    place: int = 0

    def fill(self, size: int) -> bool:
        """Read until the window has ``size`` bytes or the export ends; return whether the window has any bytes."""
        parts = [self.data]
        while sum(map(len, parts)) < size and (block := next(self.blocks, None)) is not None:
            parts.append(block.data)
        self.data = b"".join(parts) if len(parts) > 1 else self.data
        return bool(self.data)

    def skip(self, size: int) -> None:
        """Drop the first ``size`` bytes of the window: lines that the other export also has."""
        self.place += self.data.count(b"\n", 0, size)
        self.data = self.data[size:]

    def leave(self, size: int) -> None:
        """Write the digests of the lines in the first ``size`` bytes of the window, and drop these lines."""
        lines = self.data[:size].split(b"\n")
        lines.pop()
        self.left.add(lines, self.place)
        self.skip(size)

    def line_end(self, start: int = 0) -> int:
        """Return the end of the line that begins at ``start``, including its newline; 0 if no line begins there."""
        return self.data.find(b"\n", start) + 1

    def find(self, line: bytes) -> int:
        """Return the offset of ``line`` in the window, in bytes; 0 if the line is missing or is the first line."""
        return self.data.find(b"\n" + line, 0, _LOOKAHEAD_BYTES) + 1


@dataclass
class _Alignment:
    """Compares two exports line by line, and finds where they continue with equal lines after a difference.

    ``skipped``: the number of bytes of equal lines. ``searches``: the number of searches for a line.
    """

    ours: _Window
    theirs: _Window
    skipped: int = 0
    searches: int = 0

    def run(self) -> None:
        while self._fill():
            self._skip_equal()
            if not self._fill():
                break
            if self._differ():
                if self.searches > _FREE_SEARCHES + self.skipped // _BYTES_PER_SEARCH:
                    break
                self._skip_changed_lines()
        for each in (self.ours, self.theirs):
            while each.fill(_LOOKAHEAD_BYTES):
                each.leave(len(each.data))

    def _fill(self) -> bool:
        """Fill both windows; return whether both exports have lines left."""
        ours, theirs = (each.fill(_LOOKAHEAD_BYTES) for each in (self.ours, self.theirs))
        return ours and theirs

    def _differ(self) -> bool:
        """Return whether the first lines of the windows differ."""
        ours, theirs = self.ours, self.theirs
        return ours.data[: ours.line_end()] != theirs.data[: theirs.line_end()]

    def _skip_equal(self) -> None:
        """Skip the equal lines at the beginning of both windows."""
        import numpy as np

        ours, theirs = self.ours, self.theirs
        size = min(len(ours.data), len(theirs.data))
        if ours.data[:size] != theirs.data[:size]:
            one, other = (np.frombuffer(each.data, np.uint8, size) for each in (ours, theirs))
            size = ours.data.rfind(b"\n", 0, int(np.argmax(one != other))) + 1
        self.skipped += size
        ours.skip(size)
        theirs.skip(size)

    def _skip_changed_lines(self) -> None:
        """Pass the lines before the next equal line to the digest writers: changed, added or removed lines."""
        ours, theirs = self.ours, self.theirs
        end, other_end = ours.line_end(), theirs.line_end()
        next_end, next_other_end = ours.line_end(end), theirs.line_end(other_end)
        if ours.data[end:next_end] == theirs.data[other_end:next_other_end]:
            ours.leave(end)
            theirs.leave(other_end)
            return
        self.searches += 1
        came, gone = theirs.find(ours.data[:end]), ours.find(theirs.data[:other_end])
        if came and (not gone or came <= gone):
            theirs.leave(came)
        elif gone:
            ours.leave(gone)
        else:
            ours.leave(end)
            theirs.leave(other_end)

"""Read two exports of a day in parallel, and skip lines that are in the same order in both without hashing them.

Mixpanel guarantees no order, but two exports often have the same order except for a few lines. Comparing bytes costs a
tenth of hashing lines. Lines that are not skipped are hashed and compared as a multiset, so the order of lines does not
affect the result.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
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
        closing(_read_ahead(read_blocks(old))) as one,
        closing(_read_ahead(read_blocks(new))) as other,
    ):
        _Alignment(_Window(one, ours), _Window(other, theirs)).run()
    return ours.digests, theirs.digests


def _read_ahead(blocks: Iterator[Block]) -> Generator[Block]:
    """Yield the blocks, while a thread decompresses the next one. The thread ends when the generator is closed."""
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(next, blocks, None)
        while (block := following.result()) is not None:
            following = thread.submit(next, blocks, None)
            yield block


@dataclass
class _Window:
    """The next complete lines of one export that are not compared yet: ``data`` from the offset ``start`` on.

    Offsets in parameters and results are relative to ``start``. ``left``: gets the lines that have no equal line at the
    same place in the other export.
    """

    blocks: Iterator[Block]
    left: DigestWriter
    data: bytes = b""
    start: int = 0
    _counted: int = 0
    _place: int = 0
    """The position in the export, from 0, of the line at the offset ``_counted`` of ``data``."""

    @property
    def size(self) -> int:
        """The number of bytes in the window."""
        return len(self.data) - self.start

    def fill(self, size: int) -> bool:
        """Read until the window has ``size`` bytes or the export ends; return whether the window has any bytes."""
        while self.size < size and (block := next(self.blocks, None)) is not None:
            rest = self.data[self.start :]
            self.data, self.start, self._counted = rest + block.data if rest else block.data, 0, 0
            self._place = block.first_line - 1 - rest.count(b"\n")
        return self.size > 0

    def part(self, first: int, end: int) -> bytes:
        """Return the bytes between two offsets."""
        return self.data[self.start + first : self.start + end]

    def skip(self, size: int) -> None:
        """Drop the first ``size`` bytes of the window: lines that the other export also has."""
        self.start += size

    def leave(self, size: int) -> None:
        """Write the digests of the lines in the first ``size`` bytes of the window, and drop these lines."""
        self._place += self.data.count(b"\n", self._counted, self.start)
        self._counted = self.start
        lines = self.part(0, size).split(b"\n")
        lines.pop()
        self.left.add(lines, self._place)
        self.skip(size)

    def line_end(self, first: int = 0) -> int:
        """Return the end of the line that begins at ``first``, including its newline; 0 if no line begins there."""
        end = self.data.find(b"\n", self.start + first)
        return end + 1 - self.start if end >= 0 else 0

    def find(self, line: bytes) -> int:
        """Return the offset of ``line`` in the window, in bytes; 0 if the line is missing or is the first line."""
        found = self.data.find(b"\n" + line, self.start, self.start + _LOOKAHEAD_BYTES)
        return found + 1 - self.start if found >= 0 else 0


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
                each.leave(each.size)

    def _fill(self) -> bool:
        """Fill both windows; return whether both exports have lines left."""
        ours, theirs = (each.fill(_LOOKAHEAD_BYTES) for each in (self.ours, self.theirs))
        return ours and theirs

    def _differ(self) -> bool:
        """Return whether the first lines of the windows differ."""
        ours, theirs = self.ours, self.theirs
        return ours.part(0, ours.line_end()) != theirs.part(0, theirs.line_end())

    def _skip_equal(self) -> None:
        """Skip the equal lines at the beginning of both windows."""
        import numpy as np

        ours, theirs = self.ours, self.theirs
        size = min(ours.size, theirs.size)
        one, other = (np.frombuffer(each.data, np.uint8, size, each.start) for each in (ours, theirs))
        differs = one != other
        first = int(differs.argmax())
        if differs[first]:
            size = ours.part(0, first).rfind(b"\n") + 1
        self.skipped += size
        ours.skip(size)
        theirs.skip(size)

    def _skip_changed_lines(self) -> None:
        """Pass the lines before the next equal line to the digest writers: changed, added or removed lines."""
        ours, theirs = self.ours, self.theirs
        end, other_end = ours.line_end(), theirs.line_end()
        next_end, next_other_end = ours.line_end(end), theirs.line_end(other_end)
        if ours.part(end, next_end) == theirs.part(other_end, next_other_end):
            ours.leave(end)
            theirs.leave(other_end)
            return
        self.searches += 1
        came, gone = theirs.find(ours.part(0, end)), ours.find(theirs.part(0, other_end))
        if came and (not gone or came <= gone):
            theirs.leave(came)
        elif gone:
            ours.leave(gone)
        else:
            ours.leave(end)
            theirs.leave(other_end)

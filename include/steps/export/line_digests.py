"""Compute digests of the lines of exports: they identify equal exports and differing lines regardless of line order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from include.mixpanel.raw_blocks import read_blocks

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    _Part = tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]

_WORDS = 8
"""The number of 32-bit words of a SHA-256, most significant word first."""
_KEPT_BYTES = 16
"""The number of bytes of each SHA-256 that are stored.

The probability that two of ten million different lines have the same 128 bits is 2^-81.
"""
_PASS_LINES = 1_500_000
"""The number of lines of an export that are compared in one pass."""
_READ_BYTES = 1_000_000 * (_KEPT_BYTES + 8)
_MOST_LINE_BYTES = 8 * 1024 * 1024
"""Lines whose digests are written are also kept in memory while their total size, in bytes, is at most this."""


class LineSum:
    """The sum of the SHA-256 of all lines, modulo 2^256.

    Two exports have the same sum if they have the same lines with the same frequencies, in any order: Mixpanel does not
    guarantee an order. Two exports with different lines have the same sum with a probability of 2^-256.
    """

    def __init__(self) -> None:
        self._columns = [0] * _WORDS

    def add(self, lines: Iterable[bytes]) -> bytes:
        """Add lines; return the first ``_KEPT_BYTES`` of the SHA-256 of each line."""
        import numpy as np

        digests = b"".join([hashlib.sha256(line).digest() for line in lines])
        words = np.frombuffer(digests, ">u4").reshape(-1, _WORDS)
        sums = words.sum(axis=0, dtype=np.uint64)
        self._columns = [column + int(more) for column, more in zip(self._columns, sums, strict=True)]
        return words[:, : _KEPT_BYTES // 4].tobytes()

    @property
    def text(self) -> str:
        """The sum as 64 hex digits."""
        total = sum(column << 32 * place for place, column in enumerate(reversed(self._columns)))
        return f"{total % 2**256:064x}"


@dataclass(frozen=True)
class LineDigests:
    """The digests and positions of ``rows`` lines of an export, in the scratch file ``path``.

    ``sum``: the ``LineSum`` of the lines, as hex digits. ``lines``: the lines by position; None if they are too large
    to stay in memory.
    """

    path: Path
    rows: int
    sum: str
    lines: Mapping[int, bytes] | None

    @classmethod
    def of(cls, raw: Iterable[Path], path: Path) -> LineDigests:
        """Return the digests of all lines of the gzip files ``raw``; ``path`` is the scratch file to write."""
        with DigestWriter(path) as writer:
            for block in read_blocks(raw):
                lines = block.data.split(b"\n")
                lines.pop()
                writer.add(lines, block.first_line - 1)
        return writer.digests

    def chunks(self) -> Iterator[npt.NDArray[np.uint64]]:
        """Yield arrays with one row per line, of three 64-bit numbers: the digest (two), and the position from 0."""
        import numpy as np

        with self.path.open("rb") as file:
            while data := file.read(_READ_BYTES):
                yield np.frombuffer(data, np.uint64).reshape(-1, 3)


class DigestWriter:
    """Writes the digests of lines to a scratch file; ``digests`` is complete when the context ends."""

    def __init__(self, path: Path) -> None:
        self._path, self._sum, self._rows = path, LineSum(), 0
        self._lines: dict[int, bytes] | None = {}
        self._line_bytes = 0

    def __enter__(self) -> DigestWriter:
        self._file = self._path.open("wb")
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def add(self, lines: Sequence[bytes], place: int) -> None:
        """Add consecutive lines of an export; ``place`` is the position of the first of them."""
        import numpy as np

        records = np.empty((len(lines), 3), np.uint64)
        records[:, :2] = np.frombuffer(self._sum.add(lines), np.uint64).reshape(-1, 2)
        records[:, 2] = np.arange(place, place + len(lines))
        self._file.write(records.tobytes())
        self._rows += len(lines)
        self._line_bytes += sum(map(len, lines))
        if self._line_bytes > _MOST_LINE_BYTES:
            self._lines = None
        if self._lines is not None:
            self._lines.update(enumerate(lines, place))

    @property
    def digests(self) -> LineDigests:
        """The digests of the lines that were added."""
        return LineDigests(self._path, self._rows, self._sum.text, self._lines)


@dataclass(frozen=True)
class LineDifference:
    """The lines that differ between an old and a new export.

    ``removed``: the positions, from 0, of lines that only the old export has; ``added``: of lines that only the new
    export has; both ascending. ``old``, ``new``: lines of each export by position; None if they are not in memory.
    """

    removed: npt.NDArray[np.int64]
    added: npt.NDArray[np.int64]
    old: Mapping[int, bytes] | None = None
    new: Mapping[int, bytes] | None = None

    @property
    def rows(self) -> int:
        """The number of lines that differ, removed and added."""
        return len(self.removed) + len(self.added)


def difference(old: LineDigests, new: LineDigests, most: int) -> LineDifference | None:
    """Return the lines that only one of two exports has; None if there are more than ``most``.

    Repeated lines count as often as they occur. The digests are compared in several passes, to limit the memory.
    """
    import numpy as np

    passes = 1 << max(0, (max(old.rows, new.rows, 1) - 1) // _PASS_LINES).bit_length()
    removed, added, found = [], [], 0
    for turn in range(passes):
        ours, theirs = (_read_part(each, turn, passes) for each in (old, new))
        gone, come = _compare(ours, theirs)
        removed.append(gone)
        added.append(come)
        found += len(gone) + len(come)
        if found > most:
            return None
    gone, come = (np.sort(np.concatenate(places)) for places in (removed, added))
    return LineDifference(gone, come, old.lines, new.lines)


def _read_part(digests: LineDigests, turn: int, passes: int) -> _Part:
    """Return the digests that belong to pass ``turn`` of ``passes``, and their positions."""
    import numpy as np

    kept = [np.zeros((0, 3), np.uint64)]
    for chunk in digests.chunks():
        kept.append(chunk[chunk[:, 0] % np.uint64(passes) == turn] if passes > 1 else chunk)
    found = np.concatenate(kept)
    return found[:, :2], found[:, 2].astype(np.int64)


def _compare(ours: _Part, theirs: _Part) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the positions of the digests that only ``ours`` has, and of those that only ``theirs`` has.

    If both have a digest with different frequencies, the positions of the surplus are returned.
    """
    import numpy as np

    (old, old_places), (new, new_places) = ours, theirs
    words = np.concatenate([old, new])
    if not len(words):
        return old_places, new_places
    order = np.lexsort((words[:, 1], words[:, 0]))  # a stable sort: of equal digests, the old ones come first
    ordered = words[order]
    starts = np.append(True, (ordered[1:] != ordered[:-1]).any(axis=1))
    run = np.cumsum(starts) - 1
    is_old = order < len(old)
    in_old = np.bincount(run, is_old).astype(np.int64)[run]
    in_both = np.minimum(in_old, np.bincount(run)[run] - in_old)
    rank = np.arange(len(order)) - np.flatnonzero(starts)[run]
    gone = order[is_old & (rank >= in_both)]
    come = order[~is_old & (rank - in_old >= in_both)] - len(old)
    return old_places[gone], new_places[come]

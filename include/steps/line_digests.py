"""What the lines of an export are, in whatever order they came: the same as those of another one, or how they differ."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.mixpanel.raw_blocks import read_blocks

_WORDS = 8
"""A SHA-256 is eight numbers of 32 bits, the first one the highest."""
_KEPT_BYTES = 16
"""Of each SHA-256: two of ten million different lines have the same 128 bits with a probability of 2^-81."""
_PASS_LINES = 1_500_000
"""So many lines of an export are compared at once."""
_READ_BYTES = 1_000_000 * _KEPT_BYTES


class LineSum:
    """The sum of lines' SHA-256 modulo 2^256: equal for the same lines, each as often, in any order.

    Mixpanel promises no order. For other lines it is equal with a probability of 2^-256.
    """

    def __init__(self) -> None:
        self._columns = [0] * _WORDS

    def add(self, lines: Iterable[bytes]) -> bytes:
        """Add some lines; returns the first bytes of the SHA-256 of each, ``_KEPT_BYTES`` for a line."""
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
    """The digests of an export's lines in a scratch file, in their order. ``sum``: see ``LineSum``."""

    path: Path
    rows: int
    sum: str

    @classmethod
    def of(cls, raw: Iterable[Path], path: Path) -> LineDigests:
        """Read the lines of gzipped files. ``path``: of the scratch file."""
        total, rows = LineSum(), 0
        with path.open("wb") as file:
            for block in read_blocks(raw):
                lines = block.data.split(b"\n")
                lines.pop()
                file.write(total.add(lines))
                rows += len(lines)
        return cls(path, rows, total.text)

    def chunks(self) -> Iterator[Any]:
        """Yield arrays of two 64-bit numbers for each line."""
        import numpy as np

        with self.path.open("rb") as file:
            while data := file.read(_READ_BYTES):
                yield np.frombuffer(data, np.uint64).reshape(-1, 2)


@dataclass(frozen=True)
class LineDifference:
    """How lines differ from others: ascending places, from 0, of those ``removed`` from the old and ``added`` in the new."""

    removed: Any
    added: Any

    @property
    def rows(self) -> int:
        """How many lines differ."""
        return len(self.removed) + len(self.added)


def difference(old: LineDigests, new: LineDigests, most: int) -> LineDifference | None:
    """Return how lines differ, each as often as it is there; None where more than ``most`` do.

    The digests are compared in as many passes as keep each in bounded memory.
    """
    import numpy as np

    passes = 1 << max(0, (max(old.rows, new.rows, 1) - 1) // _PASS_LINES).bit_length()
    removed, added, found = [], [], 0
    for turn in range(passes):
        ours, theirs = (_part(each, turn, passes) for each in (old, new))
        gone, come = _compare(ours, theirs)
        removed.append(gone)
        added.append(come)
        found += len(gone) + len(come)
        if found > most:
            return None
    return LineDifference(*(np.sort(np.concatenate(places)) for places in (removed, added)))


def _part(digests: LineDigests, turn: int, passes: int) -> tuple[Any, Any]:
    """The digests of one pass, and their places."""
    import numpy as np

    kept, places, first = [np.zeros((0, 2), np.uint64)], [np.zeros(0, np.int64)], 0
    for chunk in digests.chunks():
        here = (
            np.flatnonzero(chunk[:, 0] % np.uint64(passes) == turn) if passes > 1 else np.arange(len(chunk))
        )
        kept.append(chunk[here])
        places.append(here + first)
        first += len(chunk)
    return np.concatenate(kept), np.concatenate(places)


def _compare(ours: tuple[Any, Any], theirs: tuple[Any, Any]) -> tuple[Any, Any]:
    """The places of what is only in one of two parts, of what is there more often as many as that."""
    import numpy as np

    (old, old_places), (new, new_places) = _without_common_start(ours, theirs)
    words = np.concatenate([old, new])
    if not len(words):
        return old_places, new_places
    order = np.lexsort((words[:, 1], words[:, 0]))  # stable: the old ones of equal digests come first
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


def _without_common_start(ours: tuple[Any, Any], theirs: tuple[Any, Any]) -> tuple[Any, Any]:
    """Two parts without the lines with which both begin: often the order of an export is that of the one before."""
    import numpy as np

    (old, old_places), (new, new_places) = ours, theirs
    shared = min(len(old), len(new))
    differ = (old[:shared] != new[:shared]).any(axis=1)
    first = int(np.argmax(differ)) if differ.any() else shared
    return (old[first:], old_places[first:]), (new[first:], new_places[first:])

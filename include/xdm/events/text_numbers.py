"""Compute numbers by which texts are compared, for many texts at once with numpy."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa

    from include.xdm.convert.arrow_arrays import Integers

# The odd constants of splitmix64.
_STEP, _ONE, _OTHER = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_LAST_BYTES = [(1 << 8 * count) - 1 for count in range(8)]


class Texts(NamedTuple):
    """Texts one after the other: text n is ``data[bounds[n]:bounds[n + 1]]``."""

    data: bytes | memoryview
    bounds: Integers

    @classmethod
    def of(cls, texts: Sequence[bytes]) -> Texts:
        """Join texts."""
        import numpy as np

        return cls(b"".join(texts), np.append(0, np.cumsum([len(text) for text in texts], dtype=np.int64)))

    @classmethod
    def of_array(cls, texts: pa.Array) -> Texts:
        """Return the texts of an Arrow array without nulls, without copying them."""
        import numpy as np

        _, bounds, data = texts.buffers()
        return cls(memoryview(data or b""), np.frombuffer(bounds, np.int32, len(texts) + 1, 4 * texts.offset))

    def split(self) -> Sequence[bytes | memoryview]:
        """Return the texts individually; they are views if ``data`` is one, which is faster for long texts."""
        return [self.data[first:last] for first, last in pairwise(self.bounds.tolist())]


def text_numbers(texts: Texts) -> Integers:
    """Return a 64-bit number for each text; equal texts have equal numbers, in every process.

    Different texts almost certainly have different numbers, but texts with equal numbers can be constructed.
    """
    import numpy as np

    lengths = np.diff(texts.bounds)
    counts = lengths // 8 + 1  # of words of eight bytes; the last one is not full
    firsts = np.cumsum(counts) - counts
    place = np.arange(counts.sum()) - np.repeat(firsts, counts)
    data = b"".join((texts.data, bytes(8)))
    words = np.ndarray(len(data) - 7, "<u8", data, 0, (1,))[np.repeat(texts.bounds[:-1], counts) + 8 * place]
    words[firsts + counts - 1] &= np.array(_LAST_BYTES, np.uint64)[lengths % 8]
    words += place.astype(np.uint64) * np.uint64(_STEP)
    words *= np.uint64(_ONE)
    words ^= words >> 32
    words *= np.uint64(_OTHER)
    found = np.add.reduceat(words, firsts) if len(firsts) else words
    found = (found ^ (found >> 29)) * np.uint64(_STEP) + lengths.astype(np.uint64)
    result: Integers = found.view(np.int64)
    return result

"""A fast search for the positions of a byte that occurs rarely in a block, such as the newline."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def sparse_flatnonzero(found: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return the indices of the true elements of a boolean array, in ascending order, like ``np.flatnonzero``.

    It takes half the time if each 64 elements contain at most one true element.
    """
    import numpy as np

    words = np.packbits(found[: len(found) // 64 * 64], bitorder="little").view("<u8")
    at = words.nonzero()[0]
    bits = words[at]
    if (bits & (bits - 1)).any():  # a word with more than one bit
        return np.flatnonzero(found)
    rest = found[len(words) * 64 :].nonzero()[0] + len(words) * 64
    return np.concatenate((at * 64 + np.bitwise_count((bits - 1) & ~bits), rest))

"""Determine the kinds of JSON values in flat lines (``flat_lines``), and parse integers, many values at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from include.xdm.convert.arrow_arrays import gather_texts

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from include.xdm.convert.arrow_arrays import Flags, Integers

TEXT, INTEGER, FRACTION, TRUE, FALSE, NULL, UNKNOWN = range(7)
(_ZERO,) = b"0"
_LONGEST_NUMBER = 18


def bare_values(data: bytes, starts: Integers, stops: Integers) -> tuple[npt.NDArray[np.uint8], Integers]:
    """Return the kind of each value that is not a string, and its number if it is an ``INTEGER``, otherwise 0.

    ``starts``, ``stops``: ascending offsets of the values in ``data``; no value is empty, and at least 16 bytes precede
    each stop.
    """
    import numpy as np

    is_whole, found = _short_numbers(data, starts, stops)
    kinds = np.where(is_whole, INTEGER, UNKNOWN).astype(np.uint8)
    others = np.flatnonzero(~is_whole)
    texts = gather_texts(data, starts[others], stops[others]).dictionary_encode()
    known = texts.dictionary.to_pylist()
    kind_of = [_kind_of(text) for text in known]
    numbers = [int(text) if kind == INTEGER else 0 for text, kind in zip(known, kind_of, strict=True)]
    indices = texts.indices.to_numpy()
    kinds[others] = np.array(kind_of, np.uint8)[indices]
    found[others] = np.array(numbers, np.int64)[indices]
    return kinds, found


def _short_numbers(data: bytes, starts: Integers, stops: Integers) -> tuple[Flags, Integers]:
    """Return for each value whether it is an integer of at most 16 digits without a sign, and the number."""
    import numpy as np

    words = np.ndarray(len(data) - 7, "<u8", data, 0, (1,))  # the eight bytes from each place on
    length = stops - starts
    is_whole, found = _digits(words[stops - 8], np.minimum(length, 8))
    long = np.flatnonzero(is_whole & (length > 8))
    more, high = _digits(words[stops[long] - 16], np.minimum(length[long] - 8, 8))
    is_whole[long] = more & (length[long] <= 16)
    found[long] += high * 100_000_000
    # JSON does not allow a leading zero.
    return is_whole & ((np.frombuffer(data, np.uint8).take(starts) != _ZERO) | (length == 1)), found


_HIGH_BYTES = [((1 << 8 * count) - 1) << 8 * (8 - count) for count in range(9)]


def _digits(words: npt.NDArray[np.uint64], counts: Integers) -> tuple[Flags, Integers]:
    """Return for each 8-byte word whether its last ``counts`` bytes are decimal digits, and the number that they form.

    ``words``: eight characters each, the last one in the highest byte. All words are converted at once: digits are
    combined to numbers of two digits, and these four numbers are added (Daniel Lemire: parsing eight digits).
    """
    import numpy as np

    word = (words ^ 0x3030303030303030) & np.array(_HIGH_BYTES, np.uint64).take(counts)
    are_digits = ((word + 0x7676767676767676) | word) & 0x8080808080808080 == 0
    word = word * 10 + (word >> 8)
    one, other = word & 0x000000FF000000FF, (word >> 16) & 0x000000FF000000FF
    numbers = (one * (100 + (1_000_000 << 32)) + other * (1 + (10_000 << 32))) >> 32
    return are_digits, numbers.astype(np.int64)


_WORDS = {"true": TRUE, "false": FALSE, "null": NULL}
_WHOLE = re.compile("-?[1-9][0-9]*")
_FRACTION = re.compile(r"(?:0|-?[1-9][0-9]*)\.[0-9]+")


def _kind_of(text: str) -> int:
    """Return the kind of a value that is not a string; ``UNKNOWN`` for ``-0`` and ``-0.0``, whose sign may be lost."""
    if (word := _WORDS.get(text)) is not None:
        return word
    if len(text) > _LONGEST_NUMBER:
        return UNKNOWN
    return INTEGER if _WHOLE.fullmatch(text) else FRACTION if _FRACTION.fullmatch(text) else UNKNOWN

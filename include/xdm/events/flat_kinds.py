"""Determines the kinds of values in flat lines."""

from __future__ import annotations

import re
from typing import Any

from include.xdm.convert.arrow_arrays import numbers

TEXT, INTEGER, FRACTION, TRUE, FALSE, NULL, UNKNOWN = range(7)
(_ZERO,) = b"0"
_LONGEST_NUMBER = 18


def bare_kinds(texts: Any) -> Any:
    """Return the kinds of values that are not texts. ``texts``: an Arrow array without empty texts."""
    import numpy as np

    offsets = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1).astype(np.int64)
    chars = np.frombuffer(texts.buffers()[2], np.uint8, offsets[-1])
    digits = np.diff(np.append(0, np.cumsum(chars - _ZERO < 10))[offsets])  # of unsigned bytes
    first, length = chars[offsets[:-1]], np.diff(offsets)
    # JSON does not allow a leading zero, and -0 keeps its sign only as a text.
    is_whole = (digits == length) & ((first != _ZERO) | (length == 1)) & (length <= _LONGEST_NUMBER)
    kinds = np.where(is_whole, INTEGER, UNKNOWN).astype(np.uint8)
    others = np.flatnonzero(~is_whole)
    found = texts.take(numbers(others)).dictionary_encode()
    by_number = np.array([_kind_of(text) for text in found.dictionary.to_pylist()], np.uint8)
    kinds[others] = by_number[found.indices.to_numpy()]
    return kinds


_WORDS = {"true": TRUE, "false": FALSE, "null": NULL}
_NEGATIVE = re.compile("-[1-9][0-9]*")
_FRACTION = re.compile(r"(?:0|-?[1-9][0-9]*)\.[0-9]+")


def _kind_of(text: str) -> int:
    if (word := _WORDS.get(text)) is not None:
        return word
    if len(text) > _LONGEST_NUMBER:
        return UNKNOWN
    return INTEGER if _NEGATIVE.fullmatch(text) else FRACTION if _FRACTION.fullmatch(text) else UNKNOWN

"""What the lines of an export are, in whatever order they came: two exports of one day differ or are one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import islice

import numpy as np

_BLOCK_LINES = 10_000
_WORDS = 8
"""A SHA-256 is eight numbers of 32 bits, the first one the highest."""


def line_sum(lines: Iterable[bytes]) -> str:
    """The sum of the lines' SHA-256 modulo 2^256, as 64 hex digits.

    Mixpanel promises no order. The sum is equal for the same lines, each as often, in any order. For other lines it is
    equal with a probability of 2^-256.
    """
    columns = [0] * _WORDS
    rest = iter(lines)
    while digests := b"".join([hashlib.sha256(line).digest() for line in islice(rest, _BLOCK_LINES)]):
        words = np.frombuffer(digests, ">u4").reshape(-1, _WORDS)
        columns = [
            column + int(more)
            for column, more in zip(columns, words.sum(axis=0, dtype=np.uint64), strict=True)
        ]
    total = sum(column << 32 * place for place, column in enumerate(reversed(columns)))
    return f"{total % 2**256:064x}"

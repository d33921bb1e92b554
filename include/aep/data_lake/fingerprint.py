"""Fingerprints of sets of ids: counts and checksums that are equal for equal sets, computed locally and in the lake."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

BUCKET_DIGITS = 2
"""The number of leading hex digits of an ``_id`` that name its bucket: 2 give 256 buckets, 3 give 4096."""
_CHECKSUM_FROM, _CHECKSUM_TO = 2, 14
_LEADING_HEX = re.compile(r"(-?)([0-9A-Fa-f]*)")


@dataclass(frozen=True)
class Bucket:
    """Statistics of the rows of a dataset whose ids start with the same hex digits.

    ``rows``: the number of rows, duplicates included; ``ids``: the number of distinct ids; ``checksum``: the exact sum of
    ``conv(substr(_id, 3, 12), 16, 10)`` over all rows.
    """

    rows: int
    ids: int
    checksum: int

    @property
    def duplicates(self) -> int:
        """The number of duplicate rows: all rows except the first of each id."""
        return self.rows - self.ids


def bucket_of(
    ids: Iterable[str], *, digits: int = BUCKET_DIGITS, is_sorted: bool = False
) -> dict[str, Bucket]:
    """Return the fingerprint of ``ids``: a ``Bucket`` per prefix of hex digits, without empty buckets.

    ``is_sorted``: the ids are in ascending order, so that memory use is constant.

    Raises:
        ValueError: ``is_sorted``, and the ids are not in order.
    """
    rows: dict[str, int] = defaultdict(int)
    sums: dict[str, int] = defaultdict(int)
    different: dict[str, int] = defaultdict(int)
    seen: set[str] = set()
    before: str | None = None
    for key in ids:
        bucket = key[:digits]
        rows[bucket] += 1
        sums[bucket] += checksum_of(key)
        if is_sorted:
            if before is not None and key < before:
                raise ValueError("the ids are not in ascending order")
            is_new = key != before
            before = key
        else:
            is_new = key not in seen
            seen.add(key)
        different[bucket] += is_new
    return {name: Bucket(count, different[name], sums[name]) for name, count in rows.items()}


def checksum_of(key: str) -> int:
    """Return an id's contribution to the checksum: its hex digits 3 to 14, or the leading ones that are hex digits.

    This follows Spark's ``conv`` also for foreign ids: a number after a minus sign wraps around at 64 bits.
    """
    digits = _LEADING_HEX.match(key[_CHECKSUM_FROM:_CHECKSUM_TO])
    if digits is None or not digits[2]:
        return 0
    value = int(digits[2], 16)
    return -value % 2**64 if digits[1] else value

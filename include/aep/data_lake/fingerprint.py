"""Fingerprints of sets of ``_id``s, by which a set in this project's lake is compared with one in AEP.

A fingerprint divides the ids into buckets and has counts and a checksum of each. Query Service computes the same values
in SQL, so that no ids have to be downloaded where the fingerprints are equal.
"""

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
    """Statistics of the rows whose ``_id``s begin with the same hex digits.

    Attributes:
        rows: the number of rows, duplicates included.
        ids: the number of distinct ids.
        checksum: the exact sum of ``conv(substr(_id, 3, 12), 16, 10)`` over all rows (Spark's SQL).
    """

    rows: int
    ids: int
    checksum: int

    @property
    def duplicates(self) -> int:
        """The number of duplicate rows: all rows except the first of each id."""
        return self.rows - self.ids


def fingerprint_of(
    ids: Iterable[str], *, digits: int = BUCKET_DIGITS, is_sorted: bool = False
) -> dict[str, Bucket]:
    """Return the fingerprint of ``ids``: a ``Bucket`` for each prefix that occurs.

    ``digits``: the length of a prefix in hex digits. ``is_sorted``: promises that the ids are in ascending order, so
    that not all of them have to be in memory.

    Raises:
        ValueError: ``is_sorted`` is True, but the ids are not in ascending order.
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
    """Return what an id adds to its bucket's checksum: characters 3 to 14 as a hexadecimal number.

    An id of another producer may contain other characters. As in Spark's ``conv``, the number then ends before the
    first character that is not a hex digit, is 0 without digits, and wraps around at 64 bits after a minus sign.
    """
    digits = _LEADING_HEX.match(key[_CHECKSUM_FROM:_CHECKSUM_TO])
    if digits is None or not digits[2]:
        return 0
    value = int(digits[2], 16)
    return -value % 2**64 if digits[1] else value

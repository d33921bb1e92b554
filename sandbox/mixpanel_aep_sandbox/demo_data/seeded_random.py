"""Deterministic random numbers, the same on every computer and in every version of Python."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"


class SeededRandom:
    """A random number generator whose seed is the hash of a name.

    It uses only ``getrandbits`` of Python's generator, whose bits are the same on every platform. Python's other random
    methods have changed between versions, and floats differ between maths libraries.
    """

    def __init__(self, name: str) -> None:
        seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
        self.bits = random.Random(seed).getrandbits  # noqa: S311 - demo data, not security

    def below(self, limit: int) -> int:
        """Return a random integer from 0 to ``limit - 1``; ``limit`` is at most 2**32."""
        return (self.bits(32) * limit) >> 32

    def between(self, low: int, high: int) -> int:
        """Return a random integer from ``low`` to ``high``, both included."""
        return low + ((self.bits(32) * (high - low + 1)) >> 32)

    def chance(self, per_thousand: int) -> bool:
        """Return True with a probability of ``per_thousand`` / 1000, otherwise False."""
        return (self.bits(32) * 1000) >> 32 < per_thousand

    def pick(self, items: Sequence[T]) -> T:
        """Return a random item."""
        return items[(self.bits(32) * len(items)) >> 32]

    def hex(self, digits: int) -> str:
        """Return a text of this number of random hexadecimal digits, in lower case."""
        return f"{self.bits(4 * digits):0{digits}x}"

    def uuid(self) -> str:
        """Return a random UUID in the form of version 4."""
        text = self.hex(32)
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"

    def base36(self, digits: int) -> str:
        """Return a text of this number of random base-36 digits (0 to 9, a to z)."""
        number, text = self.bits(6 * digits), []
        for _ in range(digits):
            number, rest = divmod(number, 36)
            text.append(_BASE36[rest])
        return "".join(text)

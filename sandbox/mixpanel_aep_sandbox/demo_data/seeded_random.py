"""Chance that falls the same way on every computer, in every Python, in every year."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"


class SeededRandom:
    """A stream of numbers made from a name.

    Only ``getrandbits`` of the Mersenne Twister is used: its bits are the same everywhere, while the methods
    built on it have changed between versions of Python, and floats differ between maths libraries.
    """

    def __init__(self, name: str) -> None:
        seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
        self.bits = random.Random(seed).getrandbits  # noqa: S311 - demo data, nothing to guess

    def below(self, limit: int) -> int:
        """A number from 0 to ``limit - 1``; ``limit`` up to 2**32."""
        return (self.bits(32) * limit) >> 32

    def between(self, low: int, high: int) -> int:
        """A number from ``low`` to ``high``, both included."""
        return low + ((self.bits(32) * (high - low + 1)) >> 32)

    def chance(self, per_thousand: int) -> bool:
        return (self.bits(32) * 1000) >> 32 < per_thousand

    def pick(self, items: Sequence[T]) -> T:
        return items[(self.bits(32) * len(items)) >> 32]

    def hex(self, digits: int) -> str:
        return f"{self.bits(4 * digits):0{digits}x}"

    def uuid(self) -> str:
        text = self.hex(32)
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"

    def base36(self, digits: int) -> str:
        number, text = self.bits(6 * digits), []
        for _ in range(digits):
            number, rest = divmod(number, 36)
            text.append(_BASE36[rest])
        return "".join(text)

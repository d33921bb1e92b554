"""Count names in bounded memory: a hostile day may have as many different names as events."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

MOST_NAMES = 10_000
_LONGEST = 1000


@dataclass
class NameCounter:
    """Counts names exactly; of more than ``most`` distinct names, only the ``most`` with the smallest hashes are counted.

    The choice of the names depends only on the names, not on their order or on the process that read them.
    ``is_partial``: some names are not counted.
    """

    most: int = MOST_NAMES
    counts: Counter[str] = field(default_factory=Counter)
    is_partial: bool = False

    def add(self, counts: Mapping[str, int]) -> None:
        """Add counts by name; a name longer than 1,000 characters is truncated."""
        for name, count in counts.items():
            self.counts[name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…"] += count
        if len(self.counts) > 2 * self.most:
            self._prune()

    def merge(self, other: NameCounter) -> None:
        """Add the counts of another ``NameCounter``, which another process has filled."""
        self.is_partial |= other.is_partial
        self.add(other.counts)

    def most_common(self) -> dict[str, int]:
        """Return the positive counts by name, the largest first; names with equal counts are sorted by name."""
        if len(self.counts) > self.most:
            self._prune()
        found = sorted(
            ((name, n) for name, n in self.counts.items() if n > 0), key=lambda pair: (-pair[1], pair[0])
        )
        return dict(found)

    def _prune(self) -> None:
        self.is_partial = True
        kept = sorted(self.counts, key=_hash)[: self.most]
        self.counts = Counter({name: self.counts[name] for name in kept})


def _hash(name: str) -> bytes:
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()

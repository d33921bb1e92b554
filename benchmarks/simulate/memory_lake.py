"""The part of a lake that the rate budgets use, in memory: a simulation makes hundreds of thousands of requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator


class MemoryLake:
    """Objects by key, with create-only puts; counts its reads and writes."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}
        self.requests: Counter[str] = Counter()

    def read(self, key: str) -> bytes | None:
        """Return an object's bytes, or None."""
        self.requests["read"] += 1
        return self._objects.get(key)

    def has(self, key: str) -> bool:
        """Return whether an object exists."""
        self.requests["read"] += 1
        return key in self._objects

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys below a folder."""
        self.requests["read"] += 1
        return (key for key in list(self._objects) if key.startswith(f"{prefix}/"))

    def create(self, key: str, body: bytes) -> bool:
        """Put an object unless it exists."""
        self.requests["write"] += 1
        return self._objects.setdefault(key, body) is body

    def replace(self, key: str, body: bytes) -> None:
        """Put an object."""
        self.requests["write"] += 1
        self._objects[key] = body

"""Distributes work between processes: a number that counts up, shared through a file."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from itertools import count
from pathlib import Path

_BYTES = 8


def own_counter() -> Callable[[], int]:
    """Return a counter from 0 for a process that works alone."""
    return count().__next__


class SharedCounter:
    """A counter from 0 that gives each number to one process; the file is empty at first."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def __call__(self) -> int:
        """Return the next number."""
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        try:
            value = int.from_bytes(os.pread(self._file, _BYTES, 0), "big")
            os.pwrite(self._file, (value + 1).to_bytes(_BYTES, "big"), 0)
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN)
        return value

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

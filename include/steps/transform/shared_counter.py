"""Distribute numbered pieces of work among processes with a counter in a file that they share."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from itertools import count
from pathlib import Path

_BYTES = 8


def local_counter() -> Callable[[], int]:
    """Return a function that returns 0, 1, 2 and so on, for a process that works alone."""
    return count().__next__


class SharedCounter:
    """A counter from 0 in a file; each number is returned to only one of the processes that share the file."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def __call__(self) -> int:
        """Return the next number, and increase the counter in the file."""
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        try:
            value = int.from_bytes(os.pread(self._file, _BYTES, 0), "big")
            os.pwrite(self._file, (value + 1).to_bytes(_BYTES, "big"), 0)
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN)
        return value

    def close(self) -> None:
        """Close the counter's file."""
        os.close(self._file)

"""Write gzip files reproducibly: the same data always gives the same bytes."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def gzip_writer(path: Path, *, append: bool = False) -> Iterator[gzip.GzipFile]:
    """Open a gzip file for writing, with no time or name in its header; ``append`` adds a member to an old file."""
    with path.open("ab" if append else "wb") as raw, gzip.GzipFile("", "wb", 4, raw, mtime=0) as file:
        yield file

"""Write gzip files that have the same bytes whenever the same data is written."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def gzip_writer(path: Path, *, append: bool = False) -> Iterator[gzip.GzipFile]:
    """Open a gzip file whose header has no time and no name; ``append`` adds a member to an existing file."""
    with path.open("ab" if append else "wb") as raw, gzip.GzipFile("", "wb", 4, raw, mtime=0) as file:
        yield file

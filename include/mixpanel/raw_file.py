"""Raw event files: gzipped JSON Lines as Mixpanel sent them, with their reader and writers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from isal import igzip, isal_zlib

from include.mixpanel.export_guard import clean_line, is_event

_GZIP = 16 + isal_zlib.MAX_WBITS
_QUICKEST = 1
_BLOCK_BYTES = 256 * 1024


@dataclass(frozen=True)
class RawFile:
    """The description of a file of raw events.

    ``rows``: the number of lines that are not blank. ``not_events``: the number of rows that are not events.
    ``sha256``: the lower-case hex digest of the file. ``suppressed``: the number of removed lines of forgotten people.
    """

    path: Path
    rows: int
    not_events: int
    sha256: str
    suppressed: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """The number of events as ``exported``, and ``not_events`` and ``suppressed`` if they are not 0."""
        others = {"not_events": self.not_events, "suppressed": self.suppressed}
        return {
            "exported": self.rows - self.not_events,
            **{name: count for name, count in others.items() if count},
        }


class HashedFile:
    """A file that is being written, with the number (``bytes``) and the SHA-256 of the bytes written so far."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.bytes = 0

    def write(self, data: bytes) -> None:
        """Append bytes unchanged."""
        self._file.write(data)
        self._hash.update(data)
        self.bytes += len(data)

    @property
    def sha256(self) -> str:
        """The SHA-256 of the bytes written so far, in lower-case hexadecimal."""
        return self._hash.hexdigest()


class GzipWriter:
    """Compresses bytes into a file as one gzip member, whose header contains no time and no name.

    The same bytes always give the same file: isal's output depends on the block size, so all blocks have the same size.
    """

    def __init__(self, file: HashedFile) -> None:
        self._file = file
        self._packer = isal_zlib.compressobj(_QUICKEST, wbits=_GZIP)
        self._held = bytearray()

    def write(self, data: bytes) -> None:
        """Append bytes, compressed."""
        self._held += data
        while len(self._held) >= _BLOCK_BYTES:
            self._file.write(self._packer.compress(self._held[:_BLOCK_BYTES]))
            del self._held[:_BLOCK_BYTES]

    def finish(self) -> None:
        """Write the remaining bytes and the trailer of the gzip member; the file remains open."""
        self._file.write(self._packer.compress(self._held) + self._packer.flush())


class RawLineWriter:
    """Writes lines to a file of raw events, and counts them."""

    def __init__(self, path: Path, file: HashedFile) -> None:
        self._path, self._file = path, file
        self._gzip = GzipWriter(file)
        self._rows = self._not_events = 0

    def write(self, line: bytes) -> None:
        """Append a line without its newline; a blank line is omitted, as readers omit it."""
        if not line or line.isspace():
            return
        self._gzip.write(line + b"\n")
        self._rows += 1
        self._not_events += not is_event(line)

    def finish(self) -> RawFile:
        """Complete the gzip data and return the description of the file."""
        self._gzip.finish()
        return RawFile(self._path, self._rows, self._not_events, self._file.sha256)


@contextmanager
def hashed_file(path: Path) -> Iterator[HashedFile]:
    """Open ``path`` for writing, replacing an existing file, and close it at the end of the context."""
    with path.open("wb") as file:
        yield HashedFile(file)


def write_lines(path: Path, lines: Iterable[bytes]) -> RawFile:
    """Write lines, given without their newlines, to a new gzip file at ``path``, and return its description."""
    with hashed_file(path) as file:
        raw = RawLineWriter(path, file)
        for line in lines:
            raw.write(line)
        return raw.finish()


def read_lines(paths: Iterable[Path]) -> Iterator[bytes]:
    r"""Yield the lines of gzip files of raw events, in order, without the newline or CRLF.

    A byte order mark at the start of a file and blank lines are omitted. Only the byte ``\\n`` ends a line; U+2028 and
    similar characters are text.
    """
    for path in paths:
        first = True
        with igzip.IGzipFile(path, "rb") as file:  # type: ignore[no-untyped-call]
            for raw in file:
                line = clean_line(raw.removesuffix(b"\n"), first=first)
                if line and not line.isspace():
                    first = False
                    yield line

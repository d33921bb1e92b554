"""Writes and reads files of raw events: gzipped JSON Lines as Mixpanel sent them."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from isal import igzip, isal_zlib

from include.mixpanel.export_guard import clean_line, is_event

_GZIP = 16 + isal_zlib.MAX_WBITS
_QUICKEST = 1
_BLOCK_BYTES = 256 * 1024
_MOST_WAITING = 8


@dataclass(frozen=True)
class RawFile:
    """A file of raw events that has been written, with its counts and its digest.

    Attributes:
        path: the path of the file.
        rows: the number of lines, without blank lines.
        not_events: the number of those lines that are not events.
        sha256: the digest of the file, in lower-case hexadecimal.
        suppressed: the number of lines that were not written, because they belong to people on the suppression list.
    """

    path: Path
    rows: int
    not_events: int
    sha256: str
    suppressed: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """The counts for the manifest: ``exported``, the number of events; others only if they are not 0."""
        others = {"not_events": self.not_events, "suppressed": self.suppressed}
        return {
            "exported": self.rows - self.not_events,
            **{name: count for name, count in others.items() if count},
        }


class HashedFile:
    """Writes a file and computes its SHA-256 at the same time; ``bytes`` is the number of bytes given to it so far."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.bytes = 0

    def write(self, data: bytes) -> None:
        """Append bytes to the file."""
        self.bytes += len(data)
        self._write_through(data)

    def _write_through(self, data: bytes) -> None:
        self._file.write(data)
        self._hash.update(data)

    @property
    def sha256(self) -> str:
        """The SHA-256 of all bytes written so far, in lower-case hexadecimal."""
        return self._hash.hexdigest()


class BackgroundFile(HashedFile):
    """A file that another thread writes and hashes, so that the caller can check the next bytes in the meantime.

    At most ``_MOST_WAITING`` blocks of about 256 KiB wait in memory, in addition to the one that is being filled. A write
    error is raised by a later ``write`` or by ``flush``.
    """

    def __init__(self, file: BinaryIO, thread: ThreadPoolExecutor) -> None:
        super().__init__(file)
        self._thread = thread
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._waiting: deque[Future[None]] = deque()

    def write(self, data: bytes) -> None:
        """Append bytes to the file."""
        self._held.append(data)
        self._held_bytes += len(data)
        self.bytes += len(data)
        if self._held_bytes >= _BLOCK_BYTES:
            self._hand_over()

    def _hand_over(self) -> None:
        if len(self._waiting) == _MOST_WAITING:
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(self._write_through, b"".join(self._held)))
        self._held, self._held_bytes = [], 0

    def flush(self) -> None:
        """Wait until all bytes have been hashed and written."""
        self._hand_over()
        while self._waiting:
            self._waiting.popleft().result()

    @property
    def sha256(self) -> str:
        """The SHA-256 of all bytes written so far, in lower-case hexadecimal, after a ``flush``."""
        self.flush()
        return super().sha256


class GzipWriter:
    """Writes compressed bytes to a file, as one gzip member.

    The same bytes always give the same file, however they are divided among calls of ``write``: the header contains no
    time and no name, and bytes are compressed in blocks of one size, because isal's output depends on that size.
    """

    def __init__(self, file: HashedFile) -> None:
        self._file = file
        self._packer = isal_zlib.compressobj(_QUICKEST, wbits=_GZIP)
        self._held = bytearray()

    def write(self, data: bytes) -> None:
        """Append uncompressed bytes."""
        self._held += data
        while len(self._held) >= _BLOCK_BYTES:
            self._file.write(self._packer.compress(self._held[:_BLOCK_BYTES]))
            del self._held[:_BLOCK_BYTES]

    def finish(self) -> None:
        """Compress the remaining bytes and write the trailer of the gzip member; the file stays open."""
        self._file.write(self._packer.compress(self._held) + self._packer.flush())


class RawLineWriter:
    """Writes lines to a gzip file of raw events, and counts lines and events."""

    def __init__(self, path: Path, file: HashedFile) -> None:
        self._path, self._file = path, file
        self._gzip = GzipWriter(file)
        self._rows = self._not_events = 0

    def write(self, line: bytes) -> None:
        """Append a line, which is given without its newline; a blank line is not written."""
        if not line or line.isspace():
            return
        self._gzip.write(line + b"\n")
        self._rows += 1
        self._not_events += not is_event(line)

    def finish(self) -> RawFile:
        """Complete the gzip data, and return the file's counts and digest; the file stays open."""
        self._gzip.finish()
        return RawFile(self._path, self._rows, self._not_events, self._file.sha256)


@contextmanager
def hashed_file(path: Path) -> Iterator[HashedFile]:
    """Create the file ``path``, or empty an existing one, for writing in a ``with`` block, which closes it."""
    with path.open("wb") as file:
        yield HashedFile(file)


@contextmanager
def background_file(path: Path) -> Iterator[BackgroundFile]:
    """Create or empty the file ``path`` as ``hashed_file`` does; a thread of its own writes it."""
    with path.open("wb") as file, ThreadPoolExecutor(1) as thread:
        written = BackgroundFile(file, thread)
        yield written
        written.flush()


def write_lines(path: Path, lines: Iterable[bytes]) -> RawFile:
    """Write lines, given without their newlines, to the gzip file ``path``, and return its counts and digest."""
    with hashed_file(path) as file:
        raw = RawLineWriter(path, file)
        for line in lines:
            raw.write(line)
        return raw.finish()


def read_lines(paths: Iterable[Path]) -> Iterator[bytes]:
    r"""Yield the lines of gzip files of raw events, in order, without the newline or CRLF.

    Blank lines, and a byte order mark at the start of a file, are left out. Only the byte ``\\n`` ends a line; U+2028
    and similar characters are part of it.
    """
    for path in paths:
        first = True
        with igzip.IGzipFile(path, "rb") as file:  # type: ignore[no-untyped-call]
            for raw in file:
                line = clean_line(raw.removesuffix(b"\n"), first=first)
                if line and not line.isspace():
                    first = False
                    yield line

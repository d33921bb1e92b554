"""Reads files of raw events in large blocks of complete lines, which is faster than line by line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

from isal import igzip

from include.mixpanel.byte_places import sparse_flatnonzero

BLOCK_BYTES = 4 * 1024 * 1024
"""The size of a block before cleaning. A small block would not pay, because each costs as much as hundreds of lines."""
_BOM = b"\xef\xbb\xbf"
_NEWLINE, _SPACE = 10, 32


class Block(NamedTuple):
    """Consecutive lines of one or several files of raw events, without blank lines.

    Attributes:
        first_line: the number of the first line, counted from 1 over all files that are read together, without blank
            lines.
        data: the lines, each with a newline at its end.
    """

    first_line: int
    data: bytes


def read_blocks(paths: Iterable[Path], block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    r"""Yield the lines of gzip files of raw events, in order and in blocks of complete lines.

    Blank lines, a carriage return before a newline, and a byte order mark at the start of a file are removed. Only the
    byte \\n ends a line; U+2028 and similar characters are part of it.
    """
    first_line = 1
    for data, lines in _clean_blocks(paths, block_bytes):
        yield Block(first_line, data)
        first_line += lines


def lines_at(paths: Iterable[Path], numbers: Iterable[int]) -> Iterator[tuple[int, bytes]]:
    """Yield some lines of gzip files of raw events, each as its number and its bytes without the newline.

    ``numbers``: the numbers of these lines, counted as in ``Block``, in ascending order.
    """
    left = list(numbers)[::-1]
    for block in read_blocks(paths) if left else ():
        end = block.first_line + block.data.count(b"\n")
        lines = block.data.split(b"\n") if left[-1] < end else []
        while left and left[-1] < end:
            number = left.pop()
            yield number, lines[number - block.first_line]
        if not left:
            return


def _clean_blocks(paths: Iterable[Path], block_bytes: int) -> Iterator[tuple[bytes, int]]:
    """Yield blocks of complete lines, cleaned as ``read_blocks`` describes, each with the number of its lines."""
    for path in paths:
        is_first = True
        for data in _read_whole_lines(path, block_bytes):
            if is_first:
                data = data.lstrip().removeprefix(_BOM)
                is_first = not data
            if b"\r" in data:
                data = data.replace(b"\r\n", b"\n")
            lines, may_be_blank = _count_lines(data) if data else (0, False)
            if may_be_blank:
                kept = [line + b"\n" for line in data.split(b"\n") if line and not line.isspace()]
                data, lines = b"".join(kept), len(kept)
            if lines:
                yield data, lines


def open_gzip(path: Path, mode: str = "rb") -> IO[bytes]:
    """Open a gzip file with isal, which decompresses in a third of zlib's time; files are written at level 1."""
    file: IO[bytes] = igzip.open(path, mode, compresslevel=1)  # type: ignore[no-untyped-call]
    return file


def _count_lines(data: bytes) -> tuple[int, bool]:
    """Return the number of lines in ``data``, and whether a line is empty or begins with white space.

    Mixpanel does not write such lines; if there are some, the caller removes those that are blank.
    """
    import numpy as np

    text = np.frombuffer(data, np.uint8)
    ends = sparse_flatnonzero(text == _NEWLINE)
    return len(ends), bool(text[0] <= _SPACE or (text[ends[:-1] + 1] <= _SPACE).any())


def _read_whole_lines(path: Path, block_bytes: int) -> Iterator[bytes]:
    rest: list[bytes] = []
    with open_gzip(path) as file:
        while piece := file.read(block_bytes):
            end = piece.rfind(b"\n") + 1
            if end:
                yield b"".join((*rest, memoryview(piece)[:end]))
                rest = []
            if end < len(piece):
                rest.append(piece[end:])
    if rest:
        yield b"".join((*rest, b"\n"))

"""Reader of JSON files with one object per line or one array of objects; only one row at a time is in memory."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from mixpanel_aep_sandbox.core.json_types import JsonObject

LONGEST_ROW_BYTES = 16 * 1024 * 1024
_BLOCK_BYTES = 1 << 18


class Unreadable(Exception):
    """A whole file cannot be read; the message is a clause such as "it is not valid JSON"."""


class Corrupt:
    """A row that cannot be parsed.

    Attributes:
        text: the first 1000 bytes of the row, as text without a line end.
    """

    def __init__(self, raw: bytes) -> None:
        self.text = raw[:1000].decode("utf-8", "replace").rstrip("\r\n")


Row = JsonObject | Corrupt


def json_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file that are not blank, each with its line feed.

    A line of more than ``LONGEST_ROW_BYTES`` is truncated to this length, and has no line feed.
    """
    with path.open("rb") as file:
        while line := file.readline(LONGEST_ROW_BYTES):
            if len(line) == LONGEST_ROW_BYTES and not line.endswith(b"\n"):
                _skip_line(file)
            if not line.isspace():
                yield line


def json_array(path: Path) -> Iterator[bytes]:
    """Yield the text of each item of the array in a file. Raises Unreadable if the file is not a valid array."""
    with path.open("rb") as file:
        yield from _members(file)


def row_of(raw: bytes) -> Row:
    """Parse the text of a row from ``json_lines`` or ``json_array``; return ``Corrupt`` if it is not a JSON object."""
    try:
        row = _DECODE(raw.decode("utf-8")) if len(raw) < LONGEST_ROW_BYTES else None
    except (ValueError, RecursionError):
        row = None
    return row if isinstance(row, dict) and not _has_lone_surrogate(raw, row) else Corrupt(raw)


def _members(file: BinaryIO) -> Iterator[bytes]:
    """Yield the text of each item of a JSON array. Raises Unreadable."""
    text = _Text(file)
    if text.peek() != "[":
        raise Unreadable("it is not a JSON array of objects")
    text.skip()
    if text.peek() == "]":
        return
    while True:
        text.peek()
        yield text.value()
        mark = text.peek()
        text.skip()
        if mark == "]":
            break
        if mark != ",":
            raise Unreadable("its members are not separated by commas")
    if text.peek():
        raise Unreadable("there is something after its array")


class _Text:
    """A buffer for the text of a file, which reads the next block when the current value is incomplete."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._json = _JSON
        self._text, self._at, self._ended = "", 0, False

    def peek(self) -> str:
        """Skip white space, and return the next character without consuming it; "" at the end of the file."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in " \t\r\n":
                    return self._text[self._at]
                self._at += 1
            if not self._more():
                return ""

    def skip(self) -> None:
        """Consume the next character."""
        self._at += 1

    def value(self) -> bytes:
        """Consume the next JSON value, and return its text. Raises Unreadable."""
        while True:
            try:
                _, end = self._json.raw_decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                if len(self._text) - self._at > LONGEST_ROW_BYTES or not self._more():
                    raise Unreadable("it is not valid JSON") from error
                continue
            if end == len(self._text) and self._more():
                continue  # a number may continue in the next block
            raw = self._text[self._at : end].encode("utf-8", "replace")
            self._at = end
            return raw

    def _more(self) -> bool:
        """Read the next block, and drop the consumed text; return False at the end of the file."""
        if self._ended:
            return False
        # The buffer is doubled, so that a large row is not parsed again for every block.
        block = self._file.read(max(_BLOCK_BYTES, len(self._text) - self._at))
        self._ended = not block
        try:
            self._text = self._text[self._at :] + self._decoder.decode(block, final=self._ended)
        except UnicodeDecodeError as error:
            raise Unreadable("it is not UTF-8") from error
        self._at = 0
        return True


def _skip_line(file: BinaryIO) -> None:
    """Read and discard the rest of the current line."""
    while block := file.readline(LONGEST_ROW_BYTES):
        if block.endswith(b"\n"):
            return


def _has_lone_surrogate(raw: bytes, row: JsonObject) -> bool:
    """Return whether a text in the row contains a lone surrogate, which is not a character."""
    if b"\\ud" not in raw and b"\\uD" not in raw:
        return False
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _no_constant(name: str) -> None:
    """Reject NaN and Infinity, which Python's decoder would accept."""
    raise ValueError(f"{name} is not valid JSON")


_JSON = json.JSONDecoder(parse_constant=_no_constant)
_DECODE = _JSON.decode

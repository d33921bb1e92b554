"""Filters that change a body while it passes, piece by piece; no filter holds a whole body."""

from __future__ import annotations

import zlib
from collections.abc import Callable

_HALF_AT_MOST = 1024 * 1024


class Filter:
    """A filter of bytes that keeps their order. This base class changes nothing."""

    done = False
    """True if nothing more will come out, whatever goes in."""

    def feed(self, data: bytes) -> bytes:
        """Return the bytes that may pass."""
        return data

    def end(self) -> bytes:
        """Return the bytes that were held back; called once, at the end."""
        return b""


class FirstBytes(Filter):
    """The first ``count`` bytes."""

    def __init__(self, count: int) -> None:
        self._left = count
        self.done = count == 0

    def feed(self, data: bytes) -> bytes:
        """Return the part of the piece that belongs to the first bytes."""
        out = data[: self._left]
        self._left -= len(out)
        self.done = self._left == 0
        return out


class FirstLines(Filter):
    """The first ``count`` lines."""

    def __init__(self, count: int) -> None:
        self._left = count
        self.done = count == 0

    def feed(self, data: bytes) -> bytes:
        """Return the part of the piece that belongs to the first lines."""
        if self.done:
            return b""
        parts = data.split(b"\n", self._left)
        self._left -= len(parts) - 1
        self.done = self._left == 0
        return data[: len(data) - len(parts[-1])] if self.done else data


class AllBut(Filter):
    """Everything but the last bytes."""

    def __init__(self, count: int) -> None:
        self._count, self._held = count, b""

    def feed(self, data: bytes) -> bytes:
        """Return all bytes that cannot be among the last ones."""
        held = self._held + data
        out = held[: max(0, len(held) - self._count)]
        self._held = held[len(out) :]
        return out


class Half(Filter):
    """Half of the body; at most a megabyte of a large one, so that the filter need not wait for the end."""

    def __init__(self, most: int = _HALF_AT_MOST) -> None:
        self._most, self._held = most, bytearray()

    def feed(self, data: bytes) -> bytes:
        """Hold bytes back until the body is known to be large."""
        if self.done:
            return b""
        self._held += data
        self.done = len(self._held) > 2 * self._most
        return bytes(self._held[: self._most]) if self.done else b""

    def end(self) -> bytes:
        """Return half of a small body."""
        return b"" if self.done else bytes(self._held[: len(self._held) // 2])


class SentinelLine(Filter):
    """Lines, then a text: after a number of lines, or after all; the line before it is whole or cut in half."""

    def __init__(self, text: bytes, after_lines: int | None, *, mid_line: bool, rest: bool) -> None:
        self._text, self._left = text, after_lines
        self._mid_line, self._rest = mid_line, rest
        self._sent = self._open = False
        self._held = b""
        """With ``mid_line``: the last line that has begun."""

    def feed(self, data: bytes) -> bytes:
        """Return lines, and the text when it is due."""
        if self._sent or not data:
            return data if self._rest or not data else b""
        if self._left is None:
            return self._release(data)
        parts = data.split(b"\n", self._left)
        self._left -= len(parts) - 1
        if self._left:
            return self._release(data)
        before = data[: len(data) - len(parts[-1])]
        return self._release(before) + self._sentinel() + (parts[-1] if self._rest else b"")

    def end(self) -> bytes:
        """Return the text, if it is not sent yet."""
        return b"" if self._sent else self._sentinel()

    def _release(self, data: bytes) -> bytes:
        if not data:
            return b""
        self._open = not data.endswith(b"\n")
        if not self._mid_line:
            return data
        held = self._held + data
        start = held.rfind(b"\n", 0, len(held) - 1) + 1
        self._held = held[start:]
        return held[:start]

    def _sentinel(self) -> bytes:
        self._sent, self.done = True, not self._rest
        if self._mid_line and self._held:
            line = self._held.removesuffix(b"\n")
            return line[: len(line) // 2] + b"\n" + self._text
        return (b"\n" if self._open else b"") + self._text


class Before(Filter):
    """A text, then the body, which ``change`` may modify piece by piece."""

    def __init__(self, text: bytes, change: Callable[[bytes], bytes] = lambda data: data) -> None:
        self._text, self._change = text, change

    def feed(self, data: bytes) -> bytes:
        """Return the text before the first piece, then each changed piece."""
        text, self._text = (self._text, b"") if data else (b"", self._text)
        return text + self._change(data)

    def end(self) -> bytes:
        """Return the text if the body was empty."""
        return self._text


class Once(Filter):
    """Replaces the first occurrence of some bytes within a piece."""

    def __init__(self, old: bytes, new: bytes) -> None:
        self._old, self._new, self._found = old, new, False

    def feed(self, data: bytes) -> bytes:
        """Return the piece, with the first occurrence replaced."""
        if self._found or self._old not in data:
            return data
        self._found = True
        return data.replace(self._old, self._new, 1)


class WithoutEnd(Filter):
    """The body without the line feed at its end."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Return all bytes except the last one."""
        if not data:
            return b""
        out, self._held = self._held + data[:-1], data[-1:]
        return out

    def end(self) -> bytes:
        """Return the last byte, unless it is a line feed."""
        return self._held.replace(b"\n", b"")


class Gzip(Filter):
    """One gzip stream; or each piece as several gzip members, which together are also a valid gzip file."""

    def __init__(self, members: int = 1) -> None:
        self._members, self._packer, self._fed = members, _packer(), False

    def feed(self, data: bytes) -> bytes:
        """Return the compressed piece."""
        if self._members == 1:
            return self._packer.compress(data)
        size = -(-len(data) // self._members)
        pieces = [data[at : at + size] for at in range(0, len(data), size or 1)]
        self._fed = self._fed or bool(pieces)
        return b"".join(_member(piece) for piece in pieces)

    def end(self) -> bytes:
        """Return the end of the stream."""
        return b"" if self._fed else self._packer.flush()


def _packer() -> zlib._Compress:
    return zlib.compressobj(level=4, wbits=31)


def _member(data: bytes) -> bytes:
    packer = _packer()
    return packer.compress(data) + packer.flush()

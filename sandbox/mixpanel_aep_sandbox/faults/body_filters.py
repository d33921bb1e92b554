"""What a fault does to a body while it passes, piece by piece: none of these ever holds a whole one."""

from __future__ import annotations

import zlib
from collections.abc import Callable

_HALF_AT_MOST = 1024 * 1024


class Filter:
    """Bytes in, bytes out; what goes in first comes out first. This one changes nothing."""

    done = False
    """Whatever else goes in, nothing more will come out."""

    def feed(self, data: bytes) -> bytes:
        return data

    def end(self) -> bytes:
        """What was held back; called once, at the end."""
        return b""


class FirstBytes(Filter):
    def __init__(self, count: int) -> None:
        self._left = count
        self.done = count == 0

    def feed(self, data: bytes) -> bytes:
        out = data[: self._left]
        self._left -= len(out)
        self.done = self._left == 0
        return out


class FirstLines(Filter):
    def __init__(self, count: int) -> None:
        self._left = count
        self.done = count == 0

    def feed(self, data: bytes) -> bytes:
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
        held = self._held + data
        out = held[: max(0, len(held) - self._count)]
        self._held = held[len(out) :]
        return out


class Half(Filter):
    """Half of the body; of a large one a megabyte, so that nobody has to wait for its end."""

    def __init__(self, most: int = _HALF_AT_MOST) -> None:
        self._most, self._held = most, bytearray()

    def feed(self, data: bytes) -> bytes:
        if self.done:
            return b""
        self._held += data
        self.done = len(self._held) > 2 * self._most
        return bytes(self._held[: self._most]) if self.done else b""

    def end(self) -> bytes:
        return b"" if self.done else bytes(self._held[: len(self._held) // 2])


class SentinelLine(Filter):
    """Lines, then a text: after so many lines, or after all; the line before it whole or in half."""

    def __init__(self, text: bytes, after_lines: int | None, *, mid_line: bool, rest: bool) -> None:
        self._text, self._left = text, after_lines
        self._mid_line, self._rest = mid_line, rest
        self._sent = self._open = False
        self._held = b""
        """With ``mid_line``: the last line that has begun."""

    def feed(self, data: bytes) -> bytes:
        if self._sent or not data:
            return data if self._rest or not data else b""
        if self._left is None:
            return self._passed(data)
        parts = data.split(b"\n", self._left)
        self._left -= len(parts) - 1
        if self._left:
            return self._passed(data)
        before = data[: len(data) - len(parts[-1])]
        return self._passed(before) + self._sentinel() + (parts[-1] if self._rest else b"")

    def end(self) -> bytes:
        return b"" if self._sent else self._sentinel()

    def _passed(self, data: bytes) -> bytes:
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
    """A text, then the body, perhaps changed piece by piece."""

    def __init__(self, text: bytes, change: Callable[[bytes], bytes] = lambda data: data) -> None:
        self._text, self._change = text, change

    def feed(self, data: bytes) -> bytes:
        text, self._text = (self._text, b"") if data else (b"", self._text)
        return text + self._change(data)

    def end(self) -> bytes:
        return self._text


class Once(Filter):
    """The first appearance of some bytes within a piece becomes others."""

    def __init__(self, old: bytes, new: bytes) -> None:
        self._old, self._new, self._found = old, new, False

    def feed(self, data: bytes) -> bytes:
        if self._found or self._old not in data:
            return data
        self._found = True
        return data.replace(self._old, self._new, 1)


class WithoutEnd(Filter):
    """The body without the line feed at its very end."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        if not data:
            return b""
        out, self._held = self._held + data[:-1], data[-1:]
        return out

    def end(self) -> bytes:
        return self._held.replace(b"\n", b"")


class Gzip(Filter):
    """One gzip stream; or each piece as so many members, which one after the other are a gzip file too."""

    def __init__(self, members: int = 1) -> None:
        self._members, self._packer, self._fed = members, _packer(), False

    def feed(self, data: bytes) -> bytes:
        if self._members == 1:
            return self._packer.compress(data)
        size = -(-len(data) // self._members)
        pieces = [data[at : at + size] for at in range(0, len(data), size or 1)]
        self._fed = self._fed or bool(pieces)
        return b"".join(_member(piece) for piece in pieces)

    def end(self) -> bytes:
        return b"" if self._fed else self._packer.flush()


def _packer() -> zlib._Compress:
    return zlib.compressobj(level=4, wbits=31)


def _member(data: bytes) -> bytes:
    packer = _packer()
    return packer.compress(data) + packer.flush()

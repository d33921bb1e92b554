"""Filters that truncate or change a response body while its pieces are sent, without buffering a large body."""

from __future__ import annotations

import zlib
from collections.abc import Callable

_HALF_MAX_BYTES = 1024 * 1024


class Filter:
    """A filter of a stream of bytes. This base class passes all bytes unchanged."""

    done = False
    """True if the filter will output no more bytes, so that no more input is needed."""

    def feed(self, data: bytes) -> bytes:
        """Process the next piece of the body, and return the bytes to send now."""
        return data

    def end(self) -> bytes:
        """Return the bytes to send after the last piece; the caller calls this method once."""
        return b""


class FirstBytes(Filter):
    """Filter that passes only the first ``count`` bytes of the body."""

    def __init__(self, count: int) -> None:
        self._left = count
        self.done = count == 0

    def feed(self, data: bytes) -> bytes:
        """Return the bytes of the piece that are among the first ``count`` bytes of the body."""
        out = data[: self._left]
        self._left -= len(out)
        self.done = self._left == 0
        return out


class FirstLines(Filter):
    """Filter that passes only the first ``count`` lines of the body."""

    def __init__(self, count: int) -> None:
        self._left = count
        self.done = count == 0

    def feed(self, data: bytes) -> bytes:
        """Return the bytes of the piece that are in the first ``count`` lines of the body."""
        if self.done:
            return b""
        parts = data.split(b"\n", self._left)
        self._left -= len(parts) - 1
        self.done = self._left == 0
        return data[: len(data) - len(parts[-1])] if self.done else data


class AllButLastBytes(Filter):
    """Filter that passes everything except the last ``count`` bytes."""

    def __init__(self, count: int) -> None:
        self._count, self._buffered = count, b""

    def feed(self, data: bytes) -> bytes:
        """Return the buffered bytes that cannot be among the last ``count`` bytes, and buffer the others."""
        held = self._buffered + data
        out = held[: max(0, len(held) - self._count)]
        self._buffered = held[len(out) :]
        return out


class FirstHalf(Filter):
    """Filter that passes the first half of the body, but at most ``most`` bytes, so that its buffer stays small."""

    def __init__(self, most: int = _HALF_MAX_BYTES) -> None:
        self._most, self._buffered = most, bytearray()

    def feed(self, data: bytes) -> bytes:
        """Buffer the piece; once the body is longer than ``2 * most`` bytes, return the first ``most`` bytes."""
        if self.done:
            return b""
        self._buffered += data
        self.done = len(self._buffered) > 2 * self._most
        return bytes(self._buffered[: self._most]) if self.done else b""

    def end(self) -> bytes:
        """Return the first half of a body of at most ``2 * most`` bytes."""
        return b"" if self.done else bytes(self._buffered[: len(self._buffered) // 2])


class SentinelLine(Filter):
    """Filter that inserts ``text`` after the first ``after_lines`` lines, or at the end if ``after_lines`` is None.

    ``mid_line``: send only the first half of the line before the text. ``rest``: send the lines after the text as well.
    """

    def __init__(self, text: bytes, after_lines: int | None, *, mid_line: bool, rest: bool) -> None:
        self._text, self._left = text, after_lines
        self._mid_line, self._rest = mid_line, rest
        self._sent = self._open = False
        self._buffered = b""
        """The last line so far, which may be incomplete; used only with ``mid_line``."""

    def feed(self, data: bytes) -> bytes:
        """Return the lines of the piece to send, with the text if it follows one of them."""
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
        """Return the text if it was not sent before."""
        return b"" if self._sent else self._sentinel()

    def _release(self, data: bytes) -> bytes:
        """Return the bytes before the text; with ``mid_line``, buffer the last line, which may have to be truncated."""
        if not data:
            return b""
        self._open = not data.endswith(b"\n")
        if not self._mid_line:
            return data
        held = self._buffered + data
        start = held.rfind(b"\n", 0, len(held) - 1) + 1
        self._buffered = held[start:]
        return held[:start]

    def _sentinel(self) -> bytes:
        """Return the bytes to send for the text, and mark it as sent.

        With ``mid_line``, the first half of the buffered line precedes the text. Otherwise a line feed does, if the
        last line has none.
        """
        self._sent, self.done = True, not self._rest
        if self._mid_line and self._buffered:
            line = self._buffered.removesuffix(b"\n")
            return line[: len(line) // 2] + b"\n" + self._text
        return (b"\n" if self._open else b"") + self._text


class Prefix(Filter):
    """Filter that sends ``text`` before the body, and applies ``change`` to each piece of the body."""

    def __init__(self, text: bytes, change: Callable[[bytes], bytes] = lambda data: data) -> None:
        self._text, self._change = text, change

    def feed(self, data: bytes) -> bytes:
        """Return the changed piece, with the text before the first piece."""
        text, self._text = (self._text, b"") if data else (b"", self._text)
        return text + self._change(data)

    def end(self) -> bytes:
        """Return the text if the body was empty."""
        return self._text


class ReplaceFirst(Filter):
    """Filter that replaces the first occurrence of ``old`` within one piece by ``new``."""

    def __init__(self, old: bytes, new: bytes) -> None:
        self._old, self._new, self._found = old, new, False

    def feed(self, data: bytes) -> bytes:
        """Return the piece, with ``old`` replaced if this is its first occurrence in the body."""
        if self._found or self._old not in data:
            return data
        self._found = True
        return data.replace(self._old, self._new, 1)


class WithoutFinalNewline(Filter):
    """Filter that removes the line feed at the end of the body."""

    def __init__(self) -> None:
        self._buffered = b""

    def feed(self, data: bytes) -> bytes:
        """Buffer the last byte of the piece; return the byte that was buffered before and the rest of the piece."""
        if not data:
            return b""
        out, self._buffered = self._buffered + data[:-1], data[-1:]
        return out

    def end(self) -> bytes:
        """Return the last byte of the body, unless it is a line feed."""
        return self._buffered.replace(b"\n", b"")


class Gzip(Filter):
    """Filter that compresses the body as one gzip stream.

    With ``members`` above 1, each piece becomes so many complete gzip members, which together are a valid gzip file.
    """

    def __init__(self, members: int = 1) -> None:
        self._members, self._packer, self._fed = members, _packer(), False

    def feed(self, data: bytes) -> bytes:
        """Compress the piece, and return the compressed bytes that are available."""
        if self._members == 1:
            return self._packer.compress(data)
        size = -(-len(data) // self._members)
        pieces = [data[at : at + size] for at in range(0, len(data), size or 1)]
        self._fed = self._fed or bool(pieces)
        return b"".join(_member(piece) for piece in pieces)

    def end(self) -> bytes:
        """Return the end of the gzip stream; empty if complete gzip members were sent."""
        return b"" if self._fed else self._packer.flush()


def _packer() -> zlib._Compress:
    """Return a compressor for one gzip stream."""
    return zlib.compressobj(level=4, wbits=31)


def _member(data: bytes) -> bytes:
    """Return the data as one complete gzip member."""
    packer = _packer()
    return packer.compress(data) + packer.flush()

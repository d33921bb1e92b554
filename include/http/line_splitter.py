r"""Splits a stream of bytes that is received in pieces into lines, at the byte ``\n`` only."""

from __future__ import annotations

from include.errors import ExportTooLarge

LONGEST_LINE_BYTES = (
    16 * 1024 * 1024
)  # an event is < 1 MB when sent (docs.mixpanel.com/reference/import-events)


class LineSplitter:
    """Splits a stream of bytes into lines, and refuses lines that are too long.

    Text functions such as ``str.splitlines`` also split at U+0085, U+2028 and U+2029, which strings in JSON may contain
    unescaped: airbytehq/airbyte#11018.
    """

    def __init__(self, longest_line_bytes: int = LONGEST_LINE_BYTES) -> None:
        self._longest = longest_line_bytes
        self._open: list[bytes] = []
        self._open_bytes = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Append ``data`` to the stream, and return the lines that it completes, without their newlines.

        Raises:
            ExportTooLarge: a line is longer than ``longest_line_bytes``.
        """
        *complete, tail = data.split(b"\n")
        if complete:
            self._hold(complete[0])
            complete[0] = self._take()
            self._check(max(map(len, complete)))
        self._hold(tail)
        return complete

    def finish(self) -> bytes:
        """Return the last line if no newline follows it, else b""; to be called at the end of the stream."""
        return self._take()

    def _hold(self, piece: bytes) -> None:
        self._open_bytes += len(piece)
        self._check(self._open_bytes)
        if piece:
            self._open.append(piece)

    def _check(self, line_bytes: int) -> None:
        if line_bytes > self._longest:
            raise ExportTooLarge(
                f"A line is longer than {self._longest} bytes, the maximum for an event.",
                "No file was published. The response is damaged, or it is not an export.",
            )

    def _take(self) -> bytes:
        line = b"".join(self._open)
        self._open.clear()
        self._open_bytes = 0
        return line

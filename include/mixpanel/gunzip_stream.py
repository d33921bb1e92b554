"""Decompress an export while it is received, and check that the gzip data are complete and plausible."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from isal import isal_zlib
from isal.igzip_lib import IsalError

from include.errors import ExportTooLarge, TruncatedExport
from include.mixpanel.errors import NOTHING_PUBLISHED

_GZIP = 16 + isal_zlib.MAX_WBITS

_MAGIC = 0x1F

_PIECE_BYTES = 1024 * 1024  # fits into a core's cache together with the array that is computed from it

_BOMB_BYTES = 1024**3

_BOMB_RATIO = 1000  # events compress 10 to 30 times; deflate's own limit is 1032


class GunzipStream:
    """Decompresses a gzip stream that is received in pieces, and detects whether it is complete.

    requests and urllib3 accept a gzip stream without its trailer as complete. A stream may have several members, and
    zeros after each of them; memory use is limited.

    ``bomb_bytes``, ``bomb_ratio``: an output that exceeds both this size and this ratio to the input is refused.
    ``keep``: called with the compressed bytes of the members as they are read, without the zeros between them.
    """

    def __init__(
        self,
        bomb_bytes: int = _BOMB_BYTES,
        bomb_ratio: int = _BOMB_RATIO,
        keep: Callable[[bytes], object] | None = None,
    ) -> None:
        self._bomb_bytes, self._bomb_ratio, self._keep = bomb_bytes, bomb_ratio, keep
        self._member = isal_zlib.decompressobj(_GZIP)
        self._inside = False
        self._members = 0
        self._received = 0
        self._produced = 0

    @property
    def finished(self) -> bool:
        """Whether the stream can end here: the last member has been read to the end of its trailer."""
        return self._members > 0 and not self._inside

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Append ``data`` to the stream and yield what it decompresses to, in pieces of at most 1 MiB.

        Raises:
            TruncatedExport: the compressed data is damaged.
            ExportTooLarge: the result exceeds both 1 GiB and 1000 times the compressed size (a decompression bomb).
        """
        self._received += len(data)
        while data:
            if not self._inside:
                # zeros are allowed between and after members: gzip(1)
                data = data.lstrip(b"\0") if self._members else data
                if not data:
                    return
                if data[0] != _MAGIC:  # isal reports a wrong first byte only after further bytes
                    raise _damaged()
                self._member, self._inside = isal_zlib.decompressobj(_GZIP), True
            piece = self._expand(data)
            left = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            if self._keep is not None:
                self._keep(data[: len(data) - len(left)])
            data = left
            if self._member.eof:
                self._inside, self._members = False, self._members + 1
            if piece:
                yield piece
            elif not data:
                return

    def _expand(self, data: bytes) -> bytes:
        try:
            piece = self._member.decompress(data, _PIECE_BYTES)
        except IsalError:  # type: ignore[misc]  # its stub declares an instance
            damaged = True
        else:
            damaged = False
        if damaged:
            raise _damaged()
        self._produced += len(piece)
        if self._produced > self._bomb_bytes and self._produced > self._bomb_ratio * self._received:
            raise ExportTooLarge(
                f"Mixpanel's response expands to more than {self._bomb_ratio} times its size, which is too much for an export.",
                "No file was published. Contact Mixpanel support.",
            )
        return piece


def _damaged() -> TruncatedExport:
    return TruncatedExport("Mixpanel's response is damaged: its gzip data is invalid.", NOTHING_PUBLISHED)

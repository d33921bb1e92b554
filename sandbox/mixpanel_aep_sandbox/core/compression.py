"""Compression of Mixpanel's responses: gzip only if the client accepts it, and only above 1400 bytes (documented)."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator

ABOVE_BYTES = 1400
_REFUSED = re.compile(r"q\s*=\s*0(\.0*)?")


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether an ``Accept-Encoding`` header accepts gzip; ``gzip;q=0`` does not (RFC 9110, 12.5.3)."""
    for coding in accept_encoding.lower().split(","):
        name, _, weight = coding.partition(";")
        if name.strip() == "gzip":
            return _REFUSED.fullmatch(weight.strip()) is None
    return False


def gzip_stream(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the pieces as one gzip stream."""
    packer = zlib.compressobj(level=4, wbits=31)
    for piece in pieces:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()

"""Compression of Mixpanel's responses: as documented, gzip only above 1400 bytes and if the client accepts gzip."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator

ABOVE_BYTES = 1400
"""A response is compressed only if its body has more bytes than this."""
_WEIGHT_ZERO = re.compile(r"q\s*=\s*0(\.0*)?")


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether an ``Accept-Encoding`` header's value accepts gzip; ``gzip;q=0`` does not (RFC 9110, 12.5.3)."""
    for coding in accept_encoding.lower().split(","):
        name, _, weight = coding.partition(";")
        if name.strip() == "gzip":
            return _WEIGHT_ZERO.fullmatch(weight.strip()) is None
    return False


def gzip_stream(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Compress the concatenated pieces as one gzip stream, and yield the stream in parts."""
    packer = zlib.compressobj(level=4, wbits=31)
    for piece in pieces:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()

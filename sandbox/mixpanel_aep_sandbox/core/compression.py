"""When an answer of Mixpanel is gzipped: only if asked for, and only above 1400 bytes (documented)."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator

ABOVE_BYTES = 1400
_REFUSED = re.compile(r"q\s*=\s*0(\.0*)?")


def accepts_gzip(accept_encoding: str) -> bool:
    """``gzip;q=0`` says the contrary (RFC 9110, 12.5.3)."""
    for coding in accept_encoding.lower().split(","):
        name, _, weight = coding.partition(";")
        if name.strip() == "gzip":
            return _REFUSED.fullmatch(weight.strip()) is None
    return False


def compressed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces as one gzip stream."""
    packer = zlib.compressobj(level=4, wbits=31)
    for piece in pieces:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()

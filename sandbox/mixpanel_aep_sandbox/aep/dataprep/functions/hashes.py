"""Hashes of text in a character set, as lower-case hexadecimal digits."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable

from mixpanel_aep_sandbox.aep.dataprep.functions.registry import Parameter, function
from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError

_PARAMETERS = (
    Parameter("INPUT", "string", "The text."),
    Parameter("CHARSET", "string", "UTF-8 (the default), UTF-16, ISO-8859-1 or US-ASCII.", required=False),
)
_CHARSETS = {"UTF-8": "utf-8", "UTF-16": "utf-16-be", "ISO-8859-1": "latin-1", "US-ASCII": "ascii"}


def encoded(text: str, charset: str) -> bytes:
    """Encode as Java's ``getBytes``: UTF-16 begins with its byte order mark, and unknown characters become ``?``."""
    codec = _CHARSETS.get(charset.upper())
    if codec is None:
        raise EvaluationError(f"CHARSET is one of {', '.join(_CHARSETS)}.")
    data = text.encode(codec, "replace")
    return b"\xfe\xff" + data if charset.upper() == "UTF-16" else data


def _register(name: str, title: str, digest: Callable[[bytes], str], of_my_text: str) -> None:
    def does(text: str, charset: str = "UTF-8") -> str:
        return digest(encoded(text, charset))

    example = (f'{name}("my text", "UTF-8")', of_my_text)
    function("Hashing", f"The {title} hash.", *_PARAMETERS, returns="string", names=(name,), example=example)(
        does
    )


_register(
    "sha1",
    "SHA-1",
    lambda data: hashlib.sha1(data, usedforsecurity=False).hexdigest(),
    "c3599c11e47719df18a2448690840c5dfcce3c80",
)
_register(
    "sha256",
    "SHA-256",
    lambda data: hashlib.sha256(data).hexdigest(),
    "7330d2b39ca35eaf4cb95fc846c21ee6a39af698154a83a586ee270a0d372104",
)
_register(
    "sha512",
    "SHA-512",
    lambda data: hashlib.sha512(data).hexdigest(),
    "a3d7e45a0d9be5fd4e4b9a3b8c9c2163c21ef708bf11b4232bb21d2a8704ada2"
    "cdcd7b367dd0788a89a5c908cfe377aceb1072a7b386b7d4fd2ff68a8fd24d16",
)
_register(
    "md5",
    "MD5",
    lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "d3b96ce8c9fb4e9bd0198d03ba6852c7",
)
# The four bytes with the lowest first, as in Adobe's example; most tools write 802ef98d.
_register("crc32", "CRC-32", lambda data: zlib.crc32(data).to_bytes(4, "little").hex(), "8df92e80")

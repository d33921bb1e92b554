"""Hash functions (EP:data-prep/functions.md#hashing), whose results are in lower-case hex."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable

from include.xdm.dataprep.functions.registry import Function, optional, required
from include.xdm.dataprep.language.types import Type

CATEGORY = "Hashing"

_CHARSETS = {
    "UTF-8": "utf-8",
    "UTF-16": "utf-16-be",
    "UTF-16BE": "utf-16-be",
    "UTF-16LE": "utf-16-le",
    "ISO-8859-1": "latin-1",
    "US-ASCII": "ascii",
}


def encoded(text: str, charset: str) -> bytes:
    """Encode a text with a charset, as Java does.

    UTF-16 begins with a byte order mark; a character that the charset does not have becomes a question mark.

    Raises:
        ValueError: the charset is unknown.
    """
    name = charset.upper()
    if name not in _CHARSETS:
        raise ValueError(f"{charset!r} is not one of the charsets {', '.join(_CHARSETS)}")
    mark = b"\xfe\xff" if name == "UTF-16" else b""
    return mark + text.encode(_CHARSETS[name], "replace")


def md5(text: str, charset: str) -> str:
    """Return the MD5 hash of a text in lower-case hex."""
    return hashlib.md5(encoded(text, charset), usedforsecurity=False).hexdigest()


def sha1(text: str, charset: str) -> str:
    """Return the SHA-1 hash of a text in lower-case hex."""
    return hashlib.sha1(encoded(text, charset), usedforsecurity=False).hexdigest()


def sha256(text: str, charset: str) -> str:
    """Return the SHA-256 hash of a text in lower-case hex."""
    return hashlib.sha256(encoded(text, charset)).hexdigest()


def sha512(text: str, charset: str) -> str:
    """Return the SHA-512 hash of a text in lower-case hex."""
    return hashlib.sha512(encoded(text, charset)).hexdigest()


def crc32(text: str, charset: str) -> str:
    """Return the CRC-32 of a text in lower-case hex, the lowest byte first as in the documented example."""
    return zlib.crc32(encoded(text, charset)).to_bytes(4, "little").hex()


def _hash(python: Callable[[str, str], str], result: str) -> Function:
    name = python.__name__
    parameters = (
        required("INPUT", Type.STRING),
        optional("CHARSET", Type.STRING, "UTF-8", check=lambda charset: encoded("", charset)),
    )
    return Function(
        name,
        CATEGORY,
        parameters,
        Type.STRING,
        python=python,
        because="DuckDB hashes UTF-8 only",
        examples=((f'{name}("my text", "UTF-8")', result),),
    )


FUNCTIONS = [
    _hash(sha1, "c3599c11e47719df18a2448690840c5dfcce3c80"),
    _hash(sha256, "7330d2b39ca35eaf4cb95fc846c21ee6a39af698154a83a586ee270a0d372104"),
    _hash(
        sha512,
        "a3d7e45a0d9be5fd4e4b9a3b8c9c2163c21ef708bf11b4232bb21d2a8704ada2"
        "cdcd7b367dd0788a89a5c908cfe377aceb1072a7b386b7d4fd2ff68a8fd24d16",
    ),
    _hash(md5, "d3b96ce8c9fb4e9bd0198d03ba6852c7"),
    _hash(crc32, "8df92e80"),
]

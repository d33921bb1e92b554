"""Data Prep functions that hash a text, encoded in a character set; the results are lower-case hexadecimal digits."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable
from typing import TypeAlias

from mixpanel_aep_sandbox.aep.dataprep.functions.registry import Parameter, function
from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError

_PARAMETERS = (
    Parameter("INPUT", "string", "The text."),
    Parameter("CHARSET", "string", "UTF-8 (the default), UTF-16, ISO-8859-1 or US-ASCII.", required=False),
)
_Hash: TypeAlias = Callable[[str, str], str]
_CHARSETS = {"UTF-8": "utf-8", "UTF-16": "utf-16-be", "ISO-8859-1": "latin-1", "US-ASCII": "ascii"}


def encoded(text: str, charset: str) -> bytes:
    """Encode a text as Java's ``getBytes``.

    UTF-16 begins with a byte order mark. A character that the character set does not have is replaced by ``?``.

    Raises:
        EvaluationError: the character set is unknown.
    """
    codec = _CHARSETS.get(charset.upper())
    if codec is None:
        raise EvaluationError(f"CHARSET must be one of {', '.join(_CHARSETS)}.")
    data = text.encode(codec, "replace")
    return b"\xfe\xff" + data if charset.upper() == "UTF-16" else data


def _digest(algorithm: str, text: str, charset: str) -> str:
    return hashlib.new(algorithm, encoded(text, charset), usedforsecurity=False).hexdigest()


def _register(title: str, hash_of_example: str) -> Callable[[_Hash], _Hash]:
    """Return a decorator that registers a hash function by its name. Adobe's example hashes the text "my text"."""

    def register(hash_function: _Hash) -> _Hash:
        name = hash_function.__name__
        example = (f'{name}("my text", "UTF-8")', hash_of_example)
        function("Hashing", f"The {title} hash.", *_PARAMETERS, returns="string", example=example)(
            hash_function
        )
        return hash_function

    return register


@_register("SHA-1", "c3599c11e47719df18a2448690840c5dfcce3c80")
def sha1(text: str, charset: str = "UTF-8") -> str:
    """Return the SHA-1 hash of an encoded text."""
    return _digest("sha1", text, charset)


@_register("SHA-256", "7330d2b39ca35eaf4cb95fc846c21ee6a39af698154a83a586ee270a0d372104")
def sha256(text: str, charset: str = "UTF-8") -> str:
    """Return the SHA-256 hash of an encoded text."""
    return _digest("sha256", text, charset)


@_register(
    "SHA-512",
    "a3d7e45a0d9be5fd4e4b9a3b8c9c2163c21ef708bf11b4232bb21d2a8704ada2"
    "cdcd7b367dd0788a89a5c908cfe377aceb1072a7b386b7d4fd2ff68a8fd24d16",
)
def sha512(text: str, charset: str = "UTF-8") -> str:
    """Return the SHA-512 hash of an encoded text."""
    return _digest("sha512", text, charset)


@_register("MD5", "d3b96ce8c9fb4e9bd0198d03ba6852c7")
def md5(text: str, charset: str = "UTF-8") -> str:
    """Return the MD5 hash of an encoded text."""
    return _digest("md5", text, charset)


@_register("CRC-32", "8df92e80")
def crc32(text: str, charset: str = "UTF-8") -> str:
    """Return the CRC-32 of an encoded text with the lowest byte first, as in Adobe's example.

    Most tools write the highest byte first: 802ef98d instead of 8df92e80 for "my text".
    """
    return struct.pack("<I", zlib.crc32(encoded(text, charset))).hex()

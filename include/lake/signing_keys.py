"""The keys that sign the lake's records, so that write access to the lake is not enough to forge a record.

A record is a JSON object. A signed record ends with an additional member, ``signed``: the id of a key, and the
HMAC-SHA-256 of a fixed word, the record's key in the lake, and the exact bytes before that member. So a record that was
moved, or written without the key, is detected before its content is parsed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from include.errors import ConfigError

SEAL_ENVIRONMENT = "MIXPANEL_AEP_LAKE_SECRET"
SEAL_VARIABLE = "mixpanel_aep_lake_secret"
"""The Airflow variable, preferably in a secrets backend; Airflow masks variables with such names."""
_CONTEXT = b"mixpanel-aep lake record 1"
_LEAST_BYTES = 32
_LEAST_DIFFERENT = 12
"""The minimum of distinct bytes in a key: 32 random bytes have about 30."""
_TRAILER = re.compile(rb',\n "signed": \{"key": "([0-9a-f]{16})", "hmac": "([0-9a-f]{64})"\}\}\Z')
_HINT = (
    f"Set {SEAL_ENVIRONMENT} to keys separated by commas, the signing key first, each of at least 32 random bytes in base64 or "
    'hexadecimal: python -c "import secrets; print(secrets.token_hex(32))".'
)


@dataclass(frozen=True)
class Signed:
    """A record's bytes without its signature; an unsigned record has no ``key_id``."""

    payload: bytes
    key_id: str | None = None
    hmac: str = ""


@dataclass(frozen=True)
class SigningKeys:
    """Keys by id; the first one signs, all of them verify. ``repr`` shows no keys."""

    keys: dict[str, bytes] = field(repr=False)

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """Return the keys in the text of the setting; None for an empty text.

        Raises:
            ConfigError: a key is too short or has another encoding; the message does not contain it.
        """
        parts = [part for part in re.split(r"[,\s]+", text or "") if part]
        keys = [_decoded(part) for part in parts]
        return cls({key_id(key): key for key in keys}) if keys else None

    @classmethod
    def of_environment(cls) -> Self | None:
        """Return the keys of the environment variable ``MIXPANEL_AEP_LAKE_SECRET``."""
        return cls.parse(os.environ.get(SEAL_ENVIRONMENT))

    def sign(self, key: str, payload: bytes) -> bytes:
        """Return a JSON object with its signature as the last member. ``key``: the record's key in the lake."""
        if not payload.endswith(b"}") or payload[1:-1].strip() == b"":
            raise ValueError("a record must be a JSON object that is not empty")
        name, secret = next(iter(self.keys.items()))
        trailer = f',\n "signed": {{"key": "{name}", "hmac": "{_hmac(secret, key, payload)}"}}}}'
        return payload[:-1] + trailer.encode()

    def verifies(self, key: str, signed: Signed) -> bool:
        """Return whether a record was signed with one of the keys for this key of the lake."""
        secret = self.keys.get(signed.key_id or "")
        return secret is not None and hmac.compare_digest(_hmac(secret, key, signed.payload), signed.hmac)


def split(body: bytes) -> Signed:
    """Split a record into the signed payload and its signature."""
    found = _TRAILER.search(body)
    if found is None:
        return Signed(body)
    return Signed(body[: found.start()] + b"}", found[1].decode(), found[2].decode())


def key_id(key: bytes) -> str:
    """Return a key's id: 16 hex digits that are written into signed records and reveal nothing about the key."""
    return hmac.digest(key, b"mixpanel-aep key id", "sha256").hex()[:16]


def _hmac(secret: bytes, key: str, payload: bytes) -> str:
    return hmac.new(secret, b"\0".join((_CONTEXT, key.encode(), payload)), hashlib.sha256).hexdigest()


def _decoded(text: str) -> bytes:
    def urlsafe(part: str) -> bytes:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)

    def standard(part: str) -> bytes:
        return base64.b64decode(part + "=" * (-len(part) % 4), validate=True)

    codings: tuple[Callable[[str], bytes], ...] = (bytes.fromhex, standard, urlsafe)
    for decode in codings:
        try:
            key = decode(text)
        except (ValueError, binascii.Error):
            continue
        if len(key) < _LEAST_BYTES:
            raise ConfigError(f"A key of {SEAL_ENVIRONMENT} is shorter than {_LEAST_BYTES} bytes.", _HINT)
        if len(set(key)) < _LEAST_DIFFERENT:
            raise ConfigError(f"A key of {SEAL_ENVIRONMENT} is not random: its bytes repeat.", _HINT)
        return key
    raise ConfigError(f"A key of {SEAL_ENVIRONMENT} is not valid base64 or hexadecimal.", _HINT)

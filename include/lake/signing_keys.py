"""The secret keys that sign the lake's records, so that write access to the lake is not enough to forge a record.

A record is a JSON object. A signed record ends with an additional member, ``signed``, which contains the id of the
secret key and an HMAC-SHA-256. The HMAC covers a fixed text, the record's key in the lake, and the exact bytes before
that member. So a record that was moved, or was written without the secret key, is detected before it is parsed.
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

SIGNING_KEYS_ENVIRONMENT = "MIXPANEL_AEP_LAKE_SECRET"
SIGNING_KEYS_VARIABLE = "mixpanel_aep_lake_secret"
"""The Airflow variable with the keys. Airflow masks its value in logs, because its name contains ``secret``."""
_CONTEXT = b"mixpanel-aep lake record 1"
_MIN_KEY_BYTES = 32
_MIN_DISTINCT_BYTES = 12
"""The minimum number of distinct byte values in a key: 32 random bytes have about 30."""
_TRAILER = re.compile(rb',\n "signed": \{"key": "([0-9a-f]{16})", "hmac": "([0-9a-f]{64})"\}\}\Z')
_HINT = (
    f"Set {SIGNING_KEYS_ENVIRONMENT} to keys separated by commas, the signing key first, each of at least 32 random bytes in base64 or "
    'hexadecimal: python -c "import secrets; print(secrets.token_hex(32))".'
)


@dataclass(frozen=True)
class SignedRecord:
    """A record after its signature was split off: ``payload`` is its JSON. Both other fields are empty if unsigned."""

    payload: bytes
    key_id: str | None = None
    hmac: str = ""


@dataclass(frozen=True)
class SigningKeys:
    """Secret keys by their ids. The first key signs new records; every key can verify. ``repr`` shows no keys."""

    keys: dict[str, bytes] = field(repr=False)

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """Return the keys in ``text``, separated by commas, in base64 or hexadecimal; None if it contains no key.

        Raises:
            ConfigError: a key is too short, not random, or not encoded correctly; the message does not contain the key.
        """
        parts = [part for part in re.split(r"[,\s]+", text or "") if part]
        keys = [_decode_key(part) for part in parts]
        return cls({key_id(key): key for key in keys}) if keys else None

    @classmethod
    def of_environment(cls) -> Self | None:
        """Return the keys of the environment variable ``MIXPANEL_AEP_LAKE_SECRET``, or None if it contains no key.

        Raises:
            ConfigError: a key is invalid.
        """
        return cls.parse(os.environ.get(SIGNING_KEYS_ENVIRONMENT))

    def sign(self, key: str, payload: bytes) -> bytes:
        """Return a record with its signature added as the last member.

        Args:
            key: the record's key in the lake.
            payload: the record, a JSON object with at least one member.

        Raises:
            ValueError: ``payload`` is not such an object.
        """
        if not payload.endswith(b"}") or payload[1:-1].strip() == b"":
            raise ValueError("a record must be a JSON object that is not empty")
        name, secret = next(iter(self.keys.items()))
        trailer = f',\n "signed": {{"key": "{name}", "hmac": "{_hmac(secret, key, payload)}"}}}}'
        return payload[:-1] + trailer.encode()

    def verifies(self, key: str, signed: SignedRecord) -> bool:
        """Return whether a record has a valid signature of one of these keys. ``key``: the record's key in the lake."""
        secret = self.keys.get(signed.key_id or "")
        return secret is not None and hmac.compare_digest(_hmac(secret, key, signed.payload), signed.hmac)


def split_signature(body: bytes) -> SignedRecord:
    """Split the bytes of a record in the lake into its JSON and its signature, without verifying the signature."""
    found = _TRAILER.search(body)
    if found is None:
        return SignedRecord(body)
    return SignedRecord(body[: found.start()] + b"}", found[1].decode(), found[2].decode())


def key_id(key: bytes) -> str:
    """Return the id of a secret key: 16 hex digits, which signed records contain and which do not reveal the key."""
    return hmac.digest(key, b"mixpanel-aep key id", "sha256").hex()[:16]


def _hmac(secret: bytes, key: str, payload: bytes) -> str:
    return hmac.new(secret, b"\0".join((_CONTEXT, key.encode(), payload)), hashlib.sha256).hexdigest()


def _decode_key(text: str) -> bytes:
    """Return a secret key from its text in hexadecimal, base64 or URL-safe base64.

    Raises:
        ConfigError: the text has another encoding, or the key is too short or not random.
    """

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
        if len(key) < _MIN_KEY_BYTES:
            raise ConfigError(
                f"A key of {SIGNING_KEYS_ENVIRONMENT} is shorter than {_MIN_KEY_BYTES} bytes.", _HINT
            )
        if len(set(key)) < _MIN_DISTINCT_BYTES:
            raise ConfigError(f"A key of {SIGNING_KEYS_ENVIRONMENT} is not random: its bytes repeat.", _HINT)
        return key
    raise ConfigError(f"A key of {SIGNING_KEYS_ENVIRONMENT} is not valid base64 or hexadecimal.", _HINT)

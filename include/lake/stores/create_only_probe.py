"""Check that a store enforces create-only puts, which never replace an object. The ledger's lock depends on them."""

from __future__ import annotations

import os
import secrets
from typing import Protocol

from include.errors import LakeError, UnsafeStore

PROBE_KEY = ".writable"
"""The key of the object that the check writes. It is never removed, so the check needs no permission to delete."""
_HINT = (
    "Use a store that supports If-None-Match: * on PUT (AWS S3, GCS, Azure, a current MinIO), or remove the gateway or "
    "cache that drops the header. Do not load through this lake until mixpanel-aep check accepts it."
)
_proven: set[tuple[int, str, str]] = set()
"""The stores that passed the check: process id, address and endpoint."""


class Store(Protocol):
    """The attributes of a lake that the check needs."""

    url: str

    def read(self, key: str) -> bytes | None:
        """Return an object's bytes, or None if it is missing."""
        ...

    def put_new(self, key: str, body: bytes) -> bool:
        """Create an object unless it exists, and return whether it was created."""
        ...


def prove_create_only_once(store: Store) -> None:
    """Check that a store enforces create-only puts, unless this process has already checked it.

    Raises:
        UnsafeStore, LakeError, AccessDenied: see :func:`prove_create_only`.
    """
    # A forked child checks again: a long-lived parent may have checked before the store's configuration changed.
    key = (os.getpid(), store.url, os.environ.get("AWS_ENDPOINT_URL", ""))
    if key not in _proven:
        prove_create_only(store)
        _proven.add(key)


def prove_create_only(store: Store) -> None:
    """Check that a store enforces create-only puts: write the object ``PROBE_KEY`` twice, and compare its content.

    Raises:
        UnsafeStore: the store accepted a second create-only put of the same key, or changed the object.
        LakeError: the store could not be read or written.
        AccessDenied: the credential lacks permission to read or write.
    """
    first = secrets.token_hex(16).encode()
    if store.read(PROBE_KEY) is None:
        created = store.put_new(PROBE_KEY, first)
        kept = store.read(PROBE_KEY)
        if created and kept != first:
            raise _unsafe_error(store, "accepted a create-only put and then returned another value")
    else:
        kept = store.read(PROBE_KEY)
    if kept is None:
        raise LakeError(
            f"{PROBE_KEY} disappeared from the lake {store.url} during the check of create-only puts.",
            "Check that no other program removes objects of the lake, then run the command again.",
        )
    created = store.put_new(PROBE_KEY, secrets.token_hex(16).encode())
    stays = store.read(PROBE_KEY) == kept
    if created:
        raise _unsafe_error(
            store,
            f"accepted a second create-only put of {PROBE_KEY} and {'kept the first' if stays else 'overwrote the'} value",
        )
    if not stays:
        raise _unsafe_error(store, f"refused a second create-only put of {PROBE_KEY} but changed the value")


def _unsafe_error(store: Store, behavior: str) -> UnsafeStore:
    return UnsafeStore(
        f"The store of lake {store.url} does not enforce create-only puts: it {behavior}. Two runs could load the same day twice.",
        _HINT,
    )

"""The proof that a store keeps create-only puts. The ledger's lock rests on them, so they are tried, not believed."""

from __future__ import annotations

import os
import secrets
from typing import Protocol

from include.errors import LakeError, UnsafeStore

PROBE_KEY = ".writable"
"""One fixed key, never removed: the proof needs no right to delete. Earlier versions left an empty object there."""
_HINT = (
    "Use a store that honours If-None-Match: * on PUT (AWS S3, GCS, Azure, a current MinIO), or remove what takes "
    "the header away, such as a gateway or cache in front of it. Nothing may be loaded through this lake before."
)
_proven: set[tuple[int, str, str]] = set()


class Store(Protocol):
    """What the proof needs of a lake."""

    url: str

    def read(self, key: str) -> bytes | None: ...
    def put_new(self, key: str, body: bytes) -> bool: ...


def prove_once(store: Store) -> None:
    """Prove the store in this process unless that was done already.

    Raises:
        UnsafeStore: see :func:`prove_create_only`.
    """
    # A forked child proves again: a long-lived parent may have done so before the store was changed.
    key = (os.getpid(), store.url, os.environ.get("AWS_ENDPOINT_URL", ""))
    if key not in _proven:
        prove_create_only(store)
        _proven.add(key)


def prove_create_only(store: Store) -> None:
    """Put random values under the probe key and see that the first one stays.

    Raises:
        UnsafeStore: the store accepted a second create-only put of one key, or changed the object all the same.
        LakeError: the store could not be read or written.
        AccessDenied: the credential may not read or may not write.
    """
    first = secrets.token_hex(16).encode()
    if store.read(PROBE_KEY) is None:
        created = store.put_new(PROBE_KEY, first)
        kept = store.read(PROBE_KEY)
        if created and kept != first:
            raise _unsafe(store, "accepted a create-only put and then returned another value")
    else:
        kept = store.read(PROBE_KEY)
    if kept is None:
        raise LakeError(
            f"The lake {store.url} has lost {PROBE_KEY} while create-only puts were tried.",
            "Check that nothing removes objects of the lake, then run it again.",
        )
    created = store.put_new(PROBE_KEY, secrets.token_hex(16).encode())
    stays = store.read(PROBE_KEY) == kept
    if created:
        raise _unsafe(
            store,
            f"accepted a second create-only put of {PROBE_KEY} and {'kept the first' if stays else 'overwrote the'} value",
        )
    if not stays:
        raise _unsafe(
            store, f"refused a second create-only put of {PROBE_KEY} and changed the value all the same"
        )


def _unsafe(store: Store, did: str) -> UnsafeStore:
    return UnsafeStore(
        f"The store of lake {store.url} does not keep create-only puts: it {did}. Two runs could load one day twice.",
        _HINT,
    )

"""The lake: one interface to a folder, S3, GCS or Azure, with puts that never replace an object (create-only puts)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from obstore.exceptions import BaseError, NotFoundError

from include.errors import PipelineError, UnsafeStore
from include.failpoint import failpoint
from include.lake.keys import is_removable
from include.lake.lake_address import default_lake, lake_address
from include.lake.signing_keys import SigningKeys
from include.lake.stores.bucket_store import BucketStore
from include.lake.stores.create_only_probe import prove_create_only_once
from include.lake.stores.endpoint import loopback_endpoint
from include.lake.stores.folder_store import FolderStore
from include.lake.stores.object_store import LakeObject, ObjectStore, OpenedObject
from include.lake.stores.retry_settings import configured_retry_seconds
from include.lake.stores.store_errors import store_error, unsupported

__all__ = ["Download", "Lake", "LakeObject", "default_lake", "sha256_file"]
_ABSENT = (NotFoundError, FileNotFoundError)


class Download(NamedTuple):
    """A local copy of an object: its path, its size in bytes, and the lower-case hex SHA-256 of the copied bytes."""

    path: Path
    bytes: int
    sha256: str


class Lake:
    """The objects below ``url`` in an object store. Keys are relative to ``url``; ``include.lake.keys`` builds them.

    Credentials for ``s3://``, ``gs://`` and ``az://`` come from the environment (roles, ``AWS_*`` and so on).

    Args:
        url: the lake's address, such as ``file:///var/lake`` or ``s3://bucket/prefix``.
        signing_keys: the keys that sign records (``include.lake.records``); by default those of the environment.
        retry_seconds: for how many seconds a request is repeated while the store is unavailable; by default
            ``MIXPANEL_AEP_LAKE_PATIENCE_SECONDS``.

    Raises:
        LakeError: by every method, if the store cannot be read or written.
        AccessDenied: by every method, if this process lacks a permission.
        ForeignObject: by every method, if a folder lake has a symbolic link in the place of a file or folder.
    """

    def __init__(
        self, url: str, signing_keys: SigningKeys | None = None, *, retry_seconds: float | None = None
    ) -> None:
        self.url = url.rstrip("/")
        parts = lake_address(self.url)
        self.root = Path(parts.path) if parts.scheme == "file" else None
        self.signing_keys = signing_keys or SigningKeys.of_environment()
        self.retry_seconds = configured_retry_seconds() if retry_seconds is None else retry_seconds
        try:
            self._store: ObjectStore = (
                FolderStore(self.root) if self.root is not None else BucketStore(self.url, self.retry_seconds)
            )
        except (BaseError, OSError, ValueError) as error:
            raise self.error("open", "", error) from None

    @property
    def exists(self) -> bool:
        """Whether the folder of a folder lake exists; the first put creates it. Always True for a bucket."""
        return self.root is None or self.root.is_dir()

    def uri(self, key: str) -> str:
        """Return the full address of an object, for messages."""
        return f"{self.url}/{key}"

    def read(self, key: str) -> bytes | None:
        """Return the object's bytes, or None if it is missing. It does not verify signatures of records.

        Use ``include.lake.records`` to read records that must be trusted.
        """
        try:
            return b"".join(self._store.open(key).chunks)
        except _ABSENT:
            return None
        except (BaseError, OSError) as error:
            raise self.error("read", key, error) from None

    @contextmanager
    def opened(self, key: str) -> Iterator[OpenedObject | None]:
        """Open an object to read it in chunks, and close it at the end of the block; yield None if it is missing."""
        found: OpenedObject | None = None
        try:
            found = self._store.open(key)
        except _ABSENT:
            pass
        except (BaseError, OSError) as error:
            raise self.error("read", key, error) from None
        try:
            yield found
        except (BaseError, OSError) as error:
            raise self.error("read", key, error) from None
        finally:
            if found is not None:
                found.close()

    def create(self, key: str, body: bytes) -> bool:
        """Create an object unless it exists, and return whether it was created. The lake has no other lock.

        Of several processes that create the same key, exactly one gets True.

        Raises:
            UnsafeStore: the store does not enforce create-only puts. Each process checks this before its first put.
        """
        prove_create_only_once(self)
        return self.put_new(key, body)

    def put_new(self, key: str, body: bytes) -> bool:
        """Create an object as :meth:`create` does, without the check that the store enforces create-only puts.

        Only that check calls this method.

        Raises:
            UnsafeStore: the store reports that it does not implement create-only puts.
        """
        try:
            return self._store.create(key, body)
        except (BaseError, OSError) as error:
            if self.root is None and unsupported(error):
                raise UnsafeStore(
                    f"The store of lake {self.url} does not implement create-only puts (HTTP 501).",
                    "Use a store that supports If-None-Match: * on PUT.",
                ) from None
            raise self.error("write", key, error) from None

    def replace(self, key: str, body: bytes) -> None:
        """Write an object, replacing an existing one; only for objects that can be rebuilt, such as an index."""
        prove_create_only_once(self)
        try:
            self._store.put(key, BytesIO(body))
        except (BaseError, OSError) as error:
            raise self.error("write", key, error) from None

    def upload(self, key: str, source: Path) -> None:
        """Copy the local file ``source`` to the lake, replacing an existing object; readers never see a part of it."""
        prove_create_only_once(self)
        failpoint("lake.upload.before")
        with source.open("rb") as file:  # a missing source file is not an error of the lake
            try:
                self._store.put(key, file)
            except (BaseError, OSError) as error:
                raise self.error("write", key, error) from None
        failpoint("lake.upload.after")

    def download(self, key: str, target: Path) -> Download:
        """Copy an object to the local file ``target``, and compute the digest of exactly the copied bytes.

        Files of a folder lake are copied as well: a second read of the original could return other bytes than those of
        the digest.

        Raises:
            LakeError: the object is missing or cannot be read, or the local file cannot be written.
        """
        digest, size = hashlib.sha256(), 0
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                for chunk in self._store.open(key).chunks:
                    digest.update(chunk)
                    file.write(chunk)
                    size += len(chunk)
        except (BaseError, OSError) as error:
            raise self.error("read", key, error) from None
        return Download(target, size, digest.hexdigest())

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys of all objects in the folder ``prefix`` and its subfolders, in the order of :meth:`objects`."""
        for found in self.objects(prefix):
            yield found.key

    def objects(self, prefix: str) -> Iterator[LakeObject]:
        """Yield all objects in the folder ``prefix`` and its subfolders; none if the folder does not exist.

        They are in the order of their keys; in a bucket only within each page of the listing.
        """
        try:
            yield from self._store.objects(prefix)
        except _ABSENT:
            return
        except (BaseError, OSError) as error:
            raise self.error("list", prefix, error) from None

    def folders(self, prefix: str) -> list[str]:
        """Return the names of the folders directly in the folder ``prefix``, sorted; empty if it does not exist."""
        try:
            return self._store.folders(prefix)
        except _ABSENT:
            return []
        except (BaseError, OSError) as error:
            raise self.error("list", prefix, error) from None

    def has(self, key: str) -> bool:
        """Return whether an object exists."""
        try:
            self._store.head(key)
        except _ABSENT:
            return False
        except (BaseError, OSError) as error:
            raise self.error("read", key, error) from None
        return True

    def remove_object(self, key: str) -> None:
        """Remove an output file, a quarantine file, a report or a ticket of a rate budget; a missing object is ignored.

        Only ``include.steps.retention`` and ``include.steps.forget`` call it. Other objects, such as ledgers, ids and
        manifests, are never removed.

        Raises:
            ValueError: the key is that of another kind of object, which is a bug of the caller.
        """
        if not is_removable(key):
            raise ValueError(f"the key {key!r} must never be removed")
        try:
            self._store.remove(key)
        except _ABSENT:
            return
        except (BaseError, OSError) as error:
            raise self.error("remove", key, error) from None

    def modified(self, key: str) -> datetime:
        """Return the time at which the object was last written, in UTC.

        Raises:
            LakeError: the object is missing or cannot be read.
        """
        try:
            return self._store.head(key).modified
        except (BaseError, OSError) as error:
            raise self.error("read", key, error) from None

    def remove_unfinished(self, before: datetime) -> int:
        """Remove the temporary files that interrupted puts left in a folder lake, and return how many were removed.

        Only files last written before ``before`` are removed. For a bucket, nothing is done and 0 is returned: buckets
        hide unfinished uploads, and a lifecycle rule of the bucket removes them.
        """
        return self._store.remove_unfinished(before) if isinstance(self._store, FolderStore) else 0

    def check_writable(self) -> None:
        """Check that the lake can be written and enforces create-only puts, before work whose result would be lost.

        Raises:
            LakeError: the lake cannot be read or written.
            AccessDenied: this process lacks a permission.
            UnsafeStore: the store does not enforce create-only puts.
        """
        prove_create_only_once(self)

    @property
    def on_this_machine(self) -> bool:
        """Whether the lake is a folder, or an S3 server at a loopback address."""
        return self.root is not None or loopback_endpoint()

    def error(self, verb: str, key: str, error: Exception) -> PipelineError:
        """Return this project's error for an exception of the store. ``verb``: what failed, such as ``read``."""
        return store_error(self.url, verb, key, error)


def sha256_file(path: Path) -> str:
    """Return the lower-case hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

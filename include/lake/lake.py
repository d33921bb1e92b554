"""The lake: one API for a folder, S3, GCS and Azure, with create-only puts."""

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
from include.lake.stores.create_only_probe import prove_once
from include.lake.stores.endpoint import loopback_endpoint
from include.lake.stores.folder_store import FolderStore
from include.lake.stores.object_store import LakeObject, ObjectStore, OpenedObject
from include.lake.stores.retry_settings import patience_seconds
from include.lake.stores.store_errors import store_error, unsupported

__all__ = ["Download", "Lake", "LakeObject", "default_lake", "sha256_file"]
_ABSENT = (NotFoundError, FileNotFoundError)


class Download(NamedTuple):
    """A local copy of an object, with the size and digest of the copied bytes."""

    path: Path
    bytes: int
    sha256: str


class Lake:
    """An object store below ``url``; keys are relative and come from ``include.lake.keys`` only.

    Credentials of ``s3://``, ``gs://`` and ``az://`` come from the environment (roles, ``AWS_*`` and so on). ``signing_keys``:
    the keys that sign records (``include.lake.records``); by default those of the environment, if any.
    ``retry_seconds``: for how many seconds requests are repeated while the store is unavailable; by default the setting of
    the environment.

    Raises:
        LakeError: from every method, where the store cannot be read or written.
        AccessDenied: from every method, where this worker lacks a permission.
        ForeignObject: from every method, where a folder lake has a symbolic link instead of a file or folder.
    """

    def __init__(
        self, url: str, signing_keys: SigningKeys | None = None, *, retry_seconds: float | None = None
    ) -> None:
        self.url = url.rstrip("/")
        parts = lake_address(self.url)
        self.root = Path(parts.path) if parts.scheme == "file" else None
        self.signing_keys = signing_keys or SigningKeys.of_environment()
        self.retry_seconds = patience_seconds() if retry_seconds is None else retry_seconds
        try:
            self._store: ObjectStore = (
                FolderStore(self.root) if self.root is not None else BucketStore(self.url, self.retry_seconds)
            )
        except (BaseError, OSError, ValueError) as error:
            raise self.error("open", "", error) from None

    @property
    def exists(self) -> bool:
        """Whether the folder of a folder lake exists; the first put creates it. A bucket counts as existing."""
        return self.root is None or self.root.is_dir()

    def uri(self, key: str) -> str:
        """Return the address of an object, for display."""
        return f"{self.url}/{key}"

    def read(self, key: str) -> bytes | None:
        """Return the object's bytes, or None where it is missing. Use ``include.lake.records`` for trusted records."""
        try:
            return b"".join(self._store.open(key).chunks)
        except _ABSENT:
            return None
        except (BaseError, OSError) as error:
            raise self.error("read", key, error) from None

    @contextmanager
    def opened(self, key: str) -> Iterator[OpenedObject | None]:
        """Open an object once, to read it in pieces; yield None where it is missing."""
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
        """Put the object unless it exists; return whether it was created. This is the lake's only lock.

        Raises:
            UnsafeStore: the store does not enforce create-only puts, which the first put of a process checks.
        """
        prove_once(self)
        return self.put_new(key, body)

    def put_new(self, key: str, body: bytes) -> bool:
        """Create an object as :meth:`create` does, without the check of create-only puts, which uses this method."""
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
        """Put an object, replacing an existing one: only for objects that can be rebuilt, such as an index."""
        prove_once(self)
        try:
            self._store.put(key, BytesIO(body))
        except (BaseError, OSError) as error:
            raise self.error("write", key, error) from None

    def upload(self, key: str, source: Path) -> None:
        """Copy a local file to the lake; a reader never sees a partial file."""
        prove_once(self)
        failpoint("lake.upload.before")
        with source.open("rb") as file:  # a missing source file is not an error of the lake
            try:
                self._store.put(key, file)
            except (BaseError, OSError) as error:
                raise self.error("write", key, error) from None
        failpoint("lake.upload.after")

    def download(self, key: str, target: Path) -> Download:
        """Copy an object to a local file in one read; the digest is that of the copied bytes.

        A folder lake is copied as well: a second read of the original could return other bytes than were checked.
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
        """Yield all keys below a folder-like prefix, in order."""
        for found in self.objects(prefix):
            yield found.key

    def objects(self, prefix: str) -> Iterator[LakeObject]:
        """Yield all objects below a folder-like prefix, in the order of their keys within each page of the listing."""
        try:
            yield from self._store.objects(prefix)
        except _ABSENT:
            return
        except (BaseError, OSError) as error:
            raise self.error("list", prefix, error) from None

    def folders(self, prefix: str) -> list[str]:
        """Return the names of the folders directly below a prefix, in order."""
        try:
            return self._store.folders(prefix)
        except _ABSENT:
            return []
        except (BaseError, OSError) as error:
            raise self.error("list", prefix, error) from None

    def has(self, key: str) -> bool:
        """Return whether the object exists."""
        try:
            self._store.head(key)
        except _ABSENT:
            return False
        except (BaseError, OSError) as error:
            raise self.error("read", key, error) from None
        return True

    def remove_object(self, key: str) -> None:
        """Remove an object that can be rebuilt or whose retention has ended; a missing object counts as removed.

        Only ``include.steps.clean`` and ``include.steps.forget`` call it. It refuses all other objects, such as ledgers,
        ids and manifests.

        Raises:
            ValueError: the key is of another kind, which is a bug of the caller.
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
        """Return when the object was last written, in UTC."""
        try:
            return self._store.head(key).modified
        except (BaseError, OSError) as error:
            raise self.error("read", key, error) from None

    def remove_unfinished(self, before: datetime) -> int:
        """Remove the temporary files of puts that a process crash interrupted; return their number.

        Bucket stores hide unfinished uploads and remove them by a lifecycle rule of the bucket. Returns 0 for those.
        """
        return self._store.remove_unfinished(before) if isinstance(self._store, FolderStore) else 0

    def check_writable(self) -> None:
        """Check that the lake can be written, before work that would be lost otherwise.

        Raises:
            LakeError, AccessDenied, UnsafeStore: it cannot be written safely.
        """
        prove_once(self)

    @property
    def on_this_machine(self) -> bool:
        """Whether the lake is a folder, or an emulated store that is reached over loopback."""
        return self.root is not None or loopback_endpoint()

    def error(self, verb: str, key: str, error: Exception) -> PipelineError:
        """Return the error for a store's exception; ``verb``: the failed operation, such as ``read``."""
        return store_error(self.url, verb, key, error)


def sha256_file(path: Path) -> str:
    """Return the lower-case hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

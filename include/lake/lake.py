"""The lake: one API over a folder, S3, GCS and Azure, with create-only puts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from obstore.exceptions import BaseError, NotFoundError

from include.errors import AccessDenied, PipelineError, UnsafeStore
from include.failpoint import failpoint
from include.lake.keys import read_key
from include.lake.lake_address import default_lake, lake_address
from include.lake.signing_keys import SigningKeys
from include.lake.stores.bucket_store import BucketStore
from include.lake.stores.create_only_probe import PROBE_KEY, prove_create_only, prove_once
from include.lake.stores.endpoint import loopback_endpoint
from include.lake.stores.folder_store import FolderStore
from include.lake.stores.object_store import LakeObject, ObjectStore, OpenedObject
from include.lake.stores.retry_settings import patience_seconds
from include.lake.stores.store_errors import forbids, store_error, unsupported

__all__ = ["Download", "Lake", "LakeObject", "default_lake", "sha256_file"]
_ABSENT = (NotFoundError, FileNotFoundError)


class Download(NamedTuple):
    """A local copy of an object, and what was copied."""

    path: Path
    bytes: int
    sha256: str


class Lake:
    """An object store below ``url``; keys are relative and come from ``include.lake.keys`` only.

    Credentials of ``s3://``, ``gs://`` and ``az://`` come from the environment (roles, ``AWS_*`` and so on). ``signing_keys``:
    the keys that sign records (``include.lake.records``); without it those of the environment, if there are any.
    ``retry_policy``: seconds for which requests are repeated while the store is not available, instead of those of the
    environment.

    Raises:
        LakeError: from every method, when the store cannot be read or written.
        AccessDenied: from every method, when it says that this worker may not.
        ForeignObject: from every method, when a folder lake has a symbolic link where it needs a file or folder.
    """

    def __init__(
        self, url: str, signing_keys: SigningKeys | None = None, *, retry_policy: float | None = None
    ) -> None:
        self.url = url.rstrip("/")
        parts = lake_address(self.url)
        self.root = Path(parts.path) if parts.scheme == "file" else None
        self.signing_keys = signing_keys or SigningKeys.of_environment()
        self._patience = patience_seconds() if retry_policy is None else retry_policy
        try:
            self._store: ObjectStore = (
                FolderStore(self.root) if self.root is not None else BucketStore(self.url, self._patience)
            )
        except (BaseError, OSError, ValueError) as error:
            raise self._error("open", "", error) from None

    @property
    def exists(self) -> bool:
        """Whether the folder of a folder lake is there; the first put makes it. A bucket counts as there."""
        return self.root is None or self.root.is_dir()

    def uri(self, key: str) -> str:
        """Where an object is, for a person to open."""
        return f"{self.url}/{key}"

    def read(self, key: str) -> bytes | None:
        """The object's bytes, or None when there is none. What a step believes is read by ``include.lake.records``."""
        try:
            return b"".join(self._store.open(key).chunks)
        except _ABSENT:
            return None
        except (BaseError, OSError) as error:
            raise self._error("read", key, error) from None

    @contextmanager
    def opened(self, key: str) -> Iterator[OpenedObject | None]:
        """Open an object once, to read it piece by piece; None where there is none."""
        found: OpenedObject | None = None
        try:
            found = self._store.open(key)
        except _ABSENT:
            pass
        except (BaseError, OSError) as error:
            raise self._error("read", key, error) from None
        try:
            yield found
        except (BaseError, OSError) as error:
            raise self._error("read", key, error) from None
        finally:
            if found is not None:
                found.close()

    def create(self, key: str, body: bytes) -> bool:
        """Put the object if there is none yet; return False when there is one. This is the lake's only lock.

        Raises:
            UnsafeStore: the store does not keep create-only puts, as the first put of a process proves.
        """
        prove_once(self)
        return self.put_new(key, body)

    def put_new(self, key: str, body: bytes) -> bool:
        """Put as :meth:`create` does, without the proof; for the proof itself."""
        try:
            return self._store.create(key, body)
        except (BaseError, OSError) as error:
            if self.root is None and unsupported(error):
                raise UnsafeStore(
                    f"The store of lake {self.url} does not implement create-only puts (HTTP 501).",
                    "Use a store that honours If-None-Match: * on PUT.",
                ) from None
            raise self._error("write", key, error) from None

    def replace(self, key: str, body: bytes) -> None:
        """Put an object in place of the one that is there: only for what can be made again, such as an index."""
        prove_once(self)
        try:
            self._store.put(key, BytesIO(body))
        except (BaseError, OSError) as error:
            raise self._error("write", key, error) from None

    def upload(self, key: str, source: Path) -> None:
        """Copy a local file to the lake; a reader never sees a part of it."""
        prove_once(self)
        failpoint("lake.upload.before")
        with source.open("rb") as file:  # a missing source is not an error of the lake
            try:
                self._store.put(key, file)
            except (BaseError, OSError) as error:
                raise self._error("write", key, error) from None
        failpoint("lake.upload.after")

    def download(self, key: str, target: Path) -> Download:
        """Copy an object to a local file, from one opening of it; the digest is of what was copied.

        Also from a folder lake: a reader that opened the object itself could read other bytes than were checked.
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
            raise self._error("read", key, error) from None
        return Download(target, size, digest.hexdigest())

    def keys(self, prefix: str) -> Iterator[str]:
        """All keys below a folder-like prefix, in order."""
        for found in self.objects(prefix):
            yield found.key

    def objects(self, prefix: str) -> Iterator[LakeObject]:
        """All objects below a folder-like prefix, in the order of their keys within each page of the listing."""
        try:
            yield from self._store.objects(prefix)
        except _ABSENT:
            return
        except (BaseError, OSError) as error:
            raise self._error("list", prefix, error) from None

    def folders(self, prefix: str) -> list[str]:
        """The names of the folders directly below a prefix, in order."""
        try:
            return self._store.folders(prefix)
        except _ABSENT:
            return []
        except (BaseError, OSError) as error:
            raise self._error("list", prefix, error) from None

    def has(self, key: str) -> bool:
        """Whether there is such an object."""
        try:
            self._store.head(key)
        except _ABSENT:
            return False
        except (BaseError, OSError) as error:
            raise self._error("read", key, error) from None
        return True

    def remove_object(self, key: str) -> None:
        """Remove an object that can be made again, or that a retention ends; one that is not there is removed already.

        Only ``include.steps.clean`` and ``include.steps.forget`` call it, and no other object can be removed: not a ledger, ids, or a manifest.

        Raises:
            ValueError: the key is of another kind, which is a defect of the caller.
        """
        found = read_key(key)
        if found is None or not found.is_removable:
            raise ValueError(f"the key {key!r} is never removed")
        try:
            self._store.remove(key)
        except _ABSENT:
            return
        except (BaseError, OSError) as error:
            raise self._error("remove", key, error) from None

    def modified(self, key: str) -> datetime:
        """When the object was written."""
        try:
            return self._store.head(key).modified
        except (BaseError, OSError) as error:
            raise self._error("read", key, error) from None

    def remove_unfinished(self, before: datetime) -> int:
        """Removes what a process that died in the middle of a put has left in a folder lake; how many files.

        Bucket stores keep parts of an upload out of sight and end them by a rule of the bucket's life cycle.
        """
        return self._store.remove_unfinished(before) if isinstance(self._store, FolderStore) else 0

    def check_writable(self) -> None:
        """Raise now rather than after an hour of export: LakeError, AccessDenied or UnsafeStore."""
        prove_once(self)

    def prove(self) -> None:
        """Prove create-only puts again, and that the lake can be listed.

        Raises:
            UnsafeStore: the store does not keep create-only puts.
            AccessDenied: the credential may not read, list or write; the sentence says which.
        """
        next(self.keys(""), None)
        self.read(PROBE_KEY)
        try:
            prove_create_only(self)
        except AccessDenied as denied:
            raise AccessDenied(
                f"The lake {self.url} lets this credential list and read, but not write; whether it keeps "
                "create-only puts is not proven.",
                denied.hint,
            ) from None

    @property
    def on_this_machine(self) -> bool:
        """Whether it is a folder, or a stand-in for a store that is reached over loopback."""
        return self.root is not None or loopback_endpoint()

    def open_to_anyone(self) -> bool:
        """Whether a store can be listed, or an object of it read, without credentials."""
        self.check_writable()
        stranger = BucketStore(self.url, self._patience, skip_signature=True)
        looks: tuple[Callable[[], Any], ...] = (
            stranger.probe_read,
            lambda: stranger.head(PROBE_KEY),
        )
        for look in looks:
            try:
                look()
            except NotFoundError:
                continue
            except (BaseError, OSError) as error:
                if forbids(error):
                    continue
                raise self._error("answer a stranger about", "", error) from None
            return True
        return False

    def _error(self, verb: str, key: str, error: Exception) -> PipelineError:
        return store_error(self.url, verb, key, error)


def sha256_file(path: Path) -> str:
    """Lower-case hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

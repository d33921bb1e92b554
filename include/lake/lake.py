"""The lake: one API over a folder, S3, GCS and Azure, with create-only puts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import LocalStore, from_url

from include.errors import AccessDenied, PipelineError, UnsafeStore
from include.failpoint import failpoint
from include.lake import folder
from include.lake.address import default_lake, lake_address, loopback_endpoint
from include.lake.keys import read_key
from include.lake.probe import PROBE_KEY, prove_create_only, prove_once
from include.lake.store_errors import forbids, store_error, unsupported

__all__ = ["Lake", "LakeObject", "default_lake", "sha256_file"]


@dataclass(frozen=True)
class LakeObject:
    """An object as a listing shows it; ``modified`` is the store's own time of the last put."""

    key: str
    bytes: int
    modified: datetime


class Lake:
    """An object store below ``url``; keys are relative and come from ``include.lake.keys`` only.

    Credentials of ``s3://``, ``gs://`` and ``az://`` come from the environment (roles, ``AWS_*`` and so on).

    Raises:
        LakeError: from every method, when the store cannot be read or written.
        AccessDenied: from every method, when it says that this worker may not.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        parts = lake_address(self.url)
        self.root = Path(parts.path) if parts.scheme == "file" else None
        try:
            if self.root is not None:
                folder.make_folder(self.root)
            self._store: Any = LocalStore(parts.path) if self.root is not None else self._opened()
        except (BaseError, OSError, ValueError) as error:
            raise self._error("open", "", error) from None

    def _opened(self, **more: Any) -> Any:
        # A loopback endpoint (moto in tests and demo) is the only one that may speak plain http.
        return from_url(self.url, client_options={"allow_http": loopback_endpoint()}, **more)

    def uri(self, key: str) -> str:
        """Where an object is, for a person to open."""
        return f"{self.url}/{key}"

    def read(self, key: str) -> bytes | None:
        """The object's bytes, or None when there is none."""
        try:
            return bytes(self._store.get(key).bytes())
        except (NotFoundError, FileNotFoundError):
            return None
        except (BaseError, OSError) as error:
            raise self._error("read", key, error) from None

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
            if self.root is not None:
                return folder.create_file(_path(self.root, key), body)
            self._store.put(key, body, mode="create", use_multipart=False)
        except AlreadyExistsError:
            return False
        except (BaseError, OSError) as error:
            if self.root is None and unsupported(error):
                raise UnsafeStore(
                    f"The store of lake {self.url} does not implement create-only puts (HTTP 501).",
                    "Use a store that honours If-None-Match: * on PUT.",
                ) from None
            raise self._error("write", key, error) from None
        return True

    def replace(self, key: str, body: bytes) -> None:
        """Put an object in place of the one that is there: only for what can be made again, such as an index."""
        prove_once(self)
        try:
            if self.root is not None:
                folder.replace_file(_path(self.root, key), BytesIO(body))
            else:
                self._store.put(key, body, use_multipart=False)
        except (BaseError, OSError) as error:
            raise self._error("write", key, error) from None

    def upload(self, key: str, source: Path) -> None:
        """Copy a local file to the lake; a reader never sees a part of it."""
        prove_once(self)
        failpoint("lake.upload.before")
        with source.open("rb") as file:  # a missing source is not an error of the lake
            try:
                if self.root is not None:
                    folder.replace_file(_path(self.root, key), file)
                else:
                    obstore.put(self._store, key, file)
            except (BaseError, OSError) as error:
                raise self._error("write", key, error) from None
        failpoint("lake.upload.after")

    def download(self, key: str, target: Path) -> Path:
        """A local file with the object's bytes: the object itself in a folder lake, else ``target``, streamed."""
        if self.root is not None:
            path = self.root / key
            if not path.is_file():
                raise self._error("read", key, FileNotFoundError("there is no such file"))
            return path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                for chunk in self._store.get(key).stream(min_chunk_size=4 * 1024 * 1024):
                    file.write(chunk)
        except (BaseError, OSError) as error:
            raise self._error("read", key, error) from None
        return target

    def keys(self, prefix: str) -> Iterator[str]:
        """All keys below a folder-like prefix, in order."""
        for found in self.objects(prefix):
            yield found.key

    def objects(self, prefix: str) -> Iterator[LakeObject]:
        """All objects below a folder-like prefix, in the order of their keys within each page of the listing."""
        try:
            for page in self._store.list(prefix):
                for item in sorted(page, key=lambda each: str(each["path"])):
                    yield LakeObject(item["path"], item["size"], item["last_modified"])
        except (NotFoundError, FileNotFoundError):
            return
        except (BaseError, OSError) as error:
            raise self._error("list", prefix, error) from None

    def folders(self, prefix: str) -> list[str]:
        """The names of the folders directly below a prefix, in order."""
        try:
            found = self._store.list_with_delimiter(prefix)["common_prefixes"]
        except (NotFoundError, FileNotFoundError):
            return []
        except (BaseError, OSError) as error:
            raise self._error("list", prefix, error) from None
        return sorted(str(path).rstrip("/").rpartition("/")[2] for path in found)

    def has(self, key: str) -> bool:
        """Whether there is such an object."""
        try:
            self._store.head(key)
        except (NotFoundError, FileNotFoundError):
            return False
        except (BaseError, OSError) as error:
            raise self._error("read", key, error) from None
        return True

    def remove_object(self, key: str) -> None:
        """Remove an object that can be made again, or that a retention ends; one that is not there is removed already.

        Only ``include.steps.clean`` calls it, and no other object can be removed: not a ledger, ids, or a manifest.

        Raises:
            ValueError: the key is of another kind, which is a defect of the caller.
        """
        found = read_key(key)
        if found is None or not found.is_removable:
            raise ValueError(f"the key {key!r} is never removed")
        try:
            if self.root is not None:
                _path(self.root, key).unlink(missing_ok=True)
            else:
                self._store.delete(key)
        except (NotFoundError, FileNotFoundError):
            return
        except (BaseError, OSError) as error:
            raise self._error("remove", key, error) from None

    def modified(self, key: str) -> datetime:
        """When the object was written."""
        try:
            moment: datetime = self._store.head(key)["last_modified"]
        except (BaseError, OSError) as error:
            raise self._error("read", key, error) from None
        return moment

    def remove_unfinished(self, before: datetime) -> int:
        """Removes what a process that died in the middle of a put has left in a folder lake; how many files.

        Bucket stores keep parts of an upload out of sight and end them by a rule of the bucket's life cycle.
        """
        removed = 0
        for path in self.root.rglob("*#[0-9]*") if self.root else ():
            with suppress(FileNotFoundError):  # its writer has just finished it
                if path.stat().st_mtime < before.timestamp():
                    path.unlink()
                    removed += 1
        return removed

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

    def mode_for_others(self) -> str | None:
        """Return a folder lake's mode in octal where other users of the machine may enter it, else None."""
        return folder.mode_for_others(self.root) if self.root is not None else None

    @property
    def on_this_machine(self) -> bool:
        """Whether it is a folder, or a stand-in for a store that is reached over loopback."""
        return self.root is not None or loopback_endpoint()

    def open_to_anyone(self) -> bool:
        """Whether a store can be listed, or an object of it read, without credentials."""
        self.check_writable()
        stranger = self._opened(skip_signature=True)
        looks: tuple[Callable[[], Any], ...] = (
            lambda: next(iter(stranger.list()), None),
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


def _path(root: Path, key: str) -> Path:
    """The file of a key; a key that leads out of the lake is a defect, refused as obstore refuses it."""
    if not all(part not in ("", ".", "..") for part in key.split("/")) or "\0" in key:
        raise ValueError(f"illegal character sequence in the key {key!r}")
    return root / key


def sha256_file(path: Path) -> str:
    """Lower-case hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

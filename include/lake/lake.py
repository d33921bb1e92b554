"""The lake: one API over a folder, S3, GCS and Azure, with create-only puts."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import LocalStore, from_url

from include.errors import AccessDenied, ConfigError, LakeError, PipelineError
from include.failpoint import failpoint
from include.redact import one_line

_PROJECT = Path(__file__).parents[2]
_SCHEMES = ("file", "s3", "gs", "az", "abfss")
_WRITABLE = ".writable"
_CODE = re.compile(r"<Code>([A-Za-z]{3,60})</Code>")


def default_lake() -> str:
    """Where the lake is when nobody says: ``MIXPANEL_AEP_LAKE``, else the folder ``lake`` of the project."""
    return os.environ.get("MIXPANEL_AEP_LAKE") or f"file://{_PROJECT / 'lake'}"


class Lake:
    """An object store below ``url``; keys are relative and come from ``include.lake.keys`` only.

    Credentials of ``s3://``, ``gs://`` and ``az://`` come from the environment (roles, ``AWS_*`` and so on).

    Raises:
        LakeError: from every method, when the store cannot be read or written.
        AccessDenied: from every method, when it says that this worker may not.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        parts = _parts(self.url)
        if parts.scheme == "file" and (parts.netloc or not parts.path.startswith("/")):
            raise ConfigError(
                f"The lake {one_line(url)!r} names no absolute folder.",
                "Write it with three slashes: file:///var/lake.",
            )
        try:
            self._store: Any = (
                LocalStore(parts.path, mkdir=True) if parts.scheme == "file" else self._opened()
            )
        except (BaseError, OSError, ValueError) as error:
            raise self._error("open", "", error) from None
        self.root = Path(parts.path) if parts.scheme == "file" else None

    def _opened(self, **more: Any) -> Any:
        # A loopback endpoint (moto in tests and demo) is the only one that may speak plain http.
        return from_url(self.url, client_options={"allow_http": _loopback_endpoint()}, **more)

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
        """Puts the object if there is none yet; False when there is one. This is the lake's only lock."""
        try:
            self._store.put(key, body, mode="create", use_multipart=False)
        except (AlreadyExistsError, FileExistsError):
            return False
        except (BaseError, OSError) as error:
            raise self._error("write", key, error) from None
        return True

    def replace(self, key: str, body: bytes) -> None:
        """Put an object in place of the one that is there: only for what can be made again, such as an index."""
        try:
            self._store.put(key, body, use_multipart=False)
        except (BaseError, OSError) as error:
            raise self._error("write", key, error) from None

    def upload(self, key: str, source: Path) -> None:
        """Streams a local file to the lake; a reader never sees a part of it."""
        failpoint("lake.upload.before")
        with source.open("rb") as file:  # that it is not there is no fault of the lake
            try:
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
        try:
            for page in self._store.list(prefix):
                yield from sorted(item["path"] for item in page)
        except (NotFoundError, FileNotFoundError):
            return
        except (BaseError, OSError) as error:
            raise self._error("list", prefix, error) from None

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
        """Raises LakeError now rather than after an hour of export."""
        self.create(_WRITABLE, b"")

    @property
    def on_this_machine(self) -> bool:
        """Whether it is a folder, or a stand-in for a store that is reached over loopback."""
        return self.root is not None or _loopback_endpoint()

    def open_to_anyone(self) -> bool:
        """Whether a store can be listed, or an object of it read, without credentials."""
        self.check_writable()
        stranger = self._opened(skip_signature=True)
        looks: tuple[Callable[[], Any], ...] = (
            lambda: next(iter(stranger.list()), None),
            lambda: stranger.head(_WRITABLE),
        )
        for look in looks:
            try:
                look()
            except NotFoundError:
                continue
            except (BaseError, OSError) as error:
                if _forbids(error):
                    continue
                raise self._error("answer a stranger about", "", error) from None
            return True
        return False

    def _error(self, verb: str, key: str, error: Exception) -> PipelineError:
        if _forbids(error):
            return AccessDenied(
                f"The lake {self.url} does not let this worker {verb} {key or 'anything'}.",
                "Give its role that right (docs/security.md lists all that it needs); nothing was half written.",
            )
        # Of the store's own text only the code: it quotes the answer, and an answer may quote the request's headers.
        code = _CODE.search(str(error))
        what = type(error).__name__ + (f" ({code[1]})" if code else "")
        return LakeError(
            f"The lake {self.url} cannot {verb} {key or 'anything'}: {what}.",
            "Check that the place exists, that it has room and that this worker may write there.",
        )


def _parts(url: str) -> SplitResult:
    """The parts of a lake's address; it is told in logs and manifests, so nothing secret may be in it.

    Raises:
        ConfigError: it is none; what may hold a secret is not in the message.
    """
    try:
        parts = urlsplit(url)
        told = parts.password or parts.query or parts.fragment
    except ValueError:
        raise ConfigError("The lake's address is none.", "Write it like s3://bucket/prefix.") from None
    if parts.scheme not in _SCHEMES:
        raise ConfigError(
            f"The lake is of no known kind: its address begins with {one_line(parts.scheme, 20) or 'no scheme'}.",
            f"Use one of {', '.join(_SCHEMES)}.",
        )
    # Of abfss://container@account.dfs.core.windows.net the container stands where others have a user.
    if told or (parts.username and parts.scheme != "abfss"):
        raise ConfigError(
            "The lake's address holds more than a place: a user, a password, a signature or the like.",
            "Write only scheme://bucket/prefix; credentials come from the worker's environment, better from its role.",
        )
    return parts


def sha256_file(path: Path) -> str:
    """Lower-case hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _forbids(error: Exception) -> bool:
    """Whether the store says that this worker may not; for a listing it has no exception of its own for that."""
    if isinstance(error, PermissionDeniedError | UnauthenticatedError | PermissionError):
        return True
    return any(f"status code: {code}" in str(error) for code in (401, 403))


def _loopback_endpoint() -> bool:
    import os

    endpoint = os.environ.get("AWS_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT") or ""
    return urlsplit(endpoint).hostname in ("127.0.0.1", "localhost", "::1")

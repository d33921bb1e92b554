"""A bucket of S3, GCS or Azure as a store of the lake, through obstore."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import obstore
from obstore.exceptions import AlreadyExistsError
from obstore.store import from_url

from include.lake.stores.endpoint import may_use_plain_http
from include.lake.stores.object_store import LakeObject, OpenedObject
from include.lake.stores.retry_settings import retry_config

_CHUNK_BYTES = 4 * 1024 * 1024


class BucketStore:
    """The objects below ``url``. Credentials come from the environment (roles, ``AWS_*`` and so on).

    ``patience_seconds``: how long a request is repeated while the store responds with 5xx or cannot be reached.
    ``without_credentials``: send unsigned requests, to check what is public.

    Raises:
        ConfigError: the endpoint uses plain HTTP, which the deployment does not allow.
    """

    def __init__(self, url: str, patience_seconds: float, *, without_credentials: bool = False) -> None:
        self._store = from_url(
            url,
            config={"skip_signature": True} if without_credentials else None,
            client_options={"allow_http": may_use_plain_http(url)},
            retry_config=retry_config(patience_seconds),
        )

    def open(self, key: str) -> OpenedObject:
        """Open an object for reading; its bytes are received while the caller iterates over ``chunks``."""
        found = self._store.get(key)
        chunks = (bytes(chunk) for chunk in found.stream(min_chunk_size=_CHUNK_BYTES))
        return OpenedObject(int(found.meta["size"]), chunks, lambda: None)

    def create(self, key: str, body: bytes) -> bool:
        """Put an object unless it exists; return whether it was created."""
        try:
            self._store.put(key, body, mode="create", use_multipart=False)
        except AlreadyExistsError:
            return False
        return True

    def put(self, key: str, source: BinaryIO) -> None:
        """Put an object, replacing an existing one."""
        obstore.put(self._store, key, source)

    def objects(self, prefix: str) -> Iterator[LakeObject]:
        """List the objects below a prefix, in the order of the keys within each page."""
        for page in self._store.list(prefix):
            for item in sorted(page, key=lambda each: str(each["path"])):
                yield LakeObject(item["path"], item["size"], item["last_modified"])

    def folders(self, prefix: str) -> list[str]:
        """List the names of the folders directly below a prefix."""
        found = self._store.list_with_delimiter(prefix)["common_prefixes"]
        return sorted(str(path).rstrip("/").rpartition("/")[2] for path in found)

    def head(self, key: str) -> LakeObject:
        """Return the size and time of an object."""
        found = self._store.head(key)
        return LakeObject(key, found["size"], found["last_modified"])

    def remove(self, key: str) -> None:
        """Remove an object."""
        self._store.delete(key)

    def probe_read(self) -> None:
        """List the store, to check access without credentials."""
        next(iter(self._store.list()), None)

"""The store of a lake in a bucket of S3, GCS or Azure, implemented with obstore."""

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
    """The objects in a bucket below ``url``. Credentials come from the environment (roles, ``AWS_*`` and so on).

    Args:
        url: the lake's address, such as ``s3://bucket/prefix``.
        retry_seconds: how long a request is repeated while the store responds with 5xx or cannot be reached.
        without_credentials: whether to send requests without credentials, to check whether the bucket is public.

    Raises:
        ConfigError: the endpoint uses plain HTTP, which the deployment does not allow.
    """

    def __init__(self, url: str, retry_seconds: float, *, without_credentials: bool = False) -> None:
        self._store = from_url(
            url,
            config={"skip_signature": True} if without_credentials else None,
            client_options={"allow_http": may_use_plain_http(url)},
            retry_config=retry_config(retry_seconds),
        )

    def open(self, key: str) -> OpenedObject:
        """Open an object for reading; its bytes are downloaded while the caller iterates over ``chunks``."""
        found = self._store.get(key)
        chunks = (bytes(chunk) for chunk in found.stream(min_chunk_size=_CHUNK_BYTES))
        return OpenedObject(int(found.meta["size"]), chunks, lambda: None)

    def create(self, key: str, body: bytes) -> bool:
        """Create an object unless it exists, and return whether it was created."""
        try:
            self._store.put(key, body, mode="create", use_multipart=False)
        except AlreadyExistsError:
            return False
        return True

    def put(self, key: str, source: BinaryIO) -> None:
        """Write an object from a stream, replacing an existing object."""
        obstore.put(self._store, key, source)

    def objects(self, prefix: str) -> Iterator[LakeObject]:
        """Yield the objects in the folder ``prefix`` and its subfolders, sorted by key within each listing page."""
        for page in self._store.list(prefix):
            for item in sorted(page, key=lambda each: str(each["path"])):
                yield LakeObject(item["path"], item["size"], item["last_modified"])

    def folders(self, prefix: str) -> list[str]:
        """Return the names of the folders directly in the folder ``prefix``, sorted."""
        found = self._store.list_with_delimiter(prefix)["common_prefixes"]
        return sorted(str(path).rstrip("/").rpartition("/")[2] for path in found)

    def head(self, key: str) -> LakeObject:
        """Return the size of an object and the time of its last write."""
        found = self._store.head(key)
        return LakeObject(key, found["size"], found["last_modified"])

    def remove(self, key: str) -> None:
        """Remove an object."""
        self._store.delete(key)

    def probe_read(self) -> None:
        """Send one list request, which fails if the store denies it; the result is not used."""
        next(iter(self._store.list()), None)

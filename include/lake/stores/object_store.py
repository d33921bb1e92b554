"""The interface of the stores behind a lake. Its methods raise ``OSError`` or obstore's ``BaseError``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol


@dataclass(frozen=True)
class LakeObject:
    """The key of an object, its size in bytes, and the time of its last write according to the store."""

    key: str
    bytes: int
    modified: datetime


@dataclass(frozen=True)
class OpenedObject:
    """An object that is open for reading. A later write of the object does not change what is read."""

    size: int
    """The size in bytes."""
    chunks: Iterator[bytes]
    """The content, in chunks."""
    close: Callable[[], None]
    """Closes the object; ``chunks`` must not be read afterwards."""


class ObjectStore(Protocol):
    """A folder or a bucket. Methods that read a missing object raise ``FileNotFoundError`` or ``NotFoundError``."""

    def open(self, key: str) -> OpenedObject:
        """Open an object for reading in chunks."""
        ...

    def create(self, key: str, body: bytes) -> bool:
        """Create an object unless it exists, and return whether it was created."""
        ...

    def put(self, key: str, source: BinaryIO) -> None:
        """Write an object from a stream, replacing an existing object."""
        ...

    def objects(self, prefix: str) -> Iterator[LakeObject]:
        """Yield the objects in the folder ``prefix`` and its subfolders."""
        ...

    def folders(self, prefix: str) -> list[str]:
        """Return the names of the folders directly in the folder ``prefix``, sorted."""
        ...

    def head(self, key: str) -> LakeObject:
        """Return the size of an object and the time of its last write."""
        ...

    def remove(self, key: str) -> None:
        """Remove an object."""
        ...

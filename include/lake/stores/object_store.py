"""The interface of every kind of store. Its methods raise ``OSError`` or obstore's ``BaseError``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol


@dataclass(frozen=True)
class LakeObject:
    """An object of a listing; ``modified`` is the store's time of the last put."""

    key: str
    bytes: int
    modified: datetime


@dataclass(frozen=True)
class OpenedObject:
    """An object that was opened once: ``chunks`` are those of that version."""

    size: int
    """In bytes."""
    chunks: Iterator[bytes]
    close: Callable[[], None]


class ObjectStore(Protocol):
    """A folder or a bucket. A missing object raises ``FileNotFoundError`` or ``NotFoundError``."""

    def open(self, key: str) -> OpenedObject:
        """Open an object for reading."""
        ...

    def create(self, key: str, body: bytes) -> bool:
        """Put an object unless it exists; return whether it was created."""
        ...

    def put(self, key: str, source: BinaryIO) -> None:
        """Put an object, replacing an existing one."""
        ...

    def objects(self, prefix: str) -> Iterator[LakeObject]:
        """List the objects below a prefix."""
        ...

    def folders(self, prefix: str) -> list[str]:
        """List the names of the folders directly below a prefix."""
        ...

    def head(self, key: str) -> LakeObject:
        """Return the size and time of an object."""
        ...

    def remove(self, key: str) -> None:
        """Remove an object."""
        ...

"""A folder as a store of the lake: whole files or none, on disk before a put returns, readable by their owner alone.

No symbolic link below the root is followed, by reading, writing, listing or removing: each part of a key is opened
relative to the folder before it. A file is opened once, and what is read of it is of that one file. Reading creates
nothing; the first put makes the root.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from include.errors import ForeignObject
from include.lake.own_keys import is_own_key, unfinished_of
from include.lake.stores.object_store import LakeObject, OpenedObject
from include.lake.stores.open_files import ForeignEntry, make_folder, make_inside, open_file, open_folder

_FILE_MODE = 0o600
_COPY_BYTES = 1024 * 1024


class FolderStore:
    """The files below ``root``.

    Raises:
        OSError: from every method; also where the root is, or lies below, something else than a folder.
        ForeignObject: from every method, where a key leads over a symbolic link, or to something else than a file.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        with suppress(FileNotFoundError):
            if not stat.S_ISDIR(root.stat().st_mode):
                raise NotADirectoryError(f"{root} is not a folder")

    def open(self, key: str) -> OpenedObject:
        """Open the file of a key."""
        with self._inside(key) as (folder, name):
            file = os.fdopen(open_file(name, folder), "rb", buffering=0)
        return OpenedObject(os.fstat(file.fileno()).st_size, _chunks(file), file.close)

    def create(self, key: str, body: bytes) -> bool:
        """Write a file if there is none of its name yet; return False where there is one."""
        with self._inside(key, make=True) as (folder, name):
            if _is_there(name, folder):
                return False
            with _unfinished(name, folder) as (temporary, file):
                file.write(body)
                _sync_file(file)
                try:  # fails where the name is taken: the file system decides who wins
                    os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
                except FileExistsError:
                    return False
            os.fsync(folder)
        return True

    def put(self, key: str, source: BinaryIO) -> None:
        """Copy a stream to a file, in place of one of the same name."""
        with self._inside(key, make=True) as (folder, name):
            with _unfinished(name, folder) as (temporary, file):
                shutil.copyfileobj(source, file, _COPY_BYTES)
                _sync_file(file)
                os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)

    def objects(self, prefix: str) -> Iterator[LakeObject]:
        """List the files below a folder in the order of their keys, without those that are being written."""
        parts = [part for part in prefix.split("/") if part]
        with self._translated(prefix), open_folder(self.root, parts) as folder:
            yield from self._below(folder, "/".join(parts))

    def folders(self, prefix: str) -> list[str]:
        """List the names of the folders directly below a folder."""
        parts = [part for part in prefix.split("/") if part]
        with self._translated(prefix), open_folder(self.root, parts) as folder, os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))

    def head(self, key: str) -> LakeObject:
        """Return size and time of a file."""
        with self._inside(key) as (folder, name):
            descriptor = open_file(name, folder)
            try:
                return _object(key, os.fstat(descriptor))
            finally:
                os.close(descriptor)

    def remove(self, key: str) -> None:
        """Remove a file."""
        with self._inside(key) as (folder, name):
            os.unlink(name, dir_fd=folder)

    def remove_unfinished(self, before: datetime) -> int:
        """Remove what a process that died in the middle of a put has left; return how many files.

        Only names that a put gives to a file of ours: a key of ours, ``#`` and digits.
        """
        removed = 0
        for found in self._unfinished_files():
            if found.modified < before:
                with suppress(FileNotFoundError):  # its writer has just finished it
                    self.remove(found.key)
                    removed += 1
        return removed

    def _unfinished_files(self) -> Iterator[LakeObject]:
        root = self.root.resolve()
        for folder, _, files, descriptor in os.fwalk(root) if root.is_dir() else ():  # which follows no links
            above = Path(folder).relative_to(root)
            for name in files:
                whole = unfinished_of((above / name).as_posix())
                if whole is not None and is_own_key(whole) and not _is_link(name, descriptor):
                    with suppress(FileNotFoundError):
                        found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                        yield _object((above / name).as_posix(), found)

    def _below(self, folder: int, prefix: str) -> Iterator[LakeObject]:
        with os.scandir(folder) as entries:
            # In the order of whole keys, as a bucket lists them: "a-b/x" is before "a/x".
            found = sorted(
                entries,
                key=lambda entry: f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name,
            )
            for entry in found:
                key = f"{prefix}/{entry.name}" if prefix else entry.name
                if entry.is_symlink():
                    raise ForeignEntry(key)
                if entry.is_dir(follow_symlinks=False):
                    with open_folder(folder, [entry.name]) as inner:
                        yield from self._below(inner, key)
                elif entry.is_file(follow_symlinks=False) and unfinished_of(entry.name) is None:
                    with suppress(FileNotFoundError):
                        yield _object(key, entry.stat(follow_symlinks=False))

    @contextmanager
    def _inside(self, key: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """The folder in which a key's file is, opened, and the file's name."""
        *above, name = key_parts(key)
        with self._translated(key):
            if make:
                make_folder(self.root)
            with (make_inside if make else open_folder)(self.root, above) as folder:
                yield folder, name

    @contextmanager
    def _translated(self, key: str) -> Iterator[None]:
        try:
            yield
        except ForeignEntry as entry:
            raise ForeignObject(
                f"The lake file://{self.root} has a symbolic link, or something else than a file or folder, at "
                f"{entry} ({key or 'its root'} leads there); the lake follows none.",
                "Remove it. To have the lake elsewhere, name that folder as the lake, or mount it.",
            ) from None


def key_parts(key: str) -> list[str]:
    """The parts of a key; one that leads out of the lake is a defect, refused as obstore refuses it."""
    parts = key.split("/")
    if not all(part not in ("", ".", "..") for part in parts) or "\0" in key:
        raise ValueError(f"illegal character sequence in the key {key!r}")
    return parts


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_COPY_BYTES):
            yield chunk


def _object(key: str, found: os.stat_result) -> LakeObject:
    return LakeObject(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


def _is_there(name: str, folder: int) -> bool:
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(found.st_mode):
        raise ForeignEntry(name)
    return True


def _is_link(name: str, folder: int) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


@contextmanager
def _unfinished(name: str, folder: int) -> Iterator[tuple[str, BinaryIO]]:
    """A file next to the one of this name that no listing shows: its name ends with # and digits."""
    temporary = f"{name}#{secrets.randbelow(10**18)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, _FILE_MODE, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, _FILE_MODE)
            yield temporary, file
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)


def _sync_file(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())

"""A folder as a store of the lake: files are written completely or not at all, synced to disk, and private to their owner.

No symbolic link below the root is followed when reading, writing, listing or removing: each part of a key is opened
relative to the folder before it. A file is opened once, and all reads are from that open file. Reading creates no
folder; the first put creates the root.
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
    """Stores objects as files below ``root``.

    Raises:
        OSError: from every method; also where the root, or a parent of it, is not a folder.
        ForeignObject: from every method, where a key leads over a symbolic link, or not to a file.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        with suppress(FileNotFoundError):
            if not stat.S_ISDIR(root.stat().st_mode):
                raise NotADirectoryError(f"{root} is not a folder")

    def open(self, key: str) -> OpenedObject:
        """Open the file of a key."""
        with self._open_parent(key) as (folder, name):
            file = os.fdopen(open_file(name, folder), "rb", buffering=0)
        return OpenedObject(os.fstat(file.fileno()).st_size, _chunks(file), file.close)

    def create(self, key: str, body: bytes) -> bool:
        """Write a file unless it exists; return whether it was created."""
        with self._open_parent(key, make=True) as (folder, name):
            if _is_there(name, folder):
                return False
            with _temporary_file(name, folder) as (temporary, file):
                file.write(body)
                _sync_file(file)
                try:  # fails where the name exists: the file system resolves the race
                    os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
                except FileExistsError:
                    return False
            os.fsync(folder)
        return True

    def put(self, key: str, source: BinaryIO) -> None:
        """Copy a stream to a file, replacing an existing one."""
        with self._open_parent(key, make=True) as (folder, name):
            with _temporary_file(name, folder) as (temporary, file):
                shutil.copyfileobj(source, file, _COPY_BYTES)
                _sync_file(file)
                os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)

    def objects(self, prefix: str) -> Iterator[LakeObject]:
        """List the files below a folder in the order of their keys, without unfinished files."""
        parts = [part for part in prefix.split("/") if part]
        with self._translate_link_errors(prefix), open_folder(self.root, parts) as folder:
            yield from self._objects_below(folder, "/".join(parts))

    def folders(self, prefix: str) -> list[str]:
        """List the names of the folders directly below a folder."""
        parts = [part for part in prefix.split("/") if part]
        with (
            self._translate_link_errors(prefix),
            open_folder(self.root, parts) as folder,
            os.scandir(folder) as entries,
        ):
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))

    def head(self, key: str) -> LakeObject:
        """Return the size and time of a file."""
        with self._open_parent(key) as (folder, name):
            descriptor = open_file(name, folder)
            try:
                return _object(key, os.fstat(descriptor))
            finally:
                os.close(descriptor)

    def remove(self, key: str) -> None:
        """Remove a file."""
        with self._open_parent(key) as (folder, name):
            os.unlink(name, dir_fd=folder)

    def remove_unfinished(self, before: datetime) -> int:
        """Remove the temporary files of puts that a process crash interrupted; return their number.

        Only temporary names of this project's files are removed: a key of this project, ``#`` and digits.
        """
        removed = 0
        for found in self._unfinished_files():
            if found.modified < before:
                with suppress(FileNotFoundError):  # the writer finished it in the meantime
                    self.remove(found.key)
                    removed += 1
        return removed

    def _unfinished_files(self) -> Iterator[LakeObject]:
        root = self.root.resolve()
        for folder, _, files, descriptor in (
            os.fwalk(root) if root.is_dir() else ()
        ):  # os.fwalk follows no links
            above = Path(folder).relative_to(root)
            for name in files:
                whole = unfinished_of((above / name).as_posix())
                if whole is not None and is_own_key(whole) and not _is_link(name, descriptor):
                    with suppress(FileNotFoundError):
                        found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                        yield _object((above / name).as_posix(), found)

    def _objects_below(self, folder: int, prefix: str) -> Iterator[LakeObject]:
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
                        yield from self._objects_below(inner, key)
                elif entry.is_file(follow_symlinks=False) and unfinished_of(entry.name) is None:
                    with suppress(FileNotFoundError):
                        yield _object(key, entry.stat(follow_symlinks=False))

    @contextmanager
    def _open_parent(self, key: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """Open the folder that contains a key's file; yield the folder's descriptor and the file's name."""
        *above, name = key_parts(key)
        with self._translate_link_errors(key):
            if make:
                make_folder(self.root)
            with (make_inside if make else open_folder)(self.root, above) as folder:
                yield folder, name

    @contextmanager
    def _translate_link_errors(self, key: str) -> Iterator[None]:
        try:
            yield
        except ForeignEntry as entry:
            raise ForeignObject(
                f"The lake file://{self.root} has a symbolic link, or an entry that is not a file or folder, at "
                f"{entry} (on the path to {key or 'its root'}); the lake does not follow links.",
                "Remove that entry. To use another folder, set that folder as the lake, or mount it.",
            ) from None


def key_parts(key: str) -> list[str]:
    """Return the parts of a key; a key that leads out of the lake is a bug, refused as obstore refuses it."""
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
def _temporary_file(name: str, folder: int) -> Iterator[tuple[str, BinaryIO]]:
    """Yield a temporary file in the same folder that no listing shows: its name ends with # and digits."""
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

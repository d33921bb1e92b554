"""The store of a lake in a local folder.

Files are written completely or not at all, synced to disk, and private to their owner. No symbolic link below the
lake's folder is followed: each part of a key is opened relative to the folder before it. All reads of an object are
from one open file. The first put creates the lake's folder; reading creates nothing.
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
from include.lake.own_keys import final_name_of, is_own_key
from include.lake.stores.object_store import LakeObject, OpenedObject
from include.lake.stores.open_files import ForeignEntry, make_folder, make_inside, open_file, open_folder

_FILE_MODE = 0o600
_COPY_BYTES = 1024 * 1024


class FolderStore:
    """The objects of a lake as files in the folder ``root``.

    Raises:
        OSError: by every method, if a file cannot be read or written, or ``root`` is not a folder.
        ForeignObject: by every method, if a part of a key is a symbolic link, or the key is not that of a file.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        with suppress(FileNotFoundError):
            if not stat.S_ISDIR(root.stat().st_mode):
                raise NotADirectoryError(f"{root} is not a folder")

    def open(self, key: str) -> OpenedObject:
        """Open a file for reading; the file is read while the caller iterates over ``chunks``."""
        with self._open_parent(key) as (folder, name):
            file = os.fdopen(open_file(name, folder), "rb", buffering=0)
        return OpenedObject(os.fstat(file.fileno()).st_size, _chunks(file), file.close)

    def create(self, key: str, body: bytes) -> bool:
        """Create a file with the content ``body`` unless it exists, and return whether it was created."""
        with self._open_parent(key, make=True) as (folder, name):
            if _exists(name, folder):
                return False
            with _temporary_file(name, folder) as (temporary, file):
                file.write(body)
                _sync_file(file)
                try:  # a link fails if the name exists, also if another process creates it at the same time
                    os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
                except FileExistsError:
                    return False
            os.fsync(folder)
        return True

    def put(self, key: str, source: BinaryIO) -> None:
        """Write a file from a stream, replacing an existing file."""
        with self._open_parent(key, make=True) as (folder, name):
            with _temporary_file(name, folder) as (temporary, file):
                shutil.copyfileobj(source, file, _COPY_BYTES)
                _sync_file(file)
                os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)

    def objects(self, prefix: str) -> Iterator[LakeObject]:
        """Yield the files in the folder ``prefix`` and its subfolders, sorted by key, without temporary files."""
        parts = [part for part in prefix.split("/") if part]
        with self._translate_link_errors(prefix), open_folder(self.root, parts) as folder:
            yield from self._objects_below(folder, "/".join(parts))

    def folders(self, prefix: str) -> list[str]:
        """Return the names of the folders directly in the folder ``prefix``, sorted."""
        parts = [part for part in prefix.split("/") if part]
        with (
            self._translate_link_errors(prefix),
            open_folder(self.root, parts) as folder,
            os.scandir(folder) as entries,
        ):
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))

    def head(self, key: str) -> LakeObject:
        """Return the size of a file and the time of its last write."""
        with self._open_parent(key) as (folder, name):
            descriptor = open_file(name, folder)
            try:
                return _lake_object(key, os.fstat(descriptor))
            finally:
                os.close(descriptor)

    def remove(self, key: str) -> None:
        """Remove a file."""
        with self._open_parent(key) as (folder, name):
            os.unlink(name, dir_fd=folder)

    def remove_unfinished(self, before: datetime) -> int:
        """Remove the temporary files that interrupted puts left, and return how many were removed.

        Only files last written before ``before`` are removed, and only those whose name is a key of this project
        followed by ``#`` and digits.
        """
        removed = 0
        for found in self._temporary_files():
            if found.modified < before:
                with suppress(FileNotFoundError):  # its writer has renamed it since
                    self.remove(found.key)
                    removed += 1
        return removed

    def _temporary_files(self) -> Iterator[LakeObject]:
        """Yield the temporary files of this project's objects in all folders of the lake."""
        root = self.root.resolve()
        for folder, _, files, descriptor in (
            os.fwalk(root) if root.is_dir() else ()
        ):  # os.fwalk follows no links
            above = Path(folder).relative_to(root)
            for name in files:
                final_key = final_name_of((above / name).as_posix())
                if final_key is not None and is_own_key(final_key) and not _is_link(name, descriptor):
                    with suppress(FileNotFoundError):
                        found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                        yield _lake_object((above / name).as_posix(), found)

    def _objects_below(self, folder: int, prefix: str) -> Iterator[LakeObject]:
        """Yield the files below an open folder in the order of their keys. ``prefix``: the key of the folder."""
        with os.scandir(folder) as entries:
            # Sorted as a bucket sorts complete keys: "a-b/x" is before "a/x".
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
                elif entry.is_file(follow_symlinks=False) and final_name_of(entry.name) is None:
                    with suppress(FileNotFoundError):
                        yield _lake_object(key, entry.stat(follow_symlinks=False))

    @contextmanager
    def _open_parent(self, key: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """Open the folder of a key's file, and yield its descriptor and the file's name. ``make``: create it."""
        *above, name = key_parts(key)
        with self._translate_link_errors(key):
            if make:
                make_folder(self.root)
            with (make_inside if make else open_folder)(self.root, above) as folder:
                yield folder, name

    @contextmanager
    def _translate_link_errors(self, key: str) -> Iterator[None]:
        """Raise ``ForeignObject`` in place of ``ForeignEntry``."""
        try:
            yield
        except ForeignEntry as entry:
            raise ForeignObject(
                f"The lake file://{self.root} has a symbolic link, or an entry that is not a file or folder, at "
                f"{entry} (on the path to {key or 'its root'}); the lake does not follow links.",
                "Remove that entry. To use another folder, set that folder as the lake, or mount it.",
            ) from None


def key_parts(key: str) -> list[str]:
    """Split a key into the names of its folders and its file.

    Raises:
        ValueError: the key could lead out of the lake, which is a bug of the caller. obstore raises the same error.
    """
    parts = key.split("/")
    if not all(part not in ("", ".", "..") for part in parts) or "\0" in key:
        raise ValueError(f"illegal character sequence in the key {key!r}")
    return parts


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_COPY_BYTES):
            yield chunk


def _lake_object(key: str, found: os.stat_result) -> LakeObject:
    return LakeObject(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


def _exists(name: str, folder: int) -> bool:
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
    """Create a file that listings of the lake leave out, and remove it at the end; yield its name and the open file.

    Its name is ``name`` followed by ``#`` and digits. ``folder``: the descriptor of its folder.
    """
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

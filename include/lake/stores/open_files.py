"""Open folders and files without following symbolic links: each folder of a path is opened relative to its parent."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_FOLDER_MODE = 0o700
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_INNER = _FOLDER | os.O_NOFOLLOW
# Without O_NONBLOCK, opening a pipe would wait for its other end.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class ForeignEntry(Exception):
    """An entry in the place of a file or folder is a symbolic link, or neither a file nor a folder."""


@contextmanager
def open_folder(root: Path | int, parts: Sequence[str]) -> Iterator[int]:
    """Open a folder, and yield its descriptor, which is closed at the end of the block.

    Args:
        root: the path or the descriptor of the folder to begin with; its own path may contain symbolic links.
        parts: the names of the folders below ``root``, from the outside to the inside.

    Raises:
        ForeignEntry: one of ``parts`` is a symbolic link.
        OSError: one of ``parts`` is missing, or is not a folder.
    """
    with _open_path(root, parts, make=False) as descriptor:
        yield descriptor


@contextmanager
def make_inside(root: Path, parts: Sequence[str]) -> Iterator[int]:
    """Open a folder as :func:`open_folder` does, creating missing folders with the mode 0700, whatever the umask is."""
    with _open_path(root, parts, make=True) as descriptor:
        yield descriptor


def make_folder(folder: Path) -> None:
    """Create a folder and its missing parents with the mode 0700, whatever the umask is; existing ones keep theirs."""
    missing: list[Path] = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        try:
            path.mkdir(_FOLDER_MODE)
        except FileExistsError:
            if not path.is_dir():
                raise NotADirectoryError(f"{path} is not a folder") from None
            continue  # another process has created it since the check
        path.chmod(_FOLDER_MODE)
        sync_folder(path.parent)


def open_file(name: str, folder: int) -> int:
    """Open the file ``name`` for reading, and return its descriptor. ``folder``: the descriptor of its folder.

    Raises:
        ForeignEntry: the entry is a symbolic link, or not a regular file.
        OSError: the file is missing or cannot be opened.
    """
    try:
        descriptor = os.open(name, _FILE, dir_fd=folder)
    except OSError:
        _refuse_link(name, folder)
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ForeignEntry(name)
    return descriptor


def sync_folder(folder: Path) -> None:
    """Force the file system to write a folder's list of entries to disk (fsync)."""
    descriptor = os.open(folder, _FOLDER)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _open_path(root: Path | int, parts: Sequence[str], *, make: bool) -> Iterator[int]:
    """Open the folder ``parts`` below ``root``, and yield its descriptor. ``make``: create missing folders."""
    descriptor = os.dup(root) if isinstance(root, int) else os.open(root, _FOLDER)
    try:
        for part in parts:
            if make:
                _make_folder_at(part, descriptor)
            try:
                inner = os.open(part, _INNER, dir_fd=descriptor)
            except OSError:
                _refuse_link(part, descriptor)
                raise
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def _make_folder_at(name: str, folder: int) -> None:
    try:
        os.mkdir(name, _FOLDER_MODE, dir_fd=folder)
    except FileExistsError:
        return  # the caller's open fails if the entry is not a folder
    os.chmod(name, _FOLDER_MODE, dir_fd=folder)
    os.fsync(folder)


def _refuse_link(name: str, folder: int) -> None:
    """Raise ``ForeignEntry`` if an entry is a symbolic link."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return
    if stat.S_ISLNK(found.st_mode):
        raise ForeignEntry(name)

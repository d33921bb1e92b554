"""Puts into a folder lake: whole files or none, on disk before the call returns, readable by their owner alone.

obstore's own put neither syncs nor sets a mode: after a power failure a ledger record that was reported as written
could be gone, and a lake made under a usual umask could be read by every user of the machine.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_FILE_MODE = 0o600
_FOLDER_MODE = 0o700
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_COPY_BYTES = 1024 * 1024


def make_folder(folder: Path) -> None:
    """Make a folder and its missing parents, mode 0700 whatever the umask; existing ones keep their mode."""
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
            continue  # another process made it just now
        path.chmod(_FOLDER_MODE)
        _sync_folder(path.parent)


def create_file(path: Path, body: bytes) -> bool:
    """Write a file if there is none of its name yet; return False where there is one."""
    if path.exists():
        return False
    with _unfinished(path) as (temporary, file):
        file.write(body)
        _sync_file(file)
        try:
            os.link(temporary, path)  # fails where the name is taken: the file system decides who wins
        except FileExistsError:
            return False
    _sync_folder(path.parent)
    return True


def replace_file(path: Path, source: BinaryIO) -> None:
    """Copy a stream to a file, in place of one of the same name."""
    with _unfinished(path) as (temporary, file):
        shutil.copyfileobj(source, file, _COPY_BYTES)
        _sync_file(file)
        temporary.replace(path)
    _sync_folder(path.parent)


def mode_for_others(folder: Path) -> str | None:
    """Return the folder's mode in octal where other users of the machine may enter it, else None."""
    mode = stat.S_IMODE(folder.stat().st_mode)
    return f"{mode:04o}" if mode & _OTHERS else None


@contextmanager
def _unfinished(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A file beside ``path`` that no listing shows: obstore passes over names that end with # and digits."""
    make_folder(path.parent)
    temporary = path.with_name(f"{path.name}#{secrets.randbelow(10**18)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, _FILE_MODE)
            yield temporary, file
    finally:
        temporary.unlink(missing_ok=True)


def _sync_file(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

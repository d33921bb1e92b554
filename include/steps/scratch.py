"""Create scratch folders on the worker's disk; remove them when a step ends, or in the next run if it was killed.

A process holds a lock on a file in each of its scratch folders. The kernel releases the lock when the process ends,
also in another container on the same disk. If the lock of a folder can be acquired, the folder's process has ended.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from include.errors import PipelineError, ScratchError
from include.plural import counted

log = logging.getLogger(__name__)
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_LITTLE_BYTES = 1024 * 1024
"""If less space than this is free (in bytes), any error in a scratch folder is reported as a lack of disk space."""
_OWNER = ".owner"
"""The name of the locked file in a scratch folder; a folder without this file does not belong to this project."""
_held: set[str] = set()
"""The scratch folders of this process: a file system may grant a process a lock that the process already holds."""


@contextmanager
def scratch_folder(prefix: str) -> Iterator[Path]:
    """Create a folder in ``TMPDIR`` whose name starts with ``prefix``; leaving the context removes the folder.

    Folders with the same prefix that killed processes left are removed first.

    Raises:
        ScratchError: the folder cannot be created, or work in it failed because it is full or was removed.
    """
    base = Path(tempfile.gettempdir())
    folder, trouble = base, ""
    remove_abandoned(prefix)
    try:
        # The process id in the name informs a person who finds the folder.
        with tempfile.TemporaryDirectory(prefix=f"{prefix}{os.getpid()}_") as name, _locked(Path(name)):
            folder = Path(name)
            try:
                yield folder
            except PipelineError:
                raise
            except Exception as error:
                trouble = _folder_problem(folder, error)
                if not trouble:
                    raise
    except OSError as error:
        if folder != base:
            raise
        trouble = f"cannot be created: {error.strerror}"
    if trouble:
        # Without its cause: messages of DuckDB and Arrow may quote a row.
        raise ScratchError(
            f"The scratch folder {folder} {trouble}.",
            "Free some space there, or set TMPDIR to a larger disk. A retry of the task repeats this step.",
        )


def remove_abandoned(prefix: str) -> int:
    """Remove the scratch folders in ``TMPDIR`` whose process has ended; return their number.

    Only folders of this user are removed. A folder that cannot be removed is left for the next run.
    """
    removed = 0
    with suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            if entry.name.startswith(prefix) and _is_abandoned(entry):
                removed += _remove(Path(entry.path))
    if removed:
        log.info("Removed %s of processes that were killed", counted(removed, "scratch folder"))
    return removed


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a scratch folder; on a file system without locks, no folder is ever treated as abandoned."""
    unlocked = folder / f"{_OWNER}.new"
    with unlocked.open("wb") as file:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
            unlocked.rename(folder / _OWNER)  # only now, so that no process sees it without its lock
        _held.add(str(folder))
        try:
            yield
        finally:
            _held.discard(str(folder))


def _remove(folder: Path) -> bool:
    """Remove an abandoned folder, the owner file last, so that a partly removed folder is still recognised."""
    with suppress(OSError):
        for path in folder.iterdir():
            if path.name == _OWNER:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        (folder / _OWNER).unlink()
        folder.rmdir()
        return True
    return False


def _is_abandoned(entry: os.DirEntry[str]) -> bool:
    if entry.path in _held:
        return False
    try:
        if not entry.is_dir(follow_symlinks=False) or entry.stat(follow_symlinks=False).st_uid != os.getuid():
            return False
        with (Path(entry.path) / _OWNER).open(
            "r+b"
        ) as file:  # NFS only locks files that are open for writing
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # held by its owner, just removed by it, or not a folder of this project
        return False
    return True


def _folder_problem(folder: Path, error: Exception) -> str:
    """Return the problem with the scratch folder as a phrase; empty if the error has another cause."""
    if not folder.is_dir():
        return "was removed while a step worked in it"
    used = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    free = shutil.disk_usage(folder).free
    if free < _LITTLE_BYTES or (isinstance(error, OSError) and error.errno in _FULL):
        return f"has no room: {used} bytes are in it, {free} are free"
    return ""

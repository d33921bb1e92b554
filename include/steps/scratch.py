"""Scratch space on the worker's own disk: removed when a step ends, by the next run after a kill; its failures reported.

A process holds a lock on a file in each of its scratch folders. The kernel lets go of it when the process ends, however
it ends, also where other containers with process ids of their own share the disk. So a folder whose lock can be taken
has no owner any more.
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

log = logging.getLogger(__name__)
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_LITTLE_BYTES = 1024 * 1024
"""With less than that left, whatever a library says about the file that it could not write, this is why."""
_OWNER = ".owner"
"""The file that is locked; folders without it are not ours."""
_held: set[str] = set()
"""The folders of this process: a file system may grant a lock again to the process that holds it."""


@contextmanager
def scratch_folder(prefix: str) -> Iterator[Path]:
    """A new folder in ``TMPDIR``; those that killed processes have left there under the same prefix are removed.

    Raises:
        ScratchError: it cannot be made; or what is done in it fails, and it is full or gone.
    """
    base = Path(tempfile.gettempdir())
    folder, trouble = base, ""
    remove_abandoned(prefix)
    try:
        # The process id is for a person who finds the folder.
        with tempfile.TemporaryDirectory(prefix=f"{prefix}{os.getpid()}_") as name, _owned(Path(name)):
            folder = Path(name)
            try:
                yield folder
            except PipelineError:
                raise
            except Exception as error:
                trouble = _trouble(folder, error)
                if not trouble:
                    raise
    except OSError as error:
        if folder != base:
            raise
        trouble = f"cannot be made: {error.strerror}"
    if trouble:
        # Without its cause: what DuckDB and Arrow say may quote a row.
        raise ScratchError(
            f"The scratch folder {folder} {trouble}.",
            "Make room there, or set TMPDIR to a larger disk; the task is retried, and begins this step anew.",
        )


def remove_abandoned(prefix: str) -> int:
    """Remove the scratch folders in ``TMPDIR`` whose process has ended; returns how many.

    Only folders of this user are touched. One that cannot be removed is left for the next run.
    """
    removed = 0
    with suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            if entry.name.startswith(prefix) and _is_abandoned(entry):
                removed += _remove(Path(entry.path))
    if removed:
        log.info("Removed %d scratch folders of processes that were killed", removed)
    return removed


@contextmanager
def _owned(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; one whose file system has no locks is never taken for abandoned."""
    unlocked = folder / f"{_OWNER}.new"
    with unlocked.open("wb") as file:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
            unlocked.rename(folder / _OWNER)  # only now: no process may see it without its lock
        _held.add(str(folder))
        try:
            yield
        finally:
            _held.discard(str(folder))


def _remove(folder: Path) -> bool:
    """Remove an abandoned folder, its owner's file last: a folder of which something is left stays recognisable."""
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
        with (Path(entry.path) / _OWNER).open("r+b") as file:  # NFS locks what is open for writing
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # held by its owner, removed by it just now, or not a folder of ours
        return False
    return True


def _trouble(folder: Path, error: Exception) -> str:
    """What is the matter with the folder; nothing, where the error is about something else."""
    if not folder.is_dir():
        return "was removed while a step worked in it"
    used = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    free = shutil.disk_usage(folder).free
    if free < _LITTLE_BYTES or (isinstance(error, OSError) and error.errno in _FULL):
        return f"has no room: {used} bytes are in it, {free} are free"
    return ""

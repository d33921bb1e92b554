"""Scratch space on the worker's own disk: removed whatever happens, and when it fails the step, told as that."""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from include.errors import PipelineError, ScratchError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_LITTLE_BYTES = 1024 * 1024
"""With less than that left, whatever a library says about the file that it could not write, this is why."""


@contextmanager
def scratch_folder(prefix: str) -> Iterator[Path]:
    """A new folder in ``TMPDIR``.

    Raises:
        ScratchError: it cannot be made; or what is done in it fails, and it is full or gone.
    """
    base = Path(tempfile.gettempdir())
    folder, trouble = base, ""
    try:
        with tempfile.TemporaryDirectory(prefix=prefix) as name:
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


def _trouble(folder: Path, error: Exception) -> str:
    """What is the matter with the folder; nothing, where the error is about something else."""
    if not folder.is_dir():
        return "was removed while a step worked in it"
    used = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    free = shutil.disk_usage(folder).free
    if free < _LITTLE_BYTES or (isinstance(error, OSError) and error.errno in _FULL):
        return f"has no room: {used} bytes are in it, {free} are free"
    return ""

"""Check that other users of the machine cannot enter a folder lake, by the modes and owners of its folders."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from include.errors import ConfigError

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def require_private(root: Path) -> None:
    """Check that no other user of the machine owns a folder of a lake, or can enter or replace it.

    ``root``: the lake's folder.

    Raises:
        ConfigError: a folder is not private; the message names the folder, its mode or owner, and the command that
            corrects it.
    """
    for folder in (root, *_inner_folders(root)):
        status = folder.lstat()
        if status.st_uid != os.geteuid():
            raise ConfigError(
                f"The folder {folder} of the lake belongs to the user with the number {status.st_uid}, not to the user of this "
                f"process ({os.geteuid()}), so its owner could change the loaded data.",
                f"Run all tasks as the same user. As root, run: chown -R {os.geteuid()} {shlex.quote(str(root))}",
            )
    mode = stat.S_IMODE(root.stat().st_mode)
    if mode & _OTHERS:
        can = "change and read" if mode & _OTHERS_WRITE else "enter"
        raise ConfigError(
            f"Other users of this machine can {can} the lake's folder {root} (mode {mode:04o}), which contains personal "
            "data.",
            f"Run: chmod -R go-rwx {shlex.quote(str(root))}",
        )
    _require_parents(root)


def _inner_folders(root: Path) -> Iterator[Path]:
    """Yield the folders directly in the lake, sorted: those of pipelines and those whose names begin with ``_``."""
    with os.scandir(root) as entries:
        yield from sorted(Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))


def _require_parents(root: Path) -> None:
    """Check that no other user can replace the lake by renaming a folder that contains it."""
    for folder in root.resolve().parents:
        found = folder.stat()
        is_open = found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX
        if is_open or found.st_uid not in (0, os.geteuid()):
            what = "lets every user of this machine rename it" if is_open else "belongs to another user"
            raise ConfigError(
                f"The folder {folder}, which contains the lake {root}, {what}: another folder could replace it.",
                "Move the lake to a folder of the workers' user, or correct the owner and mode of that folder.",
            )

"""Faults inside a process: limited space, few file handles, termination, newer code."""

from __future__ import annotations

import ctypes
import importlib
import os
import resource
import shutil
import signal
import socket
import sys
import tempfile
from pathlib import Path

_NEW_MOUNTS, _NEW_USER, _PRIVATE = 0x20000, 0x10000000, 0x44000


def mount(folder: Path, options: str) -> bool:
    """Mount a file system at ``folder`` that only this process sees; return False if the machine forbids it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_MOUNTS) and libc.unshare(_NEW_USER | _NEW_MOUNTS):
        return False
    folder.mkdir(parents=True, exist_ok=True)
    private = libc.mount(b"none", b"/", None, _PRIVATE, None)
    return not private and not libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, options.encode())


def can_mount() -> bool:
    """Return whether this machine allows it; tried in a separate process."""
    pid = os.fork()
    if not pid:
        os._exit(not mount(Path(tempfile.gettempdir()), "size=4k"))
    return os.waitpid(pid, 0)[1] == 0


def small_disk(folder: str, options: str) -> None:
    assert mount(Path(folder), options)


def few_files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


def differences_alone() -> None:
    """Let a refresh read only the different lines, however few lines the day has."""
    import include.steps.export.compare_exports

    include.steps.export.compare_exports.SMALL_LINES = 0
    include.steps.export.compare_exports.MOST_CHANGED = 1000


def no_names() -> None:
    """Let name servers know no host."""

    def nobody(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    socket.getaddrinfo = nobody  # type: ignore[assignment]


def no_scratch() -> None:
    """Remove TMPDIR, as a clean-up job could."""
    shutil.rmtree(tempfile.gettempdir())


def ends_when_told() -> None:
    """Handle SIGTERM as the operators' ``on_kill`` does."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def newer_code() -> None:
    """Use a version of the code that produces other rows for the same inputs."""
    for name in ("transform.step", "validate.rules", "stage.step"):
        vars(importlib.import_module(f"include.steps.{name}"))["DATA_VERSION"] = 1000


def recipe_1() -> None:
    """Use a version of the code that knew only recipe 1 of the ids."""
    vars(importlib.import_module("include.steps.history.provenance"))["RECIPE"] = 1

"""Measures a command from outside: wall time, processor time and memory of its whole process tree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

import psutil

from benchmarks.environment import ROOT

_EVERY_SECONDS = 0.02
_MB = 1_000_000


@dataclass(frozen=True)
class Measured:
    """``peak_bytes``: the largest observed sum of the tree's resident memory; ``said``: the JSON of the output."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    said: dict[str, Any]


def measured(module: str, *arguments: str) -> Measured:
    """Run ``python -m module`` and wait for its end.

    Raises:
        RuntimeError: the process failed; its errors are on standard error.
    """
    began = time.perf_counter()
    path = os.pathsep.join(filter(None, (str(ROOT), str(ROOT / "plugins"), os.environ.get("PYTHONPATH"))))
    process = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, cwd=ROOT, text=True,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    ended = threading.Event()
    peak = [0]
    watch = threading.Thread(target=_watch, args=(process.pid, ended, peak))
    watch.start()
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    ended.set()
    watch.join()
    if process.returncode:
        raise RuntimeError(f"python -m {module} {' '.join(arguments)} failed.")
    said = json.loads(output.strip().split("\n")[-1])
    alone = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Measured(seconds, used.ru_utime + used.ru_stime, max(peak[0], alone), said)


def _watch(pid: int, ended: threading.Event, peak: list[int]) -> None:
    """Sample the tree's memory repeatedly. Pages that its processes share count once per process."""
    try:
        root = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return
    while not ended.wait(_EVERY_SECONDS):
        total = 0
        try:
            for process in (root, *root.children(recursive=True)):
                total += process.memory_info().rss
        except psutil.Error:
            continue  # a process ended in the meantime
        peak[0] = max(peak[0], total)

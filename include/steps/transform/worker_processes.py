"""Start, control and end the additional processes of a transform.

They are started as new programs and not forked, because Arrow's threads do not survive a fork. Each additional process
has one end of two sockets. When this process ends, the other ends are closed, and the additional process exits.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from include import errors
from include.errors import ConfigError, PipelineError, WorkerFailed
from include.mixpanel.raw_blocks import Block
from include.steps.transform.job import Job
from include.steps.transform.passed_blocks import MOST_UNREAD, BlockFiles

log = logging.getLogger(__name__)
VARIABLE = "MIXPANEL_AEP_PROCESSES"
USUAL = 2
_ROWS_FOR_ANOTHER = 60_000
"""The number of rows per process; starting a process takes as long as mapping about half of these rows."""
_ROOT = Path(__file__).parents[3]
_START = "import sys; sys.path[:] = {path!r}; from include.steps.transform.worker_main import main; main({connection}, {life})"


def wanted_processes(rows: int) -> int:
    """Return the number of processes, including this one, for a day of ``rows`` rows; at most the number of cores.

    Raises:
        ConfigError: ``MIXPANEL_AEP_PROCESSES`` is not a whole number from 1 to 64.
    """
    text = os.environ.get(VARIABLE, str(USUAL))
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 64):
        raise ConfigError(
            f"{VARIABLE} is not a whole number from 1 to 64.", "Set it to 1 or 2, or remove it."
        )
    return max(1, min(int(text), _cores(), rows // _ROWS_FOR_ANOTHER))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class WorkerProcess:
    """An additional process that executes ``worker_main`` for a job.

    ``scratch``: the job's scratch folder. ``name`` distinguishes the process's files in it. ``begin`` sends the job.
    """

    def __init__(self, scratch: Path, name: str) -> None:
        self._name = name
        self._blocks = BlockFiles(scratch, name)
        self._unread = 0
        mine, its = socket.socketpair()
        life, its_life = socket.socketpair()
        with its, its_life:
            code = _START.format(
                path=[str(_ROOT), *sys.path], connection=its.fileno(), life=its_life.fileno()
            )
            self._process = subprocess.Popen(  # noqa: S603 - this program, with no one's text
                [sys.executable, "-c", code],
                pass_fds=(its.fileno(), its_life.fileno()),
                stdin=subprocess.DEVNULL,
            )
        self._life = life
        self._connection: Connection[object, Any] = Connection(mine.detach())

    def begin(self, job: Job) -> None:
        """Send the job; to be called once, before any other message is sent."""
        self.send((job, self._name))

    def send(self, message: object) -> None:
        """Send a message to the process (see ``worker_main.main``).

        Raises:
            WorkerFailed: the process has ended.
        """
        try:
            self._connection.send(message)
        except OSError:
            raise self._failure() from None

    def offer(self, block: Block) -> bool:
        """Pass a block to the process; return False, without passing it, if it has enough blocks to read.

        Raises:
            PipelineError: the error that the process raised.
            WorkerFailed: the process ended, or raised another error.
        """
        self.check()
        while self._unread and self._connection.poll():
            self._confirm()
        if self._unread == MOST_UNREAD:
            return False
        self.send(self._blocks.write(block))
        self._unread += 1
        return True

    def finish_blocks(self) -> None:
        """Send the message that no further blocks follow; raise the same errors as ``offer``."""
        self.send(("end",))
        while self._unread:
            self._confirm()

    def _confirm(self) -> None:
        """Wait until the process has read the oldest unread block."""
        self.receive()
        self._unread -= 1

    # The value is from pickle, which has no types.
    def receive(self) -> Any:
        """Wait for the response to the last message, and return the response's value; log its log records.

        Raises:
            PipelineError: the error that the process raised.
            WorkerFailed: the process ended, or raised another error.
        """
        try:
            kind, value, records = self._connection.recv()
        except (EOFError, OSError):
            raise self._failure() from None
        for name, level, text in records:
            logging.getLogger(name).log(level, "%s", text)
        if kind == "done":
            return value
        raise _error(*value)

    def check(self) -> None:
        """Check that the process is running.

        Raises:
            WorkerFailed: the process has ended.
        """
        if self._process.poll() is not None:
            raise self._failure()

    def end(self) -> None:
        """Close the connection and kill the process, if it is still running."""
        self._blocks.close()
        self._connection.close()
        self._life.close()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def _failure(self) -> WorkerFailed:
        try:
            code = self._process.wait(10)
        except subprocess.TimeoutExpired:
            code = 0
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return WorkerFailed(
            f"A process of the transform step ended before its work was finished ({how}).",
            f"SIGKILL usually means that memory ran out: give the worker more, or set {VARIABLE}=1. Airflow retries the task.",
        )


def _error(kind: str, sentence: str, hint: str, number: int | None) -> Exception:
    found = getattr(errors, kind, None)
    if isinstance(found, type) and issubclass(found, PipelineError) and found is not errors.Throttled:
        return found(sentence, hint)
    if number is not None:
        return OSError(number, os.strerror(number))
    return WorkerFailed(
        f"A process of the transform step failed ({sentence}).",
        "Airflow retries the task. If it fails again, report it with the task's log.",
    )


@contextmanager
def worker_processes(scratch: Path, number: int) -> Iterator[list[WorkerProcess]]:
    """Start ``number`` additional processes for a job with this scratch folder, and end them when the context ends."""
    started: list[WorkerProcess] = []
    try:
        for n in range(1, number + 1):
            started.append(WorkerProcess(scratch, str(n)))
        yield started
    finally:
        for process in started:
            process.end()

"""Run an additional process of the transform step: it receives lines and tasks from the process that started it."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
import threading
from importlib.abc import MetaPathFinder
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from include.errors import PipelineError
from include.steps.transform.passed_blocks import Response, received_blocks
from include.steps.transform.worker import Worker


def main(connection: int, life: int) -> None:
    """Process messages until the parent process ends or closes the connection.

    Args:
        connection: the file descriptor of the socket for messages and responses.
        life: the file descriptor of a socket that is closed when the parent process ends.

    The first message is ``(job, name)``. Each later message is ``("parse",)``, followed by the messages that
    ``received_blocks`` reads, or ``("write", parts)``. Each response is ``(kind, value, log records)``; ``kind`` is
    ``done`` or ``failed``.
    """
    sys.meta_path.insert(0, _WithoutPandas())
    threading.Thread(target=_end_when_closed, args=(life,), daemon=True).start()
    records = _LogCollector()
    logging.basicConfig(level=logging.INFO, handlers=[records])
    _import_libraries()
    channel: Connection[Response, Any] = Connection(connection)
    with contextlib.suppress(EOFError, OSError):
        job, name = channel.recv()
        work = Worker(job, name, is_alone=False)
        while True:
            verb, *arguments = channel.recv()
            if verb == "parse":
                arguments = [received_blocks(channel, job.scratch, name)]
            channel.send((*_answer(work, verb, arguments), records.take_records()))


def _import_libraries() -> None:
    """Import what the work needs, while the parent process still downloads the export."""
    import numpy  # noqa: F401
    import pyarrow.compute
    import pyarrow.parquet  # noqa: F401


class _WithoutPandas(MetaPathFinder):
    """Prevents the import of pandas by pyarrow, which would take longer than all other imports of this process."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:  # noqa: ARG002 - its parameters
        if fullname == "pandas":
            raise ModuleNotFoundError(fullname)


# The arguments are from pickle, which has no types.
def _answer(work: Worker, verb: str, arguments: list[Any]) -> tuple[str, object]:
    try:
        return "done", work.parse(*arguments) if verb == "parse" else work.write(*arguments)
    except PipelineError as error:
        return "failed", (type(error).__name__, error.sentence, error.hint, None)
    except OSError as error:
        return "failed", ("OSError", "OSError", "", error.errno)
    except Exception as error:  # noqa: BLE001 - reported by the other process, without a row's value
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        at = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"
        return "failed", ("", f"{type(error).__name__} at {at}", "", None)


def _end_when_closed(life: int) -> None:
    """End this process when the parent process closes its end of the socket ``life``, or ends."""
    with socket.socket(fileno=life) as other:
        other.recv(1)
    os._exit(1)


class _LogCollector(logging.Handler):
    """Collects log records from level WARNING, for the parent process, which writes the task's log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._kept: list[tuple[str, int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._kept.append((record.name, record.levelno, record.getMessage()))

    def take_records(self) -> list[tuple[str, int, str]]:
        """Return the records since the last call, each as (logger name, level, text)."""
        kept, self._kept = self._kept, []
        return kept

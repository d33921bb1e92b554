"""Airflow's own processes, which a test can stop and kill: a worker with its supervisor, and triggerers.

One process imports everything and forks the others, so that they start at once.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any

import psutil

from include.failpoint import VARIABLE
from tests.airflow.airflow_runner import BUNDLE, DAG_FILE, AirflowRun

_SPAWNING = multiprocessing.get_context("spawn")
_DEADLINE_SECONDS = 180.0
"""Airflow's processes take long to start where a machine has other things to do."""
_HURRIED = {
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "3",
}
"""A triggerer that has said nothing for three seconds is dead to the others; by default it is half a minute."""


def wait_for(what: Callable[[], Any], seconds: float = _DEADLINE_SECONDS) -> Any:
    """Return the first true result of ``what``."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
    return found


class Worker:
    """A worker process. It runs one task at a time in a child process, and reports how the task ended."""

    def __init__(self) -> None:
        self._conn, theirs = _SPAWNING.Pipe()
        self.process = _SPAWNING.Process(target=_serve, args=(theirs,), daemon=False)
        self.process.start()
        self._ready = False

    def start(self, run: AirflowRun, step: str, failpoints: str = "") -> None:
        """Start a try of a task that dies or stops at ``failpoints``."""
        from airflow.executors.workloads.task import TaskInstanceDTO

        task = TaskInstanceDTO.model_validate(run.queue(step), from_attributes=True)
        self._send("task", (task.model_dump(mode="json"), {**os.environ, VARIABLE: failpoints}))

    def wait(self, seconds: float = _DEADLINE_SECONDS) -> int:
        """Return the exit code of the task's process."""
        return int(self._answer(seconds))

    def stopped_task(self) -> psutil.Process:
        """Return the task's process once it has stopped at its failpoint."""
        return wait_for(self._stopped)

    @contextmanager
    def triggerer(self) -> Iterator[int]:
        """Start a triggerer and return the id of its process group."""
        self._send("triggerer", dict(os.environ))
        group = int(self._answer(_DEADLINE_SECONDS))
        try:
            yield group
        finally:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)

    def close(self) -> None:
        self.process.kill()
        self.process.join()

    def _send(self, kind: str, body: Any) -> None:
        if not self._ready:
            assert self._answer(_DEADLINE_SECONDS) == "ready"
            self._ready = True
        self._conn.send((kind, body))

    def _answer(self, seconds: float) -> Any:
        assert self._conn.poll(seconds), "the worker says nothing"
        return self._conn.recv()

    def _stopped(self) -> psutil.Process | None:
        children = psutil.Process(self.process.pid).children()
        return next((child for child in children if child.status() == psutil.STATUS_STOPPED), None)


def _serve(conn: Connection) -> None:
    """Run the worker's own process."""
    os.environ.update(_HURRIED)
    from airflow.cli.commands import triggerer_command
    from airflow.executors.workloads.base import BundleInfo
    from airflow.executors.workloads.task import TaskInstanceDTO
    from airflow.sdk.execution_time.supervisor import InProcessTestSupervisor, supervise_task

    import include.steps.export.step
    import include.steps.ingest.step  # noqa: F401 - for the tasks, which are forked from here

    conn.send("ready")
    while True:
        kind, body = conn.recv()
        if kind == "triggerer":
            os.environ.update(body)
            if pid := os.fork():
                conn.send(pid)
                continue
            os.setsid()
            triggerer_command.triggerer_run(skip_serve_logs=True, capacity=10, triggerer_heartrate=1)
            os._exit(0)
        task, environment = body
        os.environ.update(environment)
        code = supervise_task(
            ti=TaskInstanceDTO.model_validate(task),
            bundle_info=BundleInfo(name=BUNDLE),
            dag_rel_path=DAG_FILE,
            token="",
            client=InProcessTestSupervisor._api_client(dag=True),
        )
        conn.send(code)

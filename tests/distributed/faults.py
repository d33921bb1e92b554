"""Faults of the cluster during the backfill: each waits for its moment and reports what it did."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psutil

from tests.distributed.cluster import Cluster

_MOMENT_SECONDS = 240.0
_SLOW_SECONDS = 30.0
IN_TRANSFORM = "manifest.transform.before:1=stop"
"""The files of the output are in the lake, and its manifest is not: nothing is published."""
IN_INGEST = "batch.upload.after:1=stop"
"""A file of the batch is at AEP, and the batch is not complete."""
FAILPOINTS = {"worker-1": IN_TRANSFORM, "worker-2": IN_INGEST}


@dataclass(frozen=True)
class Faults:
    """The faults of one run; ``say`` prints a line for each."""

    cluster: Cluster
    runs: Callable[[], list[tuple[str, str]]]
    """(DAG, run) of the backfill."""
    say: Callable[[str], None]

    def all(self) -> list[Callable[[], None]]:
        return [
            lambda: self.kill_worker("worker-1", "transform"),
            lambda: self.kill_worker("worker-2", "ingest"),
            self.restart_redis,
            self.restart_postgres,
            self.slow_s3_down,
            self.kill_triggerer,
            self.restart_scheduler,
        ]

    def kill_worker(self, name: str, step: str) -> None:
        """Kill a worker and its tasks, one of which has stopped at a point of ``step``, with SIGKILL; then restart it."""
        processes = self.cluster.processes
        processes.wait_for(f"a task of {name} stops in {step}", lambda: self._stopped(name), _MOMENT_SECONDS)
        running = [task["task_id"] for task in self._tasks(hostname=name, state="running")]
        assert step in running, f"{name} has stopped in {running}, not in {step}"
        processes.end(name, signal.SIGKILL)
        self.cluster.start_worker(name)
        self.say(f"{name} was killed in {step}, with {len(running)} tasks")

    def restart_redis(self) -> None:
        """Restart Redis while tasks are queued: their messages are in its append-only file."""
        self._wait_for_tasks(1, "queued", "running")
        self.cluster.processes.restart("redis")
        self.say("Redis was restarted")

    def restart_postgres(self) -> None:
        """Shut down at once, as in a crash; dependent processes end or wait, and are restarted."""
        self._wait_for_tasks(1, "running")
        self.cluster.processes.restart("postgres", signal.SIGKILL)
        self.say("PostgreSQL was killed and started again")

    def slow_s3_down(self) -> None:
        """Let S3 answer every request with 503 Slow Down for half a minute."""
        self._wait_for_tasks(2, "running")
        file, met = self.cluster.slow_down, self.cluster.slow_down.with_suffix(".met")
        file.touch()
        try:
            end = time.monotonic() + _SLOW_SECONDS
            self.cluster.processes.wait_for(
                "S3 has been slow", lambda: time.monotonic() > end and met.exists(), _MOMENT_SECONDS
            )
        finally:
            file.unlink()
        self.say(f"S3 answered 503 for {_SLOW_SECONDS:.0f} s, to {met.stat().st_size} requests")

    def kill_triggerer(self) -> None:
        """Kill the triggerer with SIGKILL while it polls batches of deferred tasks."""
        deferred = self._wait_for_tasks(1, "deferred")
        self.cluster.processes.restart("triggerer", signal.SIGKILL)
        self.say(f"the triggerer was killed with {deferred} deferred tasks")

    def restart_scheduler(self) -> None:
        """Kill the scheduler with SIGKILL while tasks run."""
        self._wait_for_tasks(1, "running", "queued")
        self.cluster.processes.restart("scheduler", signal.SIGKILL)
        self.say("the scheduler was killed and started again")

    def _wait_for_tasks(self, count: int, *states: str) -> int:
        def enough() -> int:
            found = sum(1 for state in states for _ in self._tasks(state=state))
            return found if found >= count else 0

        what = f"{count} tasks are {' or '.join(states)}"
        return int(self.cluster.processes.wait_for(what, enough, _MOMENT_SECONDS))

    def _tasks(self, **fields: Any) -> Iterator[dict[str, Any]]:
        for dag_id, run_id in self.runs():
            for task in self.cluster.api.tasks(dag_id, run_id):
                if all(task[name] == value for name, value in fields.items()):
                    yield task

    def _stopped(self, name: str) -> bool:
        members = self.cluster.processes.services[name].members
        return any(each.status() == psutil.STATUS_STOPPED for each in members if each.is_running())

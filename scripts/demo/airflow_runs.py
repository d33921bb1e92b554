"""Waits for runs of the demo's Airflow, and reports their progress."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from scripts.demo.airflow_api import AirflowApi
from scripts.demo.settings import PROJECT, DemoError

_DEADLINE_SECONDS = 1200
_ENDED = ("success", "failed")


def unfinished_runs(api: AirflowApi, dag_id: str, at_least: int) -> set[tuple[str, str]]:
    """Return the DAG's unfinished runs; the runs of an accepted backfill appear one after the other."""
    deadline = time.monotonic() + 60
    while True:
        runs = [run for run in api.runs(dag_id) if run["state"] not in _ENDED]
        if len(runs) >= at_least or time.monotonic() > deadline:
            return {(dag_id, run["dag_run_id"]) for run in runs}
        time.sleep(0.3)


def await_runs(
    api: AirflowApi, waiting: set[tuple[str, str]], what: str, report: Callable[[str], None]
) -> None:
    """Wait until every run, named by DAG and run id, has succeeded. ``report``: prints a line of progress.

    Raises:
        DemoError: a run failed, with the error of its first failed task; or the runs did not end in time.
    """
    total, shown, deadline = len(waiting), "", time.monotonic() + _DEADLINE_SECONDS
    waiting = set(waiting)
    while waiting:
        progress = Counter[str]()
        for dag_id, run_id in sorted(waiting):
            state = api.run_state(dag_id, run_id)
            if state == "failed":
                raise DemoError(_failure(api, dag_id, run_id))
            if state == "success":
                waiting.discard((dag_id, run_id))
            else:
                progress.update(_unfinished_tasks(api, dag_id, run_id))
        line = f"{what}: {total - len(waiting)} of {total} done" + "".join(
            f", {count} in {task}" for task, count in sorted(progress.items())
        )
        if line != shown and what != "setup":
            report(line)
            shown = line
        if time.monotonic() > deadline:
            raise DemoError(
                f"timeout after {_DEADLINE_SECONDS} seconds: {line}. See the logs below {PROJECT / '.run'}."
            )
        if waiting:
            time.sleep(1)


def _unfinished_tasks(api: AirflowApi, dag_id: str, run_id: str) -> list[str]:
    return [
        task["task_id"]
        for task in api.tasks(dag_id, run_id)
        if task["state"] in ("running", "deferred", "up_for_retry")
    ]


def _failure(api: AirflowApi, dag_id: str, run_id: str) -> str:
    failed = [task for task in api.tasks(dag_id, run_id) if task["state"] == "failed"]
    if not failed:
        return f"run {run_id} of {dag_id} failed without a failed task"
    task = failed[0]
    tail = api.log_tail(dag_id, run_id, task["task_id"], task["try_number"])
    return f"task {task['task_id']} of {dag_id}, run {run_id}, failed: {tail}"

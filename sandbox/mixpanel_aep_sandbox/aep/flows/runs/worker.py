"""Execution of due runs in a background thread for each AEP sandbox, one run after the other."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import dataclass, field

from mixpanel_aep_sandbox.aep.core.scope import BATCHES, AepSandboxScope
from mixpanel_aep_sandbox.aep.flows.constants import RUNS
from mixpanel_aep_sandbox.aep.flows.models import Entity, document_kind, save
from mixpanel_aep_sandbox.aep.flows.runs.due_runs import clear_due_time, create_due_runs, due_flows, due_runs
from mixpanel_aep_sandbox.aep.flows.runs.execute import PROCESS, RunFailed, execute
from mixpanel_aep_sandbox.aep.ingestion.lifecycle import apply_due_changes
from mixpanel_aep_sandbox.aep.ingestion.processing.worker import start as start_batch

_MAX_WAIT_SECONDS = 10


@dataclass
class _Worker:
    """The background thread that executes the due runs of one AEP sandbox."""

    finished: threading.Event = field(default_factory=threading.Event)
    check_again: bool = False
    """Whether new due runs were found while the thread was running, so that it must not end yet."""


_workers: dict[tuple[int, str, str], _Worker] = {}
_lock = threading.Lock()
"""Lock for ``_workers``. While a thread holds it, the thread must not use a store, to avoid a deadlock."""


def start_due_runs(scope: AepSandboxScope) -> threading.Event | None:
    """Create all runs that are due, and execute them in a background thread.

    Returns:
        An event that is set when all due runs have been executed, or None if no run is due.
    """
    for flow_id in due_flows(scope):
        with scope.state.store.transaction():
            create_due_runs(scope, flow_id)
    waiting = due_runs(scope)
    key = (id(scope.state.store), scope.org, scope.name)
    with _lock:
        worker = _workers.get(key)
        if worker is not None:
            worker.check_again = worker.check_again or bool(waiting)
            return worker.finished
        if not waiting:
            return None
        worker = _workers[key] = _Worker()
    threading.Thread(target=_work, args=(scope, key, worker), name="flow-runs", daemon=True).start()
    return worker.finished


def run_due_and_wait(scope: AepSandboxScope) -> None:
    """Execute due runs, wait for them for at most 10 seconds, and update the states of batches."""
    finished = start_due_runs(scope)
    if finished is not None:
        finished.wait(_MAX_WAIT_SECONDS)
    apply_due_changes(scope)


def _work(scope: AepSandboxScope, key: tuple[int, str, str], worker: _Worker) -> None:
    """Execute due runs until no run is due. The background thread runs this function."""
    try:
        while _has_work(key, worker, waiting := due_runs(scope)):
            if waiting:
                _execute_run(scope, waiting[0])
    except sqlite3.ProgrammingError:
        pass  # the sandbox was closed; an unfinished run is repeated after the next start
    finally:
        with _lock:
            if _workers.get(key) is worker:  # after an exception; otherwise _has_work removed the worker
                del _workers[key]
        worker.finished.set()


def _has_work(key: tuple[int, str, str], worker: _Worker, waiting: list[Entity]) -> bool:
    """Return whether the worker must continue; otherwise remove it from ``_workers``."""
    with _lock:
        more = bool(waiting) or worker.check_again
        worker.check_again = False
        if not more:
            del _workers[key]
        return more


def _execute_run(scope: AepSandboxScope, run: Entity) -> None:
    """Execute one due run, and store its result in the run."""
    if "batch" in run:  # the batch was created before the sandbox was restarted
        clear_due_time(scope, run["id"])
        return
    started = _update_run(scope, run["id"], status="inProgress", started=run["due"])
    if started is None:
        return  # the run was deleted together with its dataflow
    try:
        done = execute(scope, started)
        if "batch" not in done:
            done |= {"status": "success", "ended": scope.now}
    except RunFailed as error:
        failure = {"code": error.code, "message": error.message}
        done = {"failure": failure, "status": "failed", "ended": scope.now}
        done |= {"copy": error.copy} if error.copy else {}
    except sqlite3.ProgrammingError:
        raise
    except Exception as error:
        # The run is marked as failed, so that a bug of the sandbox is visible and the run is not repeated endlessly.
        message = f"The sandbox failed to execute the run: {type(error).__name__}."
        failure = {"code": PROCESS, "message": message}
        _update_run(scope, run["id"], failure=failure, status="failed", ended=scope.now)
        clear_due_time(scope, run["id"])
        raise
    _update_run(scope, run["id"], **done)
    clear_due_time(scope, run["id"])
    _process_batch(scope, done.get("batch"))


def _process_batch(scope: AepSandboxScope, batch_id: str | None) -> None:
    """Process the rows of a run's batch if it is due.

    So a client that reads the run directly after its execution gets the result of the batch.
    """
    batch = scope.get(BATCHES, batch_id) if batch_id else None
    if batch is not None and batch["state"] == "promoting" and batch["due"] <= scope.now:
        start_batch(scope, batch["id"]).wait(_MAX_WAIT_SECONDS)


def _update_run(scope: AepSandboxScope, run_id: str, **change: object) -> Entity | None:
    """Change fields of a stored run and return the run, or None if it does not exist."""
    with scope.state.store.transaction():
        run = scope.get(document_kind(RUNS), run_id)
        return None if run is None else save(scope, RUNS, {**run, **change})

"""Executes due runs in the background, one after the other."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import dataclass, field

from mixpanel_aep_sandbox.aep.core.scope import BATCHES, AepSandboxScope
from mixpanel_aep_sandbox.aep.flows.constants import RUNS
from mixpanel_aep_sandbox.aep.flows.models import Entity, document_kind, save
from mixpanel_aep_sandbox.aep.flows.runs.due_runs import clear_due_time, due_flows, due_runs, make_due_runs
from mixpanel_aep_sandbox.aep.flows.runs.execute import PROCESS, RunFailed, execute
from mixpanel_aep_sandbox.aep.ingestion.lifecycle import settle
from mixpanel_aep_sandbox.aep.ingestion.processing.worker import start as start_batch

_PATIENCE_SECONDS = 10


@dataclass
class _Worker:
    over: threading.Event = field(default_factory=threading.Event)
    again: bool = False
    """More work was found: check once more before the end."""


_running: dict[tuple[int, str, str], _Worker] = {}
_lock = threading.Lock()
"""Do not use a store while holding this lock: the holder of the store may wait for it."""


def start_due(scope: AepSandboxScope) -> threading.Event | None:
    """Create all due runs, execute them in a thread, and return an event that is set when all have finished."""
    for flow_id in due_flows(scope):
        with scope.state.store.transaction():
            make_due_runs(scope, flow_id)
    waiting = due_runs(scope)
    key = (id(scope.state.store), scope.org, scope.name)
    with _lock:
        worker = _running.get(key)
        if worker is not None:
            worker.again = worker.again or bool(waiting)
            return worker.over
        if not waiting:
            return None
        worker = _running[key] = _Worker()
    threading.Thread(target=_work, args=(scope, key, worker), name="flow-runs", daemon=True).start()
    return worker.over


def run_due(scope: AepSandboxScope) -> None:
    """Execute due runs before runs are read, unless there are very many."""
    over = start_due(scope)
    if over is not None:
        over.wait(_PATIENCE_SECONDS)
    settle(scope)


def _work(scope: AepSandboxScope, key: tuple[int, str, str], worker: _Worker) -> None:
    try:
        while _is_running(key, worker, waiting := due_runs(scope)):
            if waiting:
                _execute_run(scope, waiting[0])
    except sqlite3.ProgrammingError:
        pass  # the sandbox was closed; an unfinished run begins again after the next start
    finally:
        with _lock:
            if _running.get(key) is worker:  # when it was interrupted; another one may have begun since
                del _running[key]
        worker.over.set()


def _is_running(key: tuple[int, str, str], worker: _Worker, waiting: list[Entity]) -> bool:
    with _lock:
        more = bool(waiting) or worker.again
        worker.again = False
        if not more:
            del _running[key]
        return more


def _execute_run(scope: AepSandboxScope, run: Entity) -> None:
    if "batch" in run:  # completed before the sandbox was restarted
        clear_due_time(scope, run["id"])
        return
    started = _change(scope, run["id"], status="inProgress", started=run["due"])
    if started is None:
        return  # deleted with its dataflow
    try:
        done = execute(scope, started)
        if "batch" not in done:
            done |= {"status": "success", "ended": scope.now}
    except RunFailed as failed:
        failure = {"code": failed.code, "message": failed.message}
        done = {"failure": failure, "status": "failed", "ended": scope.now}
        done |= {"copy": failed.copy} if failed.copy else {}
    except sqlite3.ProgrammingError:
        raise
    except Exception as error:
        # A bug of the sandbox must be visible, and must not be repeated for ever.
        message = f"The sandbox failed to execute the run: {type(error).__name__}."
        failure = {"code": PROCESS, "message": message}
        _change(scope, run["id"], failure=failure, status="failed", ended=scope.now)
        clear_due_time(scope, run["id"])
        raise
    _change(scope, run["id"], **done)
    clear_due_time(scope, run["id"])
    _push(scope, done.get("batch"))


def _push(scope: AepSandboxScope, batch_id: str | None) -> None:
    """Process the rows of a completed batch now, so that a client that reads the run sees its result."""
    batch = scope.get(BATCHES, batch_id) if batch_id else None
    if batch is not None and batch["state"] == "promoting" and batch["due"] <= scope.now:
        start_batch(scope, batch["id"]).wait(_PATIENCE_SECONDS)


def _change(scope: AepSandboxScope, run_id: str, **change: object) -> Entity | None:
    with scope.state.store.transaction():
        run = scope.get(document_kind(RUNS), run_id)
        return None if run is None else save(scope, RUNS, {**run, **change})

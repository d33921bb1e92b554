"""Carries out the runs that are due, one after the other, in the background."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import dataclass, field

from mixpanel_aep_sandbox.aep.core.scope import BATCHES, Place
from mixpanel_aep_sandbox.aep.flows.constants import RUNS
from mixpanel_aep_sandbox.aep.flows.models import Entity, kept_as, save
from mixpanel_aep_sandbox.aep.flows.runs.due_runs import due_flows, due_runs, is_done, make_due_runs
from mixpanel_aep_sandbox.aep.flows.runs.execute import PROCESS, Failed, carry_out
from mixpanel_aep_sandbox.aep.ingestion.lifecycle import settle
from mixpanel_aep_sandbox.aep.ingestion.processing.worker import start as start_batch

_PATIENCE_SECONDS = 10


@dataclass
class _Worker:
    over: threading.Event = field(default_factory=threading.Event)
    again: bool = False
    """Somebody has found more to do: it looks once more before it ends."""


_running: dict[tuple[int, str, str], _Worker] = {}
_lock = threading.Lock()
"""Nothing is asked of a store while this is held: whoever holds the store may want it."""


def start_due(place: Place) -> threading.Event | None:
    """Makes the runs whose time has come, and starts on those that wait; the event says when all are carried out."""
    for flow_id in due_flows(place):
        with place.world.store.transaction():
            make_due_runs(place, flow_id)
    waiting = due_runs(place)
    key = (id(place.world.store), place.org, place.name)
    with _lock:
        worker = _running.get(key)
        if worker is not None:
            worker.again = worker.again or bool(waiting)
            return worker.over
        if not waiting:
            return None
        worker = _running[key] = _Worker()
    threading.Thread(target=_work, args=(place, key, worker), name="flow-runs", daemon=True).start()
    return worker.over


def look(place: Place) -> None:
    """Before anybody is told of runs: what is due is done, unless there is very much of it."""
    over = start_due(place)
    if over is not None:
        over.wait(_PATIENCE_SECONDS)
    settle(place)


def _work(place: Place, key: tuple[int, str, str], worker: _Worker) -> None:
    try:
        while _is_at_work(key, worker, waiting := due_runs(place)):
            if waiting:
                _carry(place, waiting[0])
    except sqlite3.ProgrammingError:
        pass  # the sandbox was closed in the meantime; a run that had begun begins again after its next start
    finally:
        with _lock:
            if _running.get(key) is worker:  # when it was broken off; another one may have begun since
                del _running[key]
        worker.over.set()


def _is_at_work(key: tuple[int, str, str], worker: _Worker, waiting: list[Entity]) -> bool:
    with _lock:
        more = bool(waiting) or worker.again
        worker.again = False
        if not more:
            del _running[key]
        return more


def _carry(place: Place, run: Entity) -> None:
    if "batch" in run:  # handed over before the sandbox was started again
        is_done(place, run["id"])
        return
    started = _change(place, run["id"], status="inProgress", started=run["due"])
    if started is None:
        return  # deleted since, with its dataflow
    try:
        done = carry_out(place, started)
        if "batch" not in done:
            done |= {"status": "success", "ended": place.now}
    except Failed as failed:
        failure = {"code": failed.code, "message": failed.message}
        done = {"failure": failure, "status": "failed", "ended": place.now}
        done |= {"copy": failed.copy} if failed.copy else {}
    except sqlite3.ProgrammingError:
        raise
    except Exception as error:
        # A mistake of the sandbox's own must be seen as one, and must not be made again for ever.
        message = f"The sandbox failed at the run: {type(error).__name__}."
        failure = {"code": PROCESS, "message": message}
        _change(place, run["id"], failure=failure, status="failed", ended=place.now)
        is_done(place, run["id"])
        raise
    _change(place, run["id"], **done)
    is_done(place, run["id"])
    _push(place, done.get("batch"))


def _push(place: Place, batch_id: str | None) -> None:
    """A batch without a delay has its end when the run is looked at, as when a client completes it."""
    batch = place.get(BATCHES, batch_id) if batch_id else None
    if batch is not None and batch["state"] == "promoting" and batch["due"] <= place.now:
        start_batch(place, batch["id"]).wait(_PATIENCE_SECONDS)


def _change(place: Place, run_id: str, **change: object) -> Entity | None:
    with place.world.store.transaction():
        run = place.get(kept_as(RUNS), run_id)
        return None if run is None else save(place, RUNS, {**run, **change})

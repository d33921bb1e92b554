"""Processes completed batches in the background."""

from __future__ import annotations

import sqlite3
import threading

from mixpanel_aep_sandbox.aep.core.scope import BATCHES, OUTCOMES, AepSandboxScope
from mixpanel_aep_sandbox.core.json_types import JsonObject

_GATE = threading.Semaphore(1)
"""One batch at a time: two at once would only share the same processor time."""
_running: dict[tuple[int, str], threading.Event] = {}
_lock = threading.Lock()


def ensure_outcome(scope: AepSandboxScope, batch: JsonObject) -> JsonObject | None:
    """Return the outcome of a batch's rows, or None while the rows are processed; start the processing if necessary."""
    outcome = scope.get(OUTCOMES, batch["id"])
    if outcome is None:
        start(scope, batch["id"])
    return outcome


def start(scope: AepSandboxScope, batch_id: str) -> threading.Event:
    """Start processing a batch's rows, unless that is running, and return an event for its end."""
    key = (id(scope.state.store), batch_id)
    with _lock:
        if key in _running:
            return _running[key]
        over = _running[key] = threading.Event()
    threading.Thread(
        target=_work, args=(scope, batch_id, key, over), name=f"batch-{batch_id}", daemon=True
    ).start()
    return over


def _work(scope: AepSandboxScope, batch_id: str, key: tuple[int, str], over: threading.Event) -> None:
    from mixpanel_aep_sandbox.aep.ingestion.processing.process_batch import process_batch

    try:
        with _GATE:
            batch = scope.get(BATCHES, batch_id)
            done = scope.get(OUTCOMES, batch_id)  # by the previous run, while this one was requested
            if batch is not None and batch["state"] == "promoting" and done is None:
                scope.put(OUTCOMES, batch_id, process_batch(scope, batch))
    except sqlite3.ProgrammingError:
        pass  # the sandbox was closed; the batch is processed again after its next start
    except Exception as error:
        # A bug of the sandbox must be visible, and must not leave a batch unfinished for ever.
        try:
            if scope.get(BATCHES, batch_id) is None:
                return  # the sandbox was reset during the processing, and the files were deleted
            scope.put(OUTCOMES, batch_id, _outcome_of_bug(error))
        except sqlite3.ProgrammingError:
            return  # closed, and its folder possibly deleted
        raise
    finally:
        with _lock:
            del _running[key]
        over.set()


def _outcome_of_bug(error: Exception) -> JsonObject:
    text = f"The sandbox failed to process the rows: {type(error).__name__}."
    return {"state": "failed", "metrics": {}, "errors": [{"code": "500", "description": text, "rows": []}]}

"""Starts the processing of completed batches in background threads, one batch at a time."""

from __future__ import annotations

import sqlite3
import threading

from mixpanel_aep_sandbox.aep.core.scope import BATCH_RESULTS, BATCHES, AepSandboxScope
from mixpanel_aep_sandbox.core.json_types import JsonObject

_GATE = threading.Semaphore(1)
"""Only one batch is processed at a time, because two would only share the same processor time."""
_running: dict[tuple[int, str], threading.Event] = {}
_lock = threading.Lock()


def ensure_outcome(scope: AepSandboxScope, batch: JsonObject) -> JsonObject | None:
    """Return the result of processing a batch's rows; if it is missing, start the processing and return None."""
    outcome = scope.get(BATCH_RESULTS, batch["id"])
    if outcome is None:
        start(scope, batch["id"])
    return outcome


def start(scope: AepSandboxScope, batch_id: str) -> threading.Event:
    """Start the processing of a batch unless it is running already. Return the event that is set when it ends."""
    key = (id(scope.state.store), batch_id)
    with _lock:
        if key in _running:
            return _running[key]
        finished = _running[key] = threading.Event()
    threading.Thread(
        target=_work, args=(scope, batch_id, key, finished), name=f"batch-{batch_id}", daemon=True
    ).start()
    return finished


def _work(scope: AepSandboxScope, batch_id: str, key: tuple[int, str], finished: threading.Event) -> None:
    """Process a batch, store its outcome, and set the event ``finished`` in any case."""
    from mixpanel_aep_sandbox.aep.ingestion.processing.process_batch import process_batch

    try:
        with _GATE:
            batch = scope.get(BATCHES, batch_id)
            done = scope.get(BATCH_RESULTS, batch_id)  # by the previous run, while this one was requested
            if batch is not None and batch["state"] == "promoting" and done is None:
                scope.put(BATCH_RESULTS, batch_id, process_batch(scope, batch))
    except sqlite3.ProgrammingError:
        pass  # the sandbox was closed; the batch is processed again after its next start
    except Exception as error:
        # A bug of the sandbox must be visible, and must not leave a batch unfinished forever.
        try:
            if scope.get(BATCHES, batch_id) is None:
                return  # the sandbox was reset during the processing, and the files were deleted
            scope.put(BATCH_RESULTS, batch_id, _outcome_of_bug(error))
        except sqlite3.ProgrammingError:
            return  # the sandbox was closed, and its folder was possibly deleted
        raise
    finally:
        with _lock:
            del _running[key]
        finished.set()


def _outcome_of_bug(error: Exception) -> JsonObject:
    """Return the outcome of a batch that failed because of a bug in the sandbox."""
    text = f"The sandbox failed to process the rows: {type(error).__name__}."
    return {"state": "failed", "metrics": {}, "errors": [{"code": "500", "description": text, "rows": []}]}

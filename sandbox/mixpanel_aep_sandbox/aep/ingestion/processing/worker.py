"""Looks at the rows of completed batches, in the background."""

from __future__ import annotations

import sqlite3
import threading
from typing import Any

from mixpanel_aep_sandbox.aep.core.scope import BATCHES, OUTCOMES, AepSandboxScope

_GATE = threading.Semaphore(1)
"""One batch at a time: two at once would only share the same processor time."""
_running: dict[tuple[int, str], threading.Event] = {}
_lock = threading.Lock()


def ensure_outcome(scope: AepSandboxScope, batch: dict[str, Any]) -> dict[str, Any] | None:
    """What has become of the rows, or None while they are being looked at; starts that when nobody does."""
    outcome = scope.get(OUTCOMES, batch["id"])
    if outcome is None:
        start(scope, batch["id"])
    return outcome


def start(scope: AepSandboxScope, batch_id: str) -> threading.Event:
    """Starts looking at a batch's rows, unless that is going on; the event says when it is over."""
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
            done = scope.get(OUTCOMES, batch_id)  # by the run before, while this one was asked for
            if batch is not None and batch["state"] == "promoting" and done is None:
                scope.put(OUTCOMES, batch_id, process_batch(scope, batch))
    except sqlite3.ProgrammingError:
        pass  # the sandbox was closed in the meantime; it is done again after its next start
    except Exception as error:
        # A mistake of the sandbox's own must be seen as one, and must not leave a batch on its way for ever.
        try:
            if scope.get(BATCHES, batch_id) is None:
                return  # the sandbox was reset while it read, and the files are gone with the batch
            scope.put(OUTCOMES, batch_id, _broken(error))
        except sqlite3.ProgrammingError:
            return  # closed, and its folder perhaps gone
        raise
    finally:
        with _lock:
            del _running[key]
        over.set()


def _broken(error: Exception) -> dict[str, Any]:
    text = f"The sandbox failed at looking at the rows: {type(error).__name__}."
    return {"state": "failed", "metrics": {}, "errors": [{"code": "500", "description": text, "rows": []}]}

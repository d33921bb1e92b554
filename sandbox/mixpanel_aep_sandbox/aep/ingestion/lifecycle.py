"""The states of a batch over time (EP:ingestion/batch-ingestion/troubleshooting.md, "Batch states").

An unfinished batch is stored with the times of its transitions. Its status is computed at each read, so that it is
correct after a restart of the sandbox and after a change of its clock.
"""

from __future__ import annotations

import re
import shutil

from mixpanel_aep_sandbox.aep.core.scope import BATCH_RESULTS, BATCHES, AepSandboxScope, files_kind
from mixpanel_aep_sandbox.aep.hygiene.models import expire_due
from mixpanel_aep_sandbox.aep.ingestion.processing.worker import ensure_outcome
from mixpanel_aep_sandbox.aep.ingestion.settings import IngestSettings
from mixpanel_aep_sandbox.core.json_types import JsonObject

PENDING = "pending"
_MARKED = re.compile(r"^\$\{?([^{}]*)\}?$")
FINAL = ("success", "failed", "aborted", "abandoned", "deleted")
"""States that do not change with time; a request can still change ``success``."""
_UNFINISHED = ("loading", "promoting", "inactive")
"""States that change with time. ``inactive`` includes every state of the setting ``retire_path`` except the last."""


def strip_reference_markup(key: str) -> str:
    """Return the batch id of a ``replay`` reference, which Adobe's guide writes `${id}` and its specification `$id`."""
    return _MARKED.sub(r"\1", key)


def batches_of(scope: AepSandboxScope, dataset: str) -> list[JsonObject]:
    """Return the stored batches of a dataset in any state, oldest first."""
    return [body for _, body in scope.items(BATCHES) if body["dataset"] == dataset]


def save(scope: AepSandboxScope, batch: JsonObject) -> None:
    """Store a batch, and update the list of unfinished batches, which :func:`apply_due_changes` reads."""
    scope.put(BATCHES, batch["id"], batch)
    if batch["state"] in _UNFINISHED:
        scope.put(PENDING, batch["id"], {"state": batch["state"], "since": _since(batch)})
    else:
        scope.delete(PENDING, batch["id"])


def save_changed(scope: AepSandboxScope, batch: JsonObject, **change: object) -> JsonObject:
    """Store a batch with some fields changed, a higher version and a new update time; return the changed batch."""
    changed = {**batch, **change, "updated": scope.now, "version": batch["version"] + 1}
    save(scope, changed)
    return changed


def apply_due_changes(scope: AepSandboxScope) -> None:
    """Apply everything that is due by the sandbox's clock: dataflow runs, expired datasets, and new states of batches.

    Handlers call this before they read batches, because no background process applies it.
    """
    for start_due in scope.state.before_read:
        start_due(scope)
    for dataset in expire_due(scope):
        end_batches_of_dataset(scope, dataset)
    settings = IngestSettings.of(scope.state)
    for key, pending in scope.items(PENDING):
        # This check does not read the batch, because most unfinished batches have no due transition for days.
        if pending and not _is_due(scope, pending["state"], pending["since"], settings):
            continue
        with scope.state.store.transaction():
            batch = scope.get(BATCHES, key)
            if batch is None or batch["state"] not in _UNFINISHED:  # a concurrent request has finished it
                scope.delete(PENDING, key)
            elif not _is_due(scope, batch["state"], _since(batch), settings):
                continue
            elif batch["state"] == "loading":
                save_changed(scope, batch, state="abandoned")
            elif batch["state"] == "promoting":
                _promote(scope, batch)
            else:
                delete_files_of_batch(scope, batch)
                save_changed(scope, batch, state=settings.retire_path[-1])


def _since(batch: JsonObject) -> int:
    """Return the epoch milliseconds from which an unfinished batch's next transition is counted."""
    return int(batch["reverted"] if batch["state"] == "inactive" else batch["created"])


def _is_due(scope: AepSandboxScope, state: str, since: int, settings: IngestSettings) -> bool:
    """Return whether an unfinished batch may have a transition now.

    In state ``promoting`` this is always so, because the batch must be read to decide.

    Args:
        scope: The AEP sandbox.
        state: The state of the batch.
        since: The time from which its next transition is counted, in epoch milliseconds.
        settings: The settings of ingestion.
    """
    if state == "loading":
        return scope.now >= since + settings.abandon_seconds * 1000
    if state == "inactive":
        return _retirement_steps(scope, since, settings) >= len(settings.retire_path)
    return True


def shown_status(scope: AepSandboxScope, batch: JsonObject) -> str:
    """Return the status of a batch that Catalog currently shows."""
    if batch["state"] == "promoting":
        return _status_in_progress(scope, batch)
    settings = IngestSettings.of(scope.state)
    if batch["state"] == "inactive":
        return ["inactive", *settings.retire_path][_retirement_steps(scope, batch["reverted"], settings)]
    synonyms = {"success": scope.state.settings.active_status, "failed": settings.failed_status}
    return synonyms.get(batch["state"], str(batch["state"]))


def deactivate(scope: AepSandboxScope, batch: JsonObject, **change: object) -> JsonObject:
    """Make the rows of a batch unreadable, and return the changed batch; its files are deleted later.

    Args:
        scope: The AEP sandbox.
        batch: The document of the batch.
        change: Further fields to change.
    """
    return save_changed(scope, batch, state="inactive", reverted=scope.now, **change)


def end_batches_of_dataset(scope: AepSandboxScope, dataset: str) -> None:
    """Deactivate the successful batches of a deleted or expired dataset, and abort its unfinished batches [I]."""
    for batch in batches_of(scope, dataset):
        if batch["state"] == "success":
            deactivate(scope, batch)
        elif batch["state"] in ("loading", "promoting"):
            save_changed(scope, batch, state="aborted")


def delete_files_of_batch(scope: AepSandboxScope, batch: JsonObject) -> None:
    """Delete the uploaded files and the processing results of a batch."""
    folder = scope.state.store.file("aep", batch["id"], "x").parent
    shutil.rmtree(folder, ignore_errors=True)
    for key, _ in scope.items(files_kind(batch["id"])):
        scope.delete(files_kind(batch["id"]), key)


def _status_in_progress(scope: AepSandboxScope, batch: JsonObject) -> str:
    """Return the status that Catalog shows for a completed batch that is not in its final state yet.

    It depends on the clock, on the planned outcome, and on whether the rows have been processed.
    """
    path = IngestSettings.of(scope.state).batch_path
    now, due = scope.now, batch["due"]
    if now < due:
        share = (now - batch["completed"]) / max(due - batch["completed"], 1)
        step = int(share * len(path))
        # The last status of the path means that the rows have been processed.
        return (
            path[-2:][0]
            if step >= len(path) - 1 and not scope.get(BATCH_RESULTS, batch["id"])
            else path[step]
        )
    for word, seconds in _status_path(batch):
        if seconds is None or now < due + seconds * 1000:
            return word
        due += seconds * 1000
    return path[-1] if scope.get(BATCH_RESULTS, batch["id"]) else path[-2:][0]


def _status_path(batch: JsonObject) -> list[tuple[str, float | None]]:
    """Return the planned statuses before the final status, each with its duration in seconds (None: forever)."""
    return [(str(word), seconds) for word, seconds in (batch.get("planned_outcome") or {}).get("words", [])]


def _promote(scope: AepSandboxScope, batch: JsonObject) -> None:
    """Give a completed batch its final state, if its time has come and its rows have been processed.

    Otherwise do nothing, except that the processing of the rows is started.
    """
    outcome = ensure_outcome(scope, batch)
    until = batch["due"]
    for _, seconds in _status_path(batch):
        if seconds is None:
            return
        until += int(seconds * 1000)
    if outcome is None or scope.now < until:
        return
    state = outcome["state"]
    ended = {key: value for key, value in outcome.items() if key != "state"}
    ended["finished"] = max(until, batch["completed"])
    if state == "success" and batch.get("superseded_by"):
        deactivate(scope, batch, **ended)
        return
    save_changed(scope, batch, state=state, **ended)
    if state == "success":
        _replace_predecessors(scope, batch)


def _replace_predecessors(scope: AepSandboxScope, batch: JsonObject) -> None:
    """Deactivate the batches that a batch replaces by its ``replay``.

    Replay is "equivalent to deleting the old batch and ingesting a new one" (EP:ingestion).

    Args:
        scope: The AEP sandbox.
        batch: The document of the new batch, which has just succeeded.
    """
    replay = batch.get("replay") or {}
    ids = set(replay.get("predecessors", []))
    given = replay.get("predecessorsByExternalId", [])
    external = {*given, *map(strip_reference_markup, given)}
    for old in batches_of(scope, batch["dataset"]):
        if old["id"] == batch["id"] or not (old["id"] in ids or old["externalId"] in external):
            continue
        if old["state"] == "success":
            deactivate(scope, old)
        elif old["state"] in ("loading", "promoting"):
            # [I] An unfinished predecessor must not become active after its successor.
            save_changed(scope, old, superseded_by=batch["id"])


def _retirement_steps(scope: AepSandboxScope, reverted: int, settings: IngestSettings) -> int:
    """Return how many states of the setting ``retire_path`` an inactive batch has reached; 0 means ``inactive``."""
    last, step = len(settings.retire_path), settings.delete_seconds * 1000
    return min(int((scope.now - reverted) / step), last) if step else last

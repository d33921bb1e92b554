"""The states of a batch over time (EP:ingestion/batch-ingestion/troubleshooting.md, "Batch states").

An unfinished batch is stored with its times; its status is computed whenever it is read, so that it is correct after a
restart and after the clock was moved.
"""

from __future__ import annotations

import re
import shutil

from mixpanel_aep_sandbox.aep.core.scope import BATCHES, OUTCOMES, AepSandboxScope, files_kind
from mixpanel_aep_sandbox.aep.hygiene.models import expire_due
from mixpanel_aep_sandbox.aep.ingestion.processing.worker import ensure_outcome
from mixpanel_aep_sandbox.aep.ingestion.settings import IngestSettings
from mixpanel_aep_sandbox.core.json_types import JsonObject

PENDING = "pending"
_MARKED = re.compile(r"^\$\{?([^{}]*)\}?$")
FINAL = ("success", "failed", "aborted", "abandoned", "deleted")
"""States that time no longer changes; a request may change ``success``."""
_UNFINISHED = ("loading", "promoting", "inactive")
"""States that time changes; ``inactive`` means every state of the setting ``retire_path`` but the last."""


def without_mark(key: str) -> str:
    """Return the batch id in a ``replay`` reference: `${id}` in the guide, `$id` in the specification."""
    return _MARKED.sub(r"\1", key)


def batches_of(scope: AepSandboxScope, dataset: str) -> list[JsonObject]:
    """Return the batches of a dataset, oldest first."""
    return [body for _, body in scope.items(BATCHES) if body["dataset"] == dataset]


def save(scope: AepSandboxScope, batch: JsonObject) -> None:
    """Store a batch, and record whether a later transition is pending."""
    scope.put(BATCHES, batch["id"], batch)
    if batch["state"] in _UNFINISHED:
        scope.put(PENDING, batch["id"], {"state": batch["state"], "since": _since(batch)})
    else:
        scope.delete(PENDING, batch["id"])


def save_changed(scope: AepSandboxScope, batch: JsonObject, **change: object) -> JsonObject:
    """Store a changed batch and return it."""
    changed = {**batch, **change, "updated": scope.now, "version": batch["version"] + 1}
    save(scope, changed)
    return changed


def settle(scope: AepSandboxScope) -> None:
    """Apply all due transitions."""
    for start_due in scope.state.before_read:
        start_due(scope)
    for dataset in expire_due(scope):
        forget_dataset(scope, dataset)
    settings = IngestSettings.of(scope.state)
    for key, pending in scope.items(PENDING):
        # Decided without reading the batch: most wait here for days.
        if pending and not _is_due(scope, pending["state"], pending["since"], settings):
            continue
        with scope.state.store.transaction():
            batch = scope.get(BATCHES, key)
            if batch is None or batch["state"] not in _UNFINISHED:  # another request was faster
                scope.delete(PENDING, key)
            elif not _is_due(scope, batch["state"], _since(batch), settings):
                continue
            elif batch["state"] == "loading":
                save_changed(scope, batch, state="abandoned")
            elif batch["state"] == "promoting":
                _promote(scope, batch)
            else:
                forget_files(scope, batch)
                save_changed(scope, batch, state=settings.retire_path[-1])


def _since(batch: JsonObject) -> int:
    return int(batch["reverted"] if batch["state"] == "inactive" else batch["created"])


def _is_due(scope: AepSandboxScope, state: str, since: int, settings: IngestSettings) -> bool:
    """Return whether a transition of an unfinished batch may be due."""
    if state == "loading":
        return scope.now >= since + settings.abandon_seconds * 1000
    if state == "inactive":
        return _retirement_steps(scope, since, settings) >= len(settings.retire_path)
    return True


def shown_status(scope: AepSandboxScope, batch: JsonObject) -> str:
    """Return the status that Catalog shows now."""
    if batch["state"] == "promoting":
        return _status_in_progress(scope, batch)
    settings = IngestSettings.of(scope.state)
    if batch["state"] == "inactive":
        return ["inactive", *settings.retire_path][_retirement_steps(scope, batch["reverted"], settings)]
    synonyms = {"success": scope.state.settings.active_status, "failed": settings.failed_status}
    return synonyms.get(batch["state"], str(batch["state"]))


def deactivate(scope: AepSandboxScope, batch: JsonObject, **change: object) -> JsonObject:
    """Deactivate a batch: its rows become unreadable, and its files stay for some time."""
    return save_changed(scope, batch, state="inactive", reverted=scope.now, **change)


def forget_dataset(scope: AepSandboxScope, dataset: str) -> None:
    """Deactivate the batches of a deleted or expired dataset; unfinished batches will never be promoted [I]."""
    for batch in batches_of(scope, dataset):
        if batch["state"] == "success":
            deactivate(scope, batch)
        elif batch["state"] in ("loading", "promoting"):
            save_changed(scope, batch, state="aborted")


def forget_files(scope: AepSandboxScope, batch: JsonObject) -> None:
    """Delete the files of a batch."""
    folder = scope.state.store.file("aep", batch["id"], "x").parent
    shutil.rmtree(folder, ignore_errors=True)
    for key, _ in scope.items(files_kind(batch["id"])):
        scope.delete(files_kind(batch["id"]), key)


def _status_in_progress(scope: AepSandboxScope, batch: JsonObject) -> str:
    path = IngestSettings.of(scope.state).batch_path
    now, due = scope.now, batch["due"]
    if now < due:
        share = (now - batch["completed"]) / max(due - batch["completed"], 1)
        step = int(share * len(path))
        # The last one means that the rows have been processed.
        return path[-2:][0] if step >= len(path) - 1 and not scope.get(OUTCOMES, batch["id"]) else path[step]
    for word, seconds in _status_path(batch):
        if seconds is None or now < due + seconds * 1000:
            return word
        due += seconds * 1000
    return path[-1] if scope.get(OUTCOMES, batch["id"]) else path[-2:][0]


def _status_path(batch: JsonObject) -> list[tuple[str, float | None]]:
    """Return the statuses of a batch between processing and its final status, with their durations in seconds; None: for ever."""
    return [(str(word), seconds) for word, seconds in (batch.get("planned_outcome") or {}).get("words", [])]


def _promote(scope: AepSandboxScope, batch: JsonObject) -> None:
    """Finish a batch that is due and whose rows have been processed."""
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
    """Deactivate the batches that a promoted batch replaces.

    Replay is "equivalent to deleting the old batch and ingesting a new one" (EP:ingestion).
    """
    replay = batch.get("replay") or {}
    ids = set(replay.get("predecessors", []))
    given = replay.get("predecessorsByExternalId", [])
    external = {*given, *map(without_mark, given)}
    for old in batches_of(scope, batch["dataset"]):
        if old["id"] == batch["id"] or not (old["id"] in ids or old["externalId"] in external):
            continue
        if old["state"] == "success":
            deactivate(scope, old)
        elif old["state"] in ("loading", "promoting"):
            # [I] An unfinished predecessor must not become active after its successor.
            save_changed(scope, old, superseded_by=batch["id"])


def _retirement_steps(scope: AepSandboxScope, reverted: int, settings: IngestSettings) -> int:
    """Return how many states of the setting ``retire_path`` an inactive batch has passed."""
    last, step = len(settings.retire_path), settings.delete_seconds * 1000
    return min(int((scope.now - reverted) / step), last) if step else last

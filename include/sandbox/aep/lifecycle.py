"""The states of a batch over time (EP:ingestion/batch-ingestion/troubleshooting.md, "Batch states").

A batch that is on its way is kept with its moments; what it is called is worked out when somebody looks, so that it
is right after a restart and when the clock is moved.
"""

from __future__ import annotations

import shutil
from typing import Any

from include.sandbox.aep.jobs import ensure_outcome
from include.sandbox.aep.place import BATCHES, OUTCOMES, Place
from include.sandbox.aep.settings import AepSettings

PENDING = "pending"
FINAL = ("success", "failed", "aborted", "abandoned", "deleted")
"""States that change no more by themselves; ``inactive`` and ``success`` may by request."""
_ON_THE_WAY = ((0.25, "loaded"), (0.5, "staging"), (0.75, "processing"))


def batches_of(place: Place, dataset: str) -> list[dict[str, Any]]:
    """Oldest first."""
    return [body for _, body in place.items(BATCHES) if body["dataset"] == dataset]


def save(place: Place, batch: dict[str, Any]) -> None:
    """Keeps a batch, and remembers whether time will change it."""
    place.put(BATCHES, batch["id"], batch)
    if batch["state"] in ("loading", "promoting", "inactive"):
        place.put(PENDING, batch["id"], {})
    else:
        place.delete(PENDING, batch["id"])


def touch(place: Place, batch: dict[str, Any], **change: Any) -> dict[str, Any]:
    """A changed batch, kept."""
    changed = {**batch, **change, "updated": place.now, "version": batch["version"] + 1}
    save(place, changed)
    return changed


def settle(place: Place) -> None:
    """Lets everything happen that is due."""
    for start_due in place.world.on_look:
        start_due(place)
    settings = AepSettings.of(place.world)
    for key, _ in place.items(PENDING):
        with place.world.store.transaction():
            batch = place.get(BATCHES, key)
            if batch is None:
                place.delete(PENDING, key)
            elif batch["state"] == "loading":
                if place.now >= batch["created"] + settings.abandon_seconds * 1000:
                    touch(place, batch, state="abandoned")
            elif batch["state"] == "promoting":
                _promote(place, batch)
            elif batch["state"] != "inactive":  # another request has ended it since the list was made
                place.delete(PENDING, key)
            elif place.now >= batch["reverted"] + settings.delete_seconds * 1000:
                _forget_files(place, batch)
                touch(place, batch, state="deleted")


def shown_status(place: Place, batch: dict[str, Any]) -> str:
    """What Catalog calls the batch's state now."""
    forced = batch.get("forced") or {}
    if batch["state"] != "promoting":
        if batch["state"] == "success":
            return place.world.settings.active_status
        return str(batch["state"])
    now, due = place.now, batch["due"]
    if now >= due and forced.get("status"):
        return str(forced["status"])
    total = max(due - batch["completed"], 1)
    share = (now - batch["completed"]) / total
    for bound, name in _ON_THE_WAY:
        if share < bound:
            return name
    return "staged" if place.get(OUTCOMES, batch["id"]) else "processing"


def _promote(place: Place, batch: dict[str, Any]) -> None:
    """Ends a batch whose time has come and whose rows have been looked at."""
    outcome = ensure_outcome(place, batch)
    forced = batch.get("forced") or {}
    until = batch["due"]
    if forced.get("status"):
        seconds = forced.get("seconds")
        if seconds is None:
            return
        until += seconds * 1000
    if outcome is None or place.now < until:
        return
    state = outcome["state"]
    ended = {
        "metrics": outcome["metrics"],
        "errors": outcome["errors"],
        "finished": max(until, batch["completed"]),
    }
    if state == "success" and batch.get("superseded_by"):
        touch(place, batch, state="inactive", reverted=place.now, **ended)
        return
    touch(place, batch, state=state, **ended)
    if state == "success":
        _replace_predecessors(place, batch)


def _replace_predecessors(place: Place, batch: dict[str, Any]) -> None:
    """Replay is "equivalent to deleting the old batch and ingesting a new one" (EP:ingestion, "Replay a batch")."""
    replay = batch.get("replay") or {}
    ids = {str(key).removeprefix("$") for key in replay.get("predecessors", [])}
    external = set(replay.get("predecessorsByExternalId", []))
    for old in batches_of(place, batch["dataset"]):
        if old["id"] == batch["id"] or not (old["id"] in ids or old["externalId"] in external):
            continue
        if old["state"] == "success":
            touch(place, old, state="inactive", reverted=place.now)
        elif old["state"] == "promoting":
            # [I] A predecessor that is still on its way must not turn active after its successor.
            touch(place, old, superseded_by=batch["id"])


def _forget_files(place: Place, batch: dict[str, Any]) -> None:
    folder = place.world.store.file("aep", batch["id"], "x").parent
    shutil.rmtree(folder, ignore_errors=True)

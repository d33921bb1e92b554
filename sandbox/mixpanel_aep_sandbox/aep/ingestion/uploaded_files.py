"""The files of a batch as they are kept: what may be written, and where the bytes are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.http import Call
from mixpanel_aep_sandbox.aep.core.scope import DATASETS, Place, files_kind
from mixpanel_aep_sandbox.aep.ingestion.lifecycle import settle, shown_status
from mixpanel_aep_sandbox.aep.ingestion.rate_limits import count_bytes
from mixpanel_aep_sandbox.aep.ingestion.routes.batches import find_batch
from mixpanel_aep_sandbox.aep.ingestion.settings import IngestSettings

_BYTES = "batch-bytes"
_LONGEST_NAME_BYTES = 255


def disk_path(place: Place, batch_id: str, name: str) -> Path:
    return place.world.store.file("aep", batch_id, name)


def writable_batch(call: Call) -> str:
    """The batch's id, when it may be written to. Raises Problem 400 or 404."""
    place, key = call.place, call.path("id")
    settle(place)
    batch = find_batch(place, key)
    if batch["dataset"] != call.path("dataset") or place.get(DATASETS, batch["dataset"]) is None:
        raise problem(404, f"Batch {key} has no dataset {call.path('dataset')}.")
    require_loading(place, batch)
    path = file_path(call)
    if not path or any(part in ("", ".", "..") for part in path.split("/")) or "\0" in path:
        raise problem(400, "The file path is not valid.")
    if any(len(part.encode()) > _LONGEST_NAME_BYTES for part in path.split("/")):
        raise problem(400, f"A part of the file path is longer than {_LONGEST_NAME_BYTES} bytes.")  # [I]
    settings = IngestSettings.of(place.world)
    is_new = place.get(files_kind(key), path) is None
    if (
        settings.batch_limits == "at upload"
        and is_new
        and place.count(files_kind(key)) >= settings.most_files
    ):
        raise problem(400, f"A batch can have no more than {settings.most_files} files.")
    return key


def require_loading(place: Place, batch: dict[str, Any]) -> None:
    if batch["state"] != "loading":
        # [I] What becomes of a late write is not documented; taking it would lose it silently.
        text = f"Batch {batch['id']} is {shown_status(place, batch)}: no file can be written to it."
        raise problem(400, text)


def file_path(call: Call) -> str:
    return call.path("path")


def open_file(place: Place, batch_id: str, path: str) -> dict[str, Any]:
    """A large file that is being written. Raises Problem 404."""
    body = place.get(files_kind(batch_id), path)
    if body is None or not body["open"]:
        raise problem(404, f"File {path} was not initialized.")
    return body


def new_file(place: Place, batch_id: str, path: str, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "batch": batch_id,
        "path": path,
        "name": None,
        "size": 0,
        "open": False,
        "chunks": [],
        "at": place.now,
    }
    return {**made, **more}


def keep_file(place: Place, body: dict[str, Any]) -> dict[str, Any] | None:
    """Writes a file down, in a transaction of the caller's; returns the one that it takes the place of.

    Raises Problem 400 when the batch would be too large.
    """
    key, path = body["batch"], body["path"]
    old = place.get(files_kind(key), path)
    total = (place.get(_BYTES, key) or {"bytes": 0})["bytes"] + body["size"] - (old["size"] if old else 0)
    settings = IngestSettings.of(place.world)
    if settings.batch_limits == "at upload" and total > settings.most_batch_bytes:
        raise problem(400, f"A batch can have no more than {settings.most_batch_bytes} bytes.")
    place.put(_BYTES, key, {"bytes": total})
    place.put(files_kind(key), path, body)
    count_bytes(place, body["size"])
    return old


def drop_bytes(place: Place, body: dict[str, Any] | None) -> None:
    """Removes what a file had on the disk."""
    names = [body["name"], *(chunk[2] for chunk in body["chunks"])] if body else []
    for name in filter(None, names):
        disk_path(place, body["batch"] if body else "", name).unlink(missing_ok=True)

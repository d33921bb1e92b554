"""The documents and bytes of a batch's uploaded files: checks before a write, storage and deletion."""

from __future__ import annotations

from pathlib import Path

from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.http import Call
from mixpanel_aep_sandbox.aep.core.scope import DATASETS, AepSandboxScope, files_kind
from mixpanel_aep_sandbox.aep.ingestion.lifecycle import apply_due_changes, shown_status
from mixpanel_aep_sandbox.aep.ingestion.rate_limits import count_bytes
from mixpanel_aep_sandbox.aep.ingestion.routes.batches import find_batch
from mixpanel_aep_sandbox.aep.ingestion.settings import IngestSettings
from mixpanel_aep_sandbox.core.json_types import JsonObject

_BYTES = "batch-bytes"
_LONGEST_NAME_BYTES = 255


def disk_path(scope: AepSandboxScope, batch_id: str, name: str) -> Path:
    """Return the path on disk of an uploaded file.

    Args:
        scope: The AEP sandbox.
        batch_id: The id of the batch.
        name: The random name that the sandbox gave to the file.
    """
    return scope.state.store.file("aep", batch_id, name)


def writable_batch(call: Call) -> str:
    """Return the id of the batch in an upload request, after a check that the batch accepts the file.

    Raises:
        Problem: 404 for an unknown batch or dataset, 400 if the batch does not accept the file or its path is invalid.
    """
    scope, key = call.scope, call.path("id")
    apply_due_changes(scope)
    batch = find_batch(scope, key)
    if batch["dataset"] != call.path("dataset") or scope.get(DATASETS, batch["dataset"]) is None:
        raise problem(404, f"Batch {key} has no dataset {call.path('dataset')}.")
    require_loading(scope, batch)
    path = file_path(call)
    if not path or any(part in ("", ".", "..") for part in path.split("/")) or "\0" in path:
        raise problem(400, "The file path is not valid.")
    if any(len(part.encode()) > _LONGEST_NAME_BYTES for part in path.split("/")):
        raise problem(400, f"A part of the file path is longer than {_LONGEST_NAME_BYTES} bytes.")  # [I]
    settings = IngestSettings.of(scope.state)
    is_new = scope.get(files_kind(key), path) is None
    if (
        settings.batch_limits == "at upload"
        and is_new
        and scope.count(files_kind(key)) >= settings.most_files
    ):
        raise problem(400, f"A batch can have no more than {settings.most_files} files.")
    return key


def require_loading(scope: AepSandboxScope, batch: JsonObject) -> None:
    """Raise Problem 400 unless the batch accepts files, that is, is in state ``loading``."""
    if batch["state"] != "loading":
        # [I] The response to a late upload is not documented; accepting it would lose data silently.
        text = f"Batch {batch['id']} is {shown_status(scope, batch)}: no file can be written to it."
        raise problem(400, text)


def file_path(call: Call) -> str:
    """Return the path of a file within its batch, from the URL of the request."""
    return call.path("path")


def find_open_file(scope: AepSandboxScope, batch_id: str, path: str) -> JsonObject:
    """Return the document of a large file whose chunks are being uploaded. Raises Problem 404 if it does not exist."""
    body = scope.get(files_kind(batch_id), path)
    if body is None or not body["open"]:
        raise problem(404, f"File {path} was not initialized.")
    return body


def file_document(scope: AepSandboxScope, batch_id: str, path: str, **more: object) -> JsonObject:
    """Return the document of a new file, which is not stored yet.

    Args:
        scope: The AEP sandbox.
        batch_id: The id of the batch.
        path: The path of the file within the batch.
        more: Fields to add or replace.
    """
    made: JsonObject = {
        "batch": batch_id,
        "path": path,
        "name": None,
        "size": 0,
        "open": False,
        "chunks": [],
        "at": scope.now,
    }
    return {**made, **more}


def store_file(scope: AepSandboxScope, body: JsonObject) -> JsonObject | None:
    """Store the document of a file, and return the document that it replaces, or None. Call this in a transaction.

    Raises:
        Problem: 400 if the batch would exceed its size limit and the setting ``batch_limits`` is ``at upload``.
    """
    key, path = body["batch"], body["path"]
    old = scope.get(files_kind(key), path)
    total = (scope.get(_BYTES, key) or {"bytes": 0})["bytes"] + body["size"] - (old["size"] if old else 0)
    settings = IngestSettings.of(scope.state)
    if settings.batch_limits == "at upload" and total > settings.most_batch_bytes:
        raise problem(400, f"A batch can have no more than {settings.most_batch_bytes} bytes.")
    scope.put(_BYTES, key, {"bytes": total})
    scope.put(files_kind(key), path, body)
    count_bytes(scope, body["size"])
    return old


def delete_file_bytes(scope: AepSandboxScope, body: JsonObject | None) -> None:
    """Delete the bytes of a file and of its chunks from disk.

    Args:
        scope: The AEP sandbox.
        body: The document of the file; None: nothing is deleted.
    """
    names = [body["name"], *(chunk[2] for chunk in body["chunks"])] if body else []
    for name in filter(None, names):
        disk_path(scope, body["batch"] if body else "", name).unlink(missing_ok=True)

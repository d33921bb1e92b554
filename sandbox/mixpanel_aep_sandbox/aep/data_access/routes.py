"""Routes of Data Access: data files of batches, rejected rows and error diagnostics (OAS:data-access.yaml)."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response

from mixpanel_aep_sandbox.aep.catalog.routes.batches import visible_batch
from mixpanel_aep_sandbox.aep.core.constants import EXPORT
from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.http import Call, Routes
from mixpanel_aep_sandbox.aep.core.scope import BATCHES, DATASETS
from mixpanel_aep_sandbox.aep.data_access.dataset_files import dataset_file_path, file_name
from mixpanel_aep_sandbox.aep.data_access.pages import file_entry, page_response
from mixpanel_aep_sandbox.aep.ingestion.active_rows import active_batches, active_rows
from mixpanel_aep_sandbox.aep.ingestion.files import batch_files, result_path
from mixpanel_aep_sandbox.aep.query_service.settings import QuerySettings
from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState

_PREVIEW_ROWS = 100
_RETENTION_MS = 30 * 86400 * 1000
"""Rejected rows and diagnostics are available for 30 days (EP:ingestion/quality/error-diagnostics.md)."""
_SAMPLES = {"row_error_samples.json", "row_errors_sample.json"}
"""Names of the file with sample errors: the guide and the specification differ, so both names work."""


def add_routes(state: SandboxState, router: APIRouter) -> None:
    """Add the routes of Data Access to the router."""
    routes = Routes(state, router, EXPORT)
    routes.add("GET", "/batches/{id}/files", _batch_files)
    routes.add("GET", "/batches/{id}/failed", _rejected_rows)
    routes.add("GET", "/batches/{id}/meta", _diagnostics)
    routes.add("GET", "/files/{id}", _file)
    routes.add("GET", "/datasets/{id}/preview", _preview)


def _require_not_retired(call: Call) -> None:
    """Raise Problem 410 if the setting ``data_access`` is ``retired``."""
    if QuerySettings.of(call.scope.state).data_access == "retired":
        raise problem(410, "The Data Access API has been retired. Use dataset export instead.")


def _batch_files(call: Call) -> Response:
    """Return the list of a batch's data files.

    There is one data file for each uploaded file [I: as "DataSetFile entries are created for the completed files"].
    """
    _require_not_retired(call)
    batch = visible_batch(call.scope, call.path("id"))
    numbers = range(1, len(batch["files"]) + 1) if batch["state"] == "success" else range(0)
    return page_response(call, numbers, lambda number: _file_view(call, batch, number))


def _file_view(call: Call, batch: JsonObject, number: int) -> JsonObject:
    key = f"{batch['id']}-{number}"
    dataset = call.scope.get(DATASETS, batch["dataset"]) or {"viewId": ""}
    return {
        "dataSetFileId": key,
        "dataSetViewId": dataset["viewId"],
        "version": "1.0.0",
        "created": str(batch["finished"]),
        "updated": str(batch["finished"]),
        "records": str(batch["files"][number - 1]["good"]),
        "size": str(dataset_file_path(call.scope, batch, number).stat().st_size),
        "isValid": True,
        "_links": {"self": {"href": call.url(f"{EXPORT}/files/{key}")}},
    }


def _file(call: Call) -> Response:
    """Return the content of the data file that the parameter ``path`` names.

    Without this parameter, return a list that contains only this file.
    """
    _require_not_retired(call)
    key = call.path("id")
    batch_id, _, number = key.rpartition("-")
    if call.scope.get(BATCHES, batch_id) is None:
        raise problem(404, f"File {key} not found.")
    batch = visible_batch(call.scope, batch_id)
    count = len(batch.get("files", [])) if batch["state"] == "success" else 0
    if number not in {str(each) for each in range(1, count + 1)}:
        raise problem(404, f"File {key} not found.")
    path = dataset_file_path(call.scope, batch, int(number))
    name = file_name(call.scope, batch, int(number))
    requested_path = call.query("path")
    if requested_path == name or (call.request.method == "HEAD" and not requested_path):
        legacy = batch["inputFormat"]["format"] == "csv"
        return FileResponse(path, media_type="application/csv" if legacy else "application/parquet")
    if requested_path:
        raise problem(404, f"File {requested_path} not found.")
    size = path.stat().st_size
    return page_response(call, [name], lambda _: file_entry(call, f"{EXPORT}/files/{key}", name, size))


def _rejected_rows(call: Call) -> Response:
    """Return the list of the files with rejected rows, or the content of the file that ``path`` names."""
    batch = visible_batch(call.scope, call.path("id"))
    folder = result_path(call.scope, batch["id"], "failed", "x").parent
    files = sorted(folder.glob("*.json")) if "finished" in batch and _is_retained(call, batch) else []
    base, requested_path = f"{EXPORT}/batches/{batch['id']}/failed", call.query("path")
    if requested_path:
        return _file_response(files, requested_path, marker=bool(files))
    entries = [file_entry(call, base, file.name, file.stat().st_size) for file in files]
    return page_response(call, [file_entry(call, base, "_SUCCESS", 0), *entries] if entries else [])


def _diagnostics(call: Call) -> Response:
    """Return the list of a batch's diagnostics, or the list or file that the parameter ``path`` names."""
    batch = visible_batch(call.scope, call.path("id"))
    folder = result_path(call.scope, batch["id"], "meta", "x").parent
    errors = sorted((folder / "row_errors").glob("*.json"))
    samples = [folder / "row_error_samples.json"] if (folder / "row_error_samples.json").exists() else []
    requested_path = call.query("path").strip("/")
    if "finished" not in batch or not _is_retained(call, batch):
        raise problem(404, f"Path {requested_path} not found.")
    base = f"{EXPORT}/batches/{batch['id']}/meta"
    if requested_path == "input_files":
        size = len(_input_files(call, batch).encode())
        return page_response(call, [file_entry(call, base, "fileMetaData1.json", size, "input_files/")])
    if requested_path == "input_files/fileMetaData1.json":
        return PlainTextResponse(_input_files(call, batch), media_type="application/json")
    if requested_path == "row_errors" and errors:
        return page_response(
            call, errors, lambda file: file_entry(call, base, file.name, file.stat().st_size, "row_errors/")
        )
    if requested_path.startswith("row_errors/"):
        return _file_response(errors, requested_path.removeprefix("row_errors/"))
    if requested_path in _SAMPLES:
        return _file_response(samples, "row_error_samples.json")
    if requested_path:
        raise problem(404, f"Path {requested_path} not found.")
    names = [*(["row_errors"] if errors else []), "input_files", *(file.name for file in samples)]
    return page_response(call, names, lambda name: file_entry(call, base, name, 0))


def _preview(call: Call) -> Response:
    """Return the first 100 rows in the active batches of a dataset."""
    key = call.path("id")
    if call.scope.get(DATASETS, key) is None:
        raise problem(404, f"Dataset {key} not found.")
    rows = (row for batch in active_batches(call.scope, key) for row in active_rows(call.scope, batch))
    return JSONResponse({"data": list(itertools.islice(rows, _PREVIEW_ROWS))})


def _is_retained(call: Call, batch: JsonObject) -> bool:
    return bool(call.scope.now < batch["finished"] + _RETENTION_MS)


def _input_files(call: Call, batch: JsonObject) -> str:
    """Return the paths of the uploaded files, as lines of JSON."""
    files = batch_files(call.scope, batch["id"])
    return "".join(json.dumps({"path": body["path"]}) + "\n" for body in files)


def _file_response(files: list[Path], name: str, *, marker: bool = False) -> Response:
    """Return the content of the file with a name.

    Args:
        files: The files that can be read.
        name: The name of the requested file.
        marker: Whether the empty marker file ``_SUCCESS`` can be read as well.

    Raises:
        Problem: 404 if no file has the name.
    """
    if marker and name == "_SUCCESS":
        return Response(b"", media_type="application/octet-stream")
    for file in files:
        if file.name == name:
            return FileResponse(file, media_type="application/json")
    raise problem(404, f"File {name} not found.")

"""Data Access: files of batches, and errors of rejected rows (OAS:data-access.yaml)."""

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
from mixpanel_aep_sandbox.aep.data_access.pages import entry, paged
from mixpanel_aep_sandbox.aep.ingestion.active_rows import active_batches, active_rows
from mixpanel_aep_sandbox.aep.ingestion.files import batch_files, result_path
from mixpanel_aep_sandbox.aep.query_service.settings import QuerySettings
from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState

_PREVIEW_ROWS = 100
_KEPT_MS = 30 * 86400 * 1000
"""Diagnostics are kept for 30 days (EP:ingestion/quality/error-diagnostics.md)."""
_SAMPLES = {"row_error_samples.json", "row_errors_sample.json"}
"""The guide and the specification use different names: both are served."""


def add_routes(state: SandboxState, router: APIRouter) -> None:
    """Add the routes of Data Access."""
    routes = Routes(state, router, EXPORT)
    routes.add("GET", "/batches/{id}/files", _batch_files)
    routes.add("GET", "/batches/{id}/failed", _failed)
    routes.add("GET", "/batches/{id}/meta", _meta)
    routes.add("GET", "/files/{id}", _file)
    routes.add("GET", "/datasets/{id}/preview", _preview)


def _check_served(call: Call) -> None:
    """Raise Problem 410 if the API is retired."""
    if QuerySettings.of(call.scope.state).data_access == "retired":
        raise problem(410, "The Data Access API has been retired. Use dataset export instead.")


def _batch_files(call: Call) -> Response:
    """Return one file for each uploaded file [I: as "DataSetFile entries are created for the completed files"]."""
    _check_served(call)
    batch = visible_batch(call.scope, call.path("id"))
    numbers = range(1, len(batch["files"]) + 1) if batch["state"] == "success" else range(0)
    return paged(call, numbers, lambda number: _file_facts(call, batch, number))


def _file_facts(call: Call, batch: JsonObject, number: int) -> JsonObject:
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
    _check_served(call)
    key = call.path("id")
    batch_id, _, number = key.rpartition("-")
    if call.scope.get(BATCHES, batch_id) is None:
        raise problem(404, f"File {key} not found.")
    batch = visible_batch(call.scope, batch_id)
    known = (
        {str(n) for n in range(1, len(batch.get("files", [])) + 1)} if batch["state"] == "success" else set()
    )
    if number not in known:
        raise problem(404, f"File {key} not found.")
    path = dataset_file_path(call.scope, batch, int(number))
    name = file_name(call.scope, batch, int(number))
    requested_path = call.query("path")
    if requested_path == name or (call.request.method == "HEAD" and not requested_path):
        legacy = batch["inputFormat"]["format"] == "csv"
        return FileResponse(path, media_type="application/csv" if legacy else "application/parquet")
    if requested_path:
        raise problem(404, f"File {requested_path} not found.")
    return paged(call, [name], lambda _: entry(call, f"{EXPORT}/files/{key}", name, path.stat().st_size))


def _failed(call: Call) -> Response:
    batch = visible_batch(call.scope, call.path("id"))
    folder = result_path(call.scope, batch["id"], "failed", "x").parent
    files = sorted(folder.glob("*.json")) if "finished" in batch and _is_kept(call, batch) else []
    base, requested_path = f"{EXPORT}/batches/{batch['id']}/failed", call.query("path")
    if requested_path:
        return _content(files, requested_path, marker=bool(files))
    entries = [entry(call, base, file.name, file.stat().st_size) for file in files]
    return paged(call, [entry(call, base, "_SUCCESS", 0), *entries] if entries else [])


def _meta(call: Call) -> Response:
    batch = visible_batch(call.scope, call.path("id"))
    folder = result_path(call.scope, batch["id"], "meta", "x").parent
    errors = sorted((folder / "row_errors").glob("*.json"))
    samples = [folder / "row_error_samples.json"] if (folder / "row_error_samples.json").exists() else []
    requested_path = call.query("path").strip("/")
    if "finished" not in batch or not _is_kept(call, batch):
        raise problem(404, f"Path {requested_path} not found.")
    base = f"{EXPORT}/batches/{batch['id']}/meta"
    if requested_path == "input_files":
        size = len(_inputs(call, batch).encode())
        return paged(call, [entry(call, base, "fileMetaData1.json", size, "input_files/")])
    if requested_path == "input_files/fileMetaData1.json":
        return PlainTextResponse(_inputs(call, batch), media_type="application/json")
    if requested_path == "row_errors" and errors:
        return paged(
            call, errors, lambda file: entry(call, base, file.name, file.stat().st_size, "row_errors/")
        )
    if requested_path.startswith("row_errors/"):
        return _content(errors, requested_path.removeprefix("row_errors/"))
    if requested_path in _SAMPLES:
        return _content(samples, "row_error_samples.json")
    if requested_path:
        raise problem(404, f"Path {requested_path} not found.")
    names = [*(["row_errors"] if errors else []), "input_files", *(file.name for file in samples)]
    return paged(call, names, lambda name: entry(call, base, name, 0))


def _preview(call: Call) -> Response:
    key = call.path("id")
    if call.scope.get(DATASETS, key) is None:
        raise problem(404, f"Dataset {key} not found.")
    rows = (row for batch in active_batches(call.scope, key) for row in active_rows(call.scope, batch))
    return JSONResponse({"data": list(itertools.islice(rows, _PREVIEW_ROWS))})


def _is_kept(call: Call, batch: JsonObject) -> bool:
    return bool(call.scope.now < batch["finished"] + _KEPT_MS)


def _inputs(call: Call, batch: JsonObject) -> str:
    files = batch_files(call.scope, batch["id"])
    return "".join(json.dumps({"path": body["path"]}) + "\n" for body in files)


def _content(files: list[Path], name: str, *, marker: bool = False) -> Response:
    if marker and name == "_SUCCESS":
        return Response(b"", media_type="application/octet-stream")
    for file in files:
        if file.name == name:
            return FileResponse(file, media_type="application/json")
    raise problem(404, f"File {name} not found.")

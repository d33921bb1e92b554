"""Data Access: files of batches, and why rows did not get in (OAS:data-access.yaml)."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response

from include.sandbox.aep.active import active_batches, active_rows
from include.sandbox.aep.catalog_batches import visible_batch
from include.sandbox.aep.constants import EXPORT
from include.sandbox.aep.http import Call, Routes
from include.sandbox.aep.ingest import batch_files, result_path
from include.sandbox.aep.parquet_files import dataset_file
from include.sandbox.aep.place import DATASETS
from include.sandbox.aep.problems import problem
from include.sandbox.world import World

_PAGE = 100
_PREVIEW_ROWS = 100
_KEPT_MS = 30 * 86400 * 1000
"""Diagnostics are kept for 30 days (EP:ingestion/quality/error-diagnostics.md)."""
_SAMPLES = {"row_error_samples.json", "row_errors_sample.json"}
"""The guide and the specification name it differently: both are answered."""


def add_routes(world: World, router: APIRouter) -> None:
    routes = Routes(world, router, EXPORT)
    routes.add("GET", "/batches/{id}/files", _batch_files)
    routes.add("GET", "/batches/{id}/failed", _failed)
    routes.add("GET", "/batches/{id}/meta", _meta)
    routes.add("GET", "/files/{id}", _file)
    routes.add("GET", "/datasets/{id}/preview", _preview)


def file_facts(call: Call, batch: dict[str, Any], view: str) -> dict[str, Any]:
    """A dataset file as Data Access and Catalog show it."""
    key = f"{batch['id']}-1"
    return {
        "dataSetFileId": key,
        "dataSetViewId": view,
        "version": "1.0.0",
        "created": str(batch["finished"]),
        "updated": str(batch["updated"]),
        "records": str(batch["metrics"]["outputRecordCount"]),
        "size": str(dataset_file(call.place, batch).stat().st_size),
        "isValid": True,
        "_links": {"self": {"href": call.url(f"{EXPORT}/files/{key}")}},
    }


def _batch_files(call: Call) -> Response:
    batch = visible_batch(call.place, call.path("id"))
    dataset = call.place.get(DATASETS, batch["dataset"]) or {"viewId": ""}
    files = [file_facts(call, batch, dataset["viewId"])] if batch["state"] == "success" else []
    return _paged(call, files)


def _file(call: Call) -> Response:
    batch = visible_batch(call.place, call.path("id").removesuffix("-1"))
    if batch["state"] != "success" or not call.path("id").endswith("-1"):
        raise problem(404, f"File {call.path('id')} not found.")
    path = dataset_file(call.place, batch)
    wanted = call.query("path")
    if wanted == path.name:
        return FileResponse(path, media_type="application/octet-stream")
    if wanted or call.request.method == "HEAD":
        raise problem(404, f"File {wanted} not found.")
    return _paged(call, [_entry(call, f"{EXPORT}/files/{call.path('id')}", path.name, path.stat().st_size)])


def _failed(call: Call) -> Response:
    batch = visible_batch(call.place, call.path("id"))
    folder = result_path(call.place, batch["id"], "failed", "x").parent
    files = sorted(folder.glob("*.json")) if "finished" in batch and _kept(call, batch) else []
    base, wanted = f"{EXPORT}/batches/{batch['id']}/failed", call.query("path")
    if wanted:
        return _content(files, wanted, marker=bool(files))
    entries = [_entry(call, base, file.name, file.stat().st_size) for file in files]
    return _paged(call, [_entry(call, base, "_SUCCESS", 0), *entries] if entries else [])


def _meta(call: Call) -> Response:
    batch = visible_batch(call.place, call.path("id"))
    folder = result_path(call.place, batch["id"], "meta", "x").parent
    errors = sorted((folder / "row_errors").glob("*.json"))
    samples = [folder / "row_error_samples.json"] if (folder / "row_error_samples.json").exists() else []
    wanted = call.query("path").strip("/")
    if "finished" not in batch or not _kept(call, batch):
        raise problem(404, f"Path {wanted} not found.")
    base = f"{EXPORT}/batches/{batch['id']}/meta"
    if wanted == "input_files":
        return _paged(
            call, [_entry(call, base, "fileMetaData1.json", len(_inputs(call, batch)), "input_files/")]
        )
    if wanted == "input_files/fileMetaData1.json":
        return PlainTextResponse(_inputs(call, batch), media_type="application/json")
    if wanted == "row_errors" and errors:
        return _paged(
            call, [_entry(call, base, file.name, file.stat().st_size, "row_errors/") for file in errors]
        )
    if wanted.startswith("row_errors/"):
        return _content(errors, wanted.removeprefix("row_errors/"))
    if wanted in _SAMPLES:
        return _content(samples, "row_error_samples.json")
    if wanted:
        raise problem(404, f"Path {wanted} not found.")
    names = [*(["row_errors"] if errors else []), "input_files", *(file.name for file in samples)]
    return _paged(call, [_entry(call, base, name, 0) for name in names])


def _preview(call: Call) -> Response:
    key = call.path("id")
    if call.place.get(DATASETS, key) is None:
        raise problem(404, f"Dataset {key} not found.")
    rows = (row for batch in active_batches(call.place, key) for row in active_rows(call.place, batch))
    return JSONResponse({"data": list(itertools.islice(rows, _PREVIEW_ROWS))})


def _kept(call: Call, batch: dict[str, Any]) -> bool:
    return bool(call.place.now < batch["finished"] + _KEPT_MS)


def _inputs(call: Call, batch: dict[str, Any]) -> str:
    files = batch_files(call.place, batch["id"])
    return "".join(json.dumps({"path": body["path"]}) + "\n" for body in files)


def _content(files: list[Path], name: str, *, marker: bool = False) -> Response:
    if marker and name == "_SUCCESS":
        return Response(b"", media_type="application/octet-stream")
    for file in files:
        if file.name == name:
            return FileResponse(file, media_type="application/json")
    raise problem(404, f"File {name} not found.")


def _entry(call: Call, base: str, name: str, size: int, folder: str = "") -> dict[str, Any]:
    href = call.url(f"{base}?path={quote(folder + name, safe='')}")
    return {"name": name, "length": str(size), "_links": {"self": {"href": href}}}


def _paged(call: Call, entries: list[dict[str, Any]]) -> Response:
    """At most 100 entries, from ``start``."""
    start, limit = call.query("start", "0"), call.query("limit", str(_PAGE))
    if not start.isdigit() or not limit.isdigit() or not 1 <= int(limit) <= _PAGE:
        raise problem(400, f"start must be an integer, and limit one from 1 to {_PAGE}.")
    chosen = entries[int(start) : int(start) + int(limit)]
    return JSONResponse({"data": chosen, "_page": {"limit": int(limit), "count": len(chosen)}})

"""Files of a batch: put whole, or in chunks (EP:ingestion/batch-ingestion/api-overview.md). Bytes go straight to disk."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from include.sandbox.aep.batches import find_batch
from include.sandbox.aep.chunks import content_range, gaps, received, stitch
from include.sandbox.aep.constants import IMPORT
from include.sandbox.aep.http import Call, Routes
from include.sandbox.aep.lifecycle import settle
from include.sandbox.aep.place import Place, files_kind
from include.sandbox.aep.problems import problem
from include.sandbox.world import World

_MOST_FILES = 1500
_LARGEST_CHUNK_BYTES = 512_000_000
_OCTETS = "application/octet-stream"


def add_routes(world: World, router: APIRouter) -> None:
    routes = Routes(world, router, f"{IMPORT}/batches/{{id}}/datasets/{{dataset}}/files")
    routes.add("PUT", "/{path:path}", _put)
    routes.add("PATCH", "/{path:path}", _patch)
    routes.add("POST", "/{path:path}", _act, json=False)
    routes.add("HEAD", "/{path:path}", _head)


def disk_path(place: Place, batch_id: str, name: str) -> Path:
    return place.world.store.file("aep", batch_id, name)


async def _put(call: Call) -> Response:
    limit = call.place.world.settings.small_file_bytes
    await run_in_threadpool(_writable, call)
    name, size = await _receive(call, limit, "larger than a file may be that is not sent in chunks")
    new = await run_in_threadpool(_keep_whole, call, name, size)
    return Response(status_code=201 if new else 200)


async def _patch(call: Call) -> Response:
    batch_id = await run_in_threadpool(_writable, call)
    await run_in_threadpool(_open_file, call.place, batch_id, call.path("path"))
    first, last = content_range(call.request.headers.get("content-range"))
    name, size = await _receive(call, _LARGEST_CHUNK_BYTES, "larger than a chunk may be")
    await run_in_threadpool(_keep_chunk, call, name, size, (first, last))
    return Response(status_code=200)


def _writable(call: Call) -> str:
    """The batch's id, when it may be written to."""
    if (call.content_type and call.content_type != _OCTETS) or (
        not call.content_type and call.request.method != "POST"
    ):
        raise problem(415, f"The content type must be {_OCTETS}.")
    if call.request.headers.get("content-encoding", "identity") != "identity":
        raise problem(415, "A content encoding is not supported.")
    place, key = call.place, call.path("id")
    settle(place)
    batch = find_batch(place, key)
    if batch["dataset"] != call.path("dataset"):
        raise problem(404, f"Batch {key} has no dataset {call.path('dataset')}.")
    if batch["state"] != "loading":
        # [I] What becomes of a late write is not documented; taking it would lose it silently.
        raise problem(400, f"Batch {key} is {batch['state']}: no file can be written to it.")
    path = call.path("path")
    if not path or any(part in ("", ".", "..") for part in path.split("/")):
        raise problem(400, "The file path is not valid.")
    if place.count(files_kind(key)) >= _MOST_FILES and place.get(files_kind(key), path) is None:
        raise problem(400, f"A batch can have no more than {_MOST_FILES} files.")
    return key


def _open_file(place: Place, batch_id: str, path: str) -> dict[str, Any]:
    body = place.get(files_kind(batch_id), path)
    if body is None or not body["open"]:
        raise problem(404, f"File {path} was not initialized.")
    return body


async def _receive(call: Call, limit: int, excuse: str) -> tuple[str, int]:
    """Streams the body to disk: the name of the file there, and its size. Raises Problem 413."""
    name = secrets.token_hex(8)
    target = disk_path(call.place, call.path("id"), name)
    declared = call.request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise problem(413, f"{declared} bytes are {excuse}: {limit} bytes.")
    size = 0
    try:
        with target.open("wb") as file:
            async for block in call.request.stream():
                size += len(block)
                if size > limit:
                    raise problem(413, f"The body is {excuse}: {limit} bytes.")
                file.write(block)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return name, size


def _keep_whole(call: Call, name: str, size: int) -> bool:
    place, key, path = call.place, call.path("id"), call.path("path")
    with place.world.store.transaction():
        _still_writable(call, name)
        old = place.get(files_kind(key), path)
        body = {
            "batch": key,
            "path": path,
            "name": name,
            "size": size,
            "open": False,
            "chunks": [],
            "at": place.now,
        }
        place.put(files_kind(key), path, body)
    _drop(place, old)
    return old is None


def _keep_chunk(call: Call, name: str, size: int, span: tuple[int, int]) -> None:
    place, key, path = call.place, call.path("id"), call.path("path")
    first, last = span
    with place.world.store.transaction():
        _still_writable(call, name)
        if size != last - first + 1:
            disk_path(place, key, name).unlink(missing_ok=True)
            raise problem(400, f"Content-Range {first}-{last} does not fit a body of {size} bytes.")
        body = _open_file(place, key, path)
        # [I] The very same range again is a repetition; overlapping ones are found at COMPLETE, as documented.
        chunks = [chunk for chunk in body["chunks"] if chunk[:2] != [first, last]]
        body["chunks"] = [*chunks, [first, last, name]]
        place.put(files_kind(key), path, body)


def _still_writable(call: Call, name: str) -> None:
    """The batch may have been completed while the bytes came in."""
    batch = find_batch(call.place, call.path("id"))
    if batch["state"] != "loading":
        disk_path(call.place, batch["id"], name).unlink(missing_ok=True)
        raise problem(400, f"Batch {batch['id']} is {batch['state']}: no file can be written to it.")


def _act(call: Call) -> Response:
    action = call.query("action").upper()
    if action == "INITIALIZE":
        key, path, place = _writable(call), call.path("path"), call.place
        old = place.get(files_kind(key), path)
        body: dict[str, Any] = {
            "batch": key,
            "path": path,
            "name": None,
            "size": 0,
            "open": True,
            "chunks": [],
            "at": place.now,
        }
        place.put(files_kind(key), path, body)
        _drop(place, old)
        return Response(status_code=201)
    if action == "COMPLETE":
        return _complete(call)
    raise problem(400, "action must be INITIALIZE or COMPLETE.")


def _complete(call: Call) -> Response:
    place, key, path = call.place, call.path("id"), call.path("path")
    body = place.get(files_kind(key), path)
    if body is not None and not body["open"]:
        return JSONResponse({"name": path, "sizeInBytes": body["size"]})  # [I] repeating it is safe
    _writable(call)
    body = _open_file(place, key, path)
    if trouble := gaps(body["chunks"]):
        raise problem(400, f"The chunks of {path} {trouble}.")
    name = secrets.token_hex(8)
    chunks = [disk_path(place, key, chunk[2]) for chunk in sorted(body["chunks"])]
    size = stitch(chunks, disk_path(place, key, name))
    place.put(files_kind(key), path, {**body, "name": name, "size": size, "open": False, "chunks": []})
    # The guide shows 201, the specification 200.
    return JSONResponse({"name": path, "sizeInBytes": size}, 201)


def _head(call: Call) -> Response:
    find_batch(call.place, call.path("id"))
    body = call.place.get(files_kind(call.path("id")), call.path("path"))
    if body is None:
        raise problem(404, f"File {call.path('path')} not found.")
    return Response(status_code=200, headers={"Range": received(body)})


def _drop(place: Place, body: dict[str, Any] | None) -> None:
    names = [body["name"], *(chunk[2] for chunk in body["chunks"])] if body else []
    for name in filter(None, names):
        disk_path(place, body["batch"] if body else "", name).unlink(missing_ok=True)

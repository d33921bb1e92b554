"""Uploads of files, whole or in chunks (EP:ingestion/batch-ingestion/api-overview.md); bytes are streamed to disk."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.constants import IMPORT
from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.http import Call, Routes
from mixpanel_aep_sandbox.aep.core.scope import files_kind
from mixpanel_aep_sandbox.aep.ingestion.chunks import (
    check_next,
    describe_range_fault,
    join_chunks,
    parse_content_range,
    received_ranges,
)
from mixpanel_aep_sandbox.aep.ingestion.rate_limits import check_byte_rate
from mixpanel_aep_sandbox.aep.ingestion.routes.batches import find_batch
from mixpanel_aep_sandbox.aep.ingestion.settings import IngestSettings
from mixpanel_aep_sandbox.aep.ingestion.uploaded_files import (
    delete_file_bytes,
    disk_path,
    file_document,
    file_path,
    find_open_file,
    require_loading,
    store_file,
    writable_batch,
)
from mixpanel_aep_sandbox.core.state import SandboxState

_LARGEST_CHUNK_BYTES = 512_000_000
_OCTETS = "application/octet-stream"
_STITCHING = threading.Lock()


def add_routes(state: SandboxState, router: APIRouter) -> None:
    """Add the HTTP routes that upload the files of a batch to ``router``."""
    routes = Routes(state, router, f"{IMPORT}/batches/{{id}}/datasets/{{dataset}}/files")
    routes.add("PUT", "/{path:path}", _put)
    routes.add("PATCH", "/{path:path}", _patch)
    routes.add("POST", "/{path:path}", _run_action, atomic=False, json=False)
    routes.add("HEAD", "/{path:path}", _head)


async def _put(call: Call) -> Response:
    """Handle ``PUT``: receive a whole file."""
    limit = call.scope.state.settings.small_file_bytes
    await run_in_threadpool(_check_upload, call)
    name, size = await _receive(call, limit, "larger than the limit for a file that is not sent in chunks")
    new = await run_in_threadpool(_store_whole_file, call, name, size)
    status = IngestSettings.of(call.scope.state).file_status
    return Response(status_code=status if new else 200)


async def _patch(call: Call) -> Response:
    """Handle ``PATCH``: receive a chunk of a large file."""
    batch_id = await run_in_threadpool(_check_upload, call)
    await run_in_threadpool(find_open_file, call.scope, batch_id, file_path(call))
    documented = IngestSettings.of(call.scope.state).content_range != "any"
    first, last = parse_content_range(call.request.headers.get("content-range"), documented=documented)
    name, size = await _receive(call, _LARGEST_CHUNK_BYTES, "larger than the limit for a chunk")
    ranges = await run_in_threadpool(_store_chunk, call, name, size, (first, last))
    return Response(status_code=200, headers={"Range": ranges})


def _check_upload(call: Call) -> str:
    """Check whether an upload is allowed, and return the batch's id. Raises Problem 400, 404, 415, 429 or 503."""
    if call.content_type != _OCTETS:
        raise problem(415, f"The content type must be {_OCTETS}.")
    if call.request.headers.get("content-encoding", "identity") != "identity":
        raise problem(415, "Content encodings are not supported; send the file uncompressed.")
    check_byte_rate(call.scope)
    return writable_batch(call)


async def _receive(call: Call, limit: int, reason: str) -> tuple[str, int]:
    """Stream the request body to a new file on disk, and return the file's name and its size in bytes.

    Args:
        call: The request.
        limit: The maximum size in bytes.
        reason: The end of the sentence about a body that is too large.

    Raises:
        Problem: 413 if the body is too large.
    """
    declared = call.request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > limit:
        raise problem(413, f"{declared[:20]} bytes are {reason}: {limit} bytes.")
    name = secrets.token_hex(8)
    target = disk_path(call.scope, call.path("id"), name)
    size = 0
    try:
        with target.open("wb") as file:
            async for block in call.request.stream():
                size += len(block)
                if size > limit:
                    raise problem(413, f"The body is {reason}: {limit} bytes.")
                file.write(block)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return name, size


@contextmanager
def _transaction_or_cleanup(call: Call, name: str) -> Iterator[None]:
    """Run the block as a transaction; if it fails, delete a received file from disk.

    The block is not run if the batch of the request no longer accepts files.

    Args:
        call: The request.
        name: The name of the received file on disk.
    """
    try:
        with call.scope.state.store.transaction():
            # The batch may have been completed during the upload.
            require_loading(call.scope, find_batch(call.scope, call.path("id")))
            yield
    except BaseException:
        disk_path(call.scope, call.path("id"), name).unlink(missing_ok=True)
        raise


def _store_whole_file(call: Call, name: str, size: int) -> bool:
    """Store a received file in the batch, and return whether the batch had no file at this path before."""
    with _transaction_or_cleanup(call, name):
        old = store_file(
            call.scope, file_document(call.scope, call.path("id"), file_path(call), name=name, size=size)
        )
    delete_file_bytes(call.scope, old)
    return old is None


def _store_chunk(call: Call, name: str, size: int, span: tuple[int, int]) -> str:
    """Store a received chunk of a large file, and return all received ranges as the header ``Range``."""
    scope, key, path = call.scope, call.path("id"), file_path(call)
    first, last = span
    with _transaction_or_cleanup(call, name):
        if size != last - first + 1:
            raise problem(400, f"Content-Range {first}-{last} does not fit a body of {size} bytes.")
        body = find_open_file(scope, key, path)
        # [I] A chunk with the same range replaces the earlier one; overlaps are reported at COMPLETE, as documented.
        again = [chunk for chunk in body["chunks"] if chunk[:2] == [first, last]]
        if not again and IngestSettings.of(scope.state).chunk_ranges == "at upload":
            check_next(body["chunks"], first)
        body["chunks"] = [chunk for chunk in body["chunks"] if chunk not in again] + [[first, last, name]]
        scope.put(files_kind(key), path, body)
    delete_file_bytes(scope, {"batch": key, "name": None, "chunks": again})
    return received_ranges(body)


def _run_action(call: Call) -> Response:
    """Handle ``POST``: begin or complete the upload of a large file in chunks."""
    action = call.query("action").upper()
    if action == "INITIALIZE":
        return _initialize(call)
    if action == "COMPLETE":
        with _STITCHING:  # concurrent completions must not delete each other's chunks
            return _complete(call)
    raise problem(400, "action must be INITIALIZE or COMPLETE.")


def _initialize(call: Call) -> Response:
    scope, key = call.scope, writable_batch(call)
    with scope.state.store.transaction():
        old = store_file(scope, file_document(scope, key, file_path(call), open=True))
    delete_file_bytes(scope, old)
    return Response(status_code=201)


def _complete(call: Call) -> Response:
    scope, key, path = call.scope, call.path("id"), file_path(call)
    body = scope.get(files_kind(key), path)
    if body is not None and not body["open"]:
        return JSONResponse({"name": path, "sizeInBytes": body["size"]})  # [I] a repeated completion succeeds
    writable_batch(call)
    body = find_open_file(scope, key, path)
    if trouble := describe_range_fault(body["chunks"]):
        raise problem(400, f"The chunks of {path} {trouble}.")
    name = secrets.token_hex(8)
    size = join_chunks(_chunk_paths(call, body["chunks"]), disk_path(scope, key, name))
    with _transaction_or_cleanup(call, name):
        if find_open_file(scope, key, path)["chunks"] != body["chunks"]:
            raise problem(400, f"Chunks of file {path} arrived during its completion; complete it again.")
        store_file(scope, file_document(scope, key, path, name=name, size=size))
    delete_file_bytes(scope, {**body, "name": None})
    status = IngestSettings.of(scope.state).complete_file_status
    return JSONResponse({"name": path, "sizeInBytes": size}, status)


def _chunk_paths(call: Call, chunks: list[list[int | str]]) -> list[Path]:
    return [disk_path(call.scope, call.path("id"), str(chunk[2])) for chunk in sorted(chunks)]


def _head(call: Call) -> Response:
    """Handle ``HEAD``: respond with the received byte ranges of a file."""
    batch = find_batch(call.scope, call.path("id"))
    body = call.scope.get(files_kind(batch["id"]), file_path(call))
    if body is None or batch["dataset"] != call.path("dataset"):
        raise problem(404, f"File {file_path(call)} not found.")
    return Response(status_code=200, headers={"Range": received_ranges(body)})

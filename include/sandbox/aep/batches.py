"""Batch ingestion: create, complete, abort, fail, revert (OAS:batch-ingestion.yaml, EP:ingestion/batch-ingestion)."""

from __future__ import annotations

import re
import secrets
from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from include.sandbox.aep.constants import DEMO_USER, IMPORT
from include.sandbox.aep.forced import take_forced
from include.sandbox.aep.http import Call, Routes
from include.sandbox.aep.jobs import start
from include.sandbox.aep.lifecycle import batches_of, save, settle, touch
from include.sandbox.aep.place import BATCHES, DATASETS, Place, files_kind
from include.sandbox.aep.problems import problem
from include.sandbox.world import World

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_FORMATS = ("json", "parquet")
_PATIENCE_SECONDS = 10


def add_routes(world: World, router: APIRouter) -> None:
    routes = Routes(world, router, f"{IMPORT}/batches")
    routes.add("POST", "", _create)
    routes.add("POST", "/{id}", _act, atomic=False, json=False)


def find_batch(place: Place, key: str) -> dict[str, Any]:
    """Raises Problem 404 where there is none."""
    body = place.get(BATCHES, key)
    if body is None:
        raise problem(404, f"Batch {key} not found.")
    return body


def new_ulid(milliseconds: int) -> str:
    """26 characters: 48 bits of time, 80 of chance."""
    number = (milliseconds << 80) | secrets.randbits(80)
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))


def _create(call: Call) -> Response:
    batch = create_batch(call.place, call.object(), call.client_id)
    return JSONResponse(_answer(call.place, batch), 201)


def create_batch(place: Place, given: dict[str, Any], client: str) -> dict[str, Any]:
    """A new batch, as the body of ``POST /batches`` asks for it. Raises Problem 400 or 404."""
    dataset = given.get("datasetId")
    if not isinstance(dataset, str) or not dataset:
        raise problem(400, "datasetId is required.")
    if place.get(DATASETS, dataset) is None:
        raise problem(404, f"Dataset {dataset} not found.")  # [I] the status is not documented
    now = place.now
    key = new_ulid(now)
    batch = {
        "id": key,
        "dataset": dataset,
        "externalId": _external_id(given, key),
        "inputFormat": _input_format(given),
        "diagnostics": _typed(given, "enableErrorDiagnostics", bool, False),
        "percent": _percent(given),
        "replay": _replay(place, given, dataset),
        "tags": _tags(given),
        "created": now,
        "updated": now,
        "client": client,
        "state": "loading",
        "version": 0,
        "completed": None,
    }
    save(place, batch)
    return batch


def _answer(place: Place, batch: dict[str, Any]) -> dict[str, Any]:
    body = {
        "id": batch["id"],
        "imsOrg": place.org,
        "externalId": batch["externalId"],
        "created": batch["created"],
        "updated": batch["updated"],
        "status": "loading",
        "inputFormat": batch["inputFormat"],
        "relatedObjects": [{"type": "dataSet", "id": batch["dataset"]}],
        "version": "1.0.0",
        "tags": shown_tags(batch),
        "createdUser": DEMO_USER,
        "updatedUser": DEMO_USER,
    }
    return body | ({"replay": batch["replay"]} if batch["replay"] else {})


def shown_tags(batch: dict[str, Any]) -> dict[str, Any]:
    """The caller's tags and Adobe's own (EP:ingestion/quality/error-diagnostics.md)."""
    own: dict[str, Any] = {}
    if batch["diagnostics"]:
        own["acp_enableErrorDiagnostics"] = True
    if batch["percent"] is not None:
        own["acp_partialIngestionPercent"] = batch["percent"]
    if batch["completed"] is not None:
        own["acp_finalized_time"] = str(batch["completed"])
    return {**batch["tags"], **own}


def _typed(given: dict[str, Any], name: str, kind: type, default: Any) -> Any:
    value = given.get(name, default)
    if not isinstance(value, kind):
        raise problem(400, f"{name} must be of type {kind.__name__}.")
    return value


def _external_id(given: dict[str, Any], key: str) -> str:
    value: str = _typed(given, "externalId", str, key)
    if not value:
        raise problem(400, "externalId must not be empty.")
    return value


def _input_format(given: dict[str, Any]) -> dict[str, Any]:
    value = given.get("inputFormat")
    name = value.get("format") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(name, str):
        raise problem(400, "inputFormat with a format is required.")
    if name.lower() == "csv":
        raise problem(400, "The sandbox does not ingest CSV, Adobe's legacy path: use json or parquet.")
    if name.lower() not in _FORMATS:
        raise problem(400, f"inputFormat.format must be json or parquet, not {name}.")
    if not isinstance(value.get("isMultiLineJson", False), bool):
        raise problem(400, "inputFormat.isMultiLineJson must be true or false.")
    return {**value, "format": name.lower()}


def _percent(given: dict[str, Any]) -> float | None:
    value = given.get("partialIngestionPercent")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 100:
        raise problem(400, "partialIngestionPercent must be a number from 0 to 100.")
    return value


def _tags(given: dict[str, Any]) -> dict[str, Any]:
    tags: dict[str, Any] = _typed(given, "tags", dict, {})
    if not all(
        isinstance(values, list) and all(isinstance(v, str) for v in values) for values in tags.values()
    ):
        raise problem(400, "The values of tags must be arrays of strings.")
    return tags


def _replay(place: Place, given: dict[str, Any], dataset: str) -> dict[str, Any] | None:
    replay = given.get("replay")
    if replay is None:
        return None
    lists = [replay.get(name, []) if isinstance(replay, dict) else None for name in _PREDECESSORS]
    if not all(isinstance(ids, list) and all(isinstance(key, str) for key in ids) for ids in lists):
        raise problem(400, "replay needs predecessors or predecessorsByExternalId, arrays of strings.")
    if not any(lists):
        raise problem(400, "replay needs at least one predecessor.")
    known = {batch["id"] for batch in batches_of(place, dataset)}
    # The guide (`${id}`) and the specification (`$id`) differ about the mark of an id: it is taken with and without.
    predecessors = [_MARKED.sub(r"\1", key) for key in replay.get("predecessors", [])]
    if unknown := [key for key in predecessors if key not in known]:
        raise problem(400, f"Predecessor {unknown[0]} is no batch of dataset {dataset}.")  # [I]
    return {**replay, **({"predecessors": predecessors} if "predecessors" in replay else {})}


_PREDECESSORS = ("predecessors", "predecessorsByExternalId")
_MARKED = re.compile(r"^\$\{?([^{}]*)\}?$")


def _act(call: Call) -> Response:
    action = call.query("action").upper()
    actions = {"COMPLETE": complete_batch, "ABORT": _abort, "FAIL": _fail, "REVERT": _revert}
    if action not in actions:
        raise problem(400, "action must be COMPLETE, ABORT, FAIL or REVERT.")
    settle(call.place)
    with call.place.world.store.transaction():
        batch = actions[action](call.place, find_batch(call.place, call.path("id")))
    if batch["state"] == "promoting":
        over = start(call.place, batch["id"])
        if batch["due"] <= call.place.now:
            # Without a delay the end is there when the answer is, unless the rows are very many.
            over.wait(_PATIENCE_SECONDS)
    return Response(status_code=200)


def complete_batch(place: Place, batch: dict[str, Any]) -> dict[str, Any]:
    """The batch on its way to its end; its rows are looked at when somebody asks. Raises Problem 400."""
    if batch["state"] in ("promoting", "success", "failed"):
        return (
            batch  # "If the operation actually succeeded, the API will return success, even after retrying."
        )
    _require(batch, "loading", "completed")
    if any(body["open"] for _, body in place.items(files_kind(batch["id"]))):
        raise problem(400, "A large file of the batch is not complete: there are missing chunks.")
    forced = take_forced(place, batch)
    wait = place.world.settings.batch_seconds + forced.get("delay_seconds", 0)
    now = place.now
    return touch(place, batch, state="promoting", completed=now, due=now + int(wait * 1000), forced=forced)


def _abort(place: Place, batch: dict[str, Any]) -> dict[str, Any]:
    if batch["state"] == "aborted":
        return batch
    # "Once a batch is in the Loaded state, the batch cannot be aborted."
    _require(batch, "loading", "aborted")
    return touch(place, batch, state="aborted")


def _fail(place: Place, batch: dict[str, Any]) -> dict[str, Any]:
    if batch["state"] == "failed":
        return batch
    _require(batch, "loading", "failed")
    return touch(place, batch, state="failed", metrics={}, errors=[], finished=place.now)


def _revert(place: Place, batch: dict[str, Any]) -> dict[str, Any]:
    if batch["state"] in ("inactive", "deleted"):
        return batch
    _require(batch, "success", "reverted")
    return touch(place, batch, state="inactive", reverted=place.now)


def _require(batch: dict[str, Any], state: str, done: str) -> None:
    if batch["state"] != state:
        raise problem(400, f"Batch {batch['id']} is {batch['state']} and cannot be {done}.")  # [I] the status

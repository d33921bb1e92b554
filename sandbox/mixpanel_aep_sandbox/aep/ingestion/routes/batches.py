"""Batch ingestion: create, complete, abort, fail, revert (OAS:batch-ingestion.yaml, EP:ingestion/batch-ingestion)."""

from __future__ import annotations

import secrets
from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.constants import DEMO_USER, IMPORT
from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.http import Call, Routes
from mixpanel_aep_sandbox.aep.core.scope import BATCHES, DATASETS, Place, files_kind
from mixpanel_aep_sandbox.aep.hygiene.models import has_expired
from mixpanel_aep_sandbox.aep.ingestion.lifecycle import deactivate, save, settle, shown_status, touch
from mixpanel_aep_sandbox.aep.ingestion.planned_outcomes import take_forced
from mixpanel_aep_sandbox.aep.ingestion.processing.worker import start
from mixpanel_aep_sandbox.aep.ingestion.rate_limits import admit_batch
from mixpanel_aep_sandbox.aep.ingestion.settings import IngestSettings
from mixpanel_aep_sandbox.aep.ingestion.validation import given_batch
from mixpanel_aep_sandbox.core.state import World

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PATIENCE_SECONDS = 10


def add_routes(world: World, router: APIRouter) -> None:
    routes = Routes(world, router, f"{IMPORT}/batches")
    routes.add("POST", "", _create)
    # [I] In no document; a public client replays batches by it, with the body of a new one.
    routes.add("PATCH", "", _replay)
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


def _replay(call: Call) -> Response:
    given = call.object()
    if given.get("replay") is None:
        raise problem(400, "replay is required.")
    return JSONResponse(_answer(call.place, create_batch(call.place, given, call.client_id)), 201)


def create_batch(place: Place, given: dict[str, Any], client: str) -> dict[str, Any]:
    """A new batch, as the body of ``POST /batches`` asks for it. Raises Problem 400, 404 or 429."""
    dataset = given.get("datasetId")
    if not isinstance(dataset, str) or not dataset:
        raise problem(400, "datasetId is required.")
    found = place.get(DATASETS, dataset)
    if found is None:
        raise problem(404, f"Dataset {dataset} not found.")  # [I] the status is not documented
    if has_expired(place, dataset):
        raise problem(400, f"Dataset {dataset} has expired.")  # [I]
    admit_batch(place, client)
    chosen = given_batch(place, given, found)
    now = place.now
    key = new_ulid(now)
    chosen["externalId"] = chosen["externalId"] or key
    _check_unique(place, chosen["externalId"])
    batch = {
        "id": key,
        "dataset": dataset,
        **chosen,
        "created": now,
        "updated": now,
        "client": client,
        "state": "loading",
        "version": 0,
        "completed": None,
    }
    save(place, batch)
    return batch


def _check_unique(place: Place, external: str) -> None:
    if IngestSettings.of(place.world).external_ids == "unique" and any(
        body["externalId"] == external for _, body in place.items(BATCHES)
    ):
        raise problem(400, f"There is a batch with externalId {external} already.")


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
    """The caller's tags and Adobe's own (EP:ingestion/quality/error-diagnostics.md, OAS:batch-ingestion.yaml)."""
    own: dict[str, Any] = {}
    if batch["diagnostics"]:
        own["acp_enableErrorDiagnostics"] = True
    if batch["percent"] is not None:
        own["acp_partialIngestionPercent"] = batch["percent"]
    if batch["completed"] is not None:
        own["acp_finalized_time"] = [str(batch["completed"])]
        own["acp_stagePath"] = [f"{batch['client']}/stage/{batch['id']}"]
    return {**batch["tags"], **own}


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
        # "If the operation actually succeeded, the API will return success, even after retrying."
        return batch
    _require(place, batch, "loading", "completed")
    if any(body["open"] for _, body in place.items(files_kind(batch["id"]))):
        raise problem(400, "A large file of the batch is not complete: there are missing chunks.")
    return promote(place, batch, take_forced(place, batch))


def promote(place: Place, batch: dict[str, Any], forced: dict[str, Any]) -> dict[str, Any]:
    wait = place.world.settings.batch_seconds + forced.get("delay_seconds", 0)
    due = place.now + (0 if forced.get("at_once") else int(wait * 1000))
    return touch(place, batch, state="promoting", completed=place.now, due=due, forced=forced)


def _abort(place: Place, batch: dict[str, Any]) -> dict[str, Any]:
    if batch["state"] == "aborted":
        return batch
    until_finalized = IngestSettings.of(place.world).abort_until == "finalized"
    if not (until_finalized and batch["state"] == "promoting"):
        # "Once a batch is in the Loaded state, the batch cannot be aborted."
        _require(place, batch, "loading", "aborted")
    return touch(place, batch, state="aborted")


def _fail(place: Place, batch: dict[str, Any]) -> dict[str, Any]:
    if batch["state"] == "failed":
        return batch
    _require(place, batch, "loading", "failed")
    return touch(place, batch, state="failed", metrics={}, errors=[], finished=place.now)


def _revert(place: Place, batch: dict[str, Any]) -> dict[str, Any]:
    if batch["state"] == "inactive" or batch["state"] in IngestSettings.of(place.world).retire_path:
        return batch
    _require(place, batch, "success", "reverted")
    return deactivate(place, batch)


def _require(place: Place, batch: dict[str, Any], state: str, done: str) -> None:
    if batch["state"] != state:
        text = f"Batch {batch['id']} is {shown_status(place, batch)} and cannot be {done}."
        raise problem(400, text)  # [I] the status

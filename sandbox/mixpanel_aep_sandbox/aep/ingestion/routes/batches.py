"""Batch ingestion: create, complete, abort, fail, revert (OAS:batch-ingestion.yaml, EP:ingestion/batch-ingestion)."""

from __future__ import annotations

import secrets

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.constants import DEMO_USER, IMPORT
from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.http import Call, Routes
from mixpanel_aep_sandbox.aep.core.scope import BATCHES, DATASETS, AepSandboxScope, files_kind
from mixpanel_aep_sandbox.aep.hygiene.models import has_expired
from mixpanel_aep_sandbox.aep.ingestion.lifecycle import deactivate, save, save_changed, settle, shown_status
from mixpanel_aep_sandbox.aep.ingestion.planned_outcomes import take_planned_outcome
from mixpanel_aep_sandbox.aep.ingestion.processing.worker import start
from mixpanel_aep_sandbox.aep.ingestion.rate_limits import admit_batch
from mixpanel_aep_sandbox.aep.ingestion.settings import IngestSettings
from mixpanel_aep_sandbox.aep.ingestion.validation import given_batch
from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PATIENCE_SECONDS = 10


def add_routes(state: SandboxState, router: APIRouter) -> None:
    """Add the routes of batches."""
    routes = Routes(state, router, f"{IMPORT}/batches")
    routes.add("POST", "", _create)
    # [I] Undocumented; a public client replays batches with it, with the body of a new batch.
    routes.add("PATCH", "", _replay)
    routes.add("POST", "/{id}", _act, atomic=False, json=False)


def find_batch(scope: AepSandboxScope, key: str) -> JsonObject:
    """Return a batch. Raises Problem 404."""
    body = scope.get(BATCHES, key)
    if body is None:
        raise problem(404, f"Batch {key} not found.")
    return body


def new_ulid(milliseconds: int) -> str:
    """Return a new ULID: 26 characters with 48 bits of time and 80 random bits."""
    number = (milliseconds << 80) | secrets.randbits(80)
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))


def _create(call: Call) -> Response:
    batch = create_batch(call.scope, call.object(), call.client_id)
    return JSONResponse(_answer(call.scope, batch), 201)


def _replay(call: Call) -> Response:
    given = call.object()
    if given.get("replay") is None:
        raise problem(400, "replay is required.")
    return JSONResponse(_answer(call.scope, create_batch(call.scope, given, call.client_id)), 201)


def create_batch(scope: AepSandboxScope, given: JsonObject, client: str) -> JsonObject:
    """Create a batch from the body of ``POST /batches``. Raises Problem 400, 404 or 429."""
    dataset = given.get("datasetId")
    if not isinstance(dataset, str) or not dataset:
        raise problem(400, "datasetId is required.")
    found = scope.get(DATASETS, dataset)
    if found is None:
        raise problem(404, f"Dataset {dataset} not found.")  # [I] the status is not documented
    if has_expired(scope, dataset):
        raise problem(400, f"Dataset {dataset} has expired.")  # [I]
    admit_batch(scope, client)
    chosen = given_batch(scope, given, found)
    now = scope.now
    key = new_ulid(now)
    chosen["externalId"] = chosen["externalId"] or key
    _check_unique(scope, chosen["externalId"])
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
    save(scope, batch)
    return batch


def _check_unique(scope: AepSandboxScope, external: str) -> None:
    if IngestSettings.of(scope.state).external_ids == "unique" and any(
        body["externalId"] == external for _, body in scope.items(BATCHES)
    ):
        raise problem(400, f"There is a batch with externalId {external} already.")


def _answer(scope: AepSandboxScope, batch: JsonObject) -> JsonObject:
    body = {
        "id": batch["id"],
        "imsOrg": scope.org,
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


def shown_tags(batch: JsonObject) -> JsonObject:
    """Return the tags of a batch that the client set and those that Adobe adds (EP:ingestion/quality/error-diagnostics.md, OAS:batch-ingestion.yaml)."""
    own: JsonObject = {}
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
    settle(call.scope)
    with call.scope.state.store.transaction():
        batch = actions[action](call.scope, find_batch(call.scope, call.path("id")))
    if batch["state"] == "promoting":
        over = start(call.scope, batch["id"])
        if batch["due"] <= call.scope.now:
            # Without a delay, the outcome exists when the response is sent, unless there are very many rows.
            over.wait(_PATIENCE_SECONDS)
    return Response(status_code=200)


def complete_batch(scope: AepSandboxScope, batch: JsonObject) -> JsonObject:
    """Complete a batch; its rows are processed when its status is read. Raises Problem 400."""
    if batch["state"] in ("promoting", "success", "failed"):
        # "If the operation actually succeeded, the API will return success, even after retrying."
        return batch
    _require(scope, batch, "loading", "completed")
    if any(body["open"] for _, body in scope.items(files_kind(batch["id"]))):
        raise problem(400, "A large file of the batch is not complete: there are missing chunks.")
    return promote(scope, batch, take_planned_outcome(scope, batch))


def promote(scope: AepSandboxScope, batch: JsonObject, planned_outcome: JsonObject) -> JsonObject:
    """Store the times at which a completed batch changes its status."""
    wait = scope.state.settings.batch_seconds + planned_outcome.get("delay_seconds", 0)
    due = scope.now + (0 if planned_outcome.get("at_once") else int(wait * 1000))
    return save_changed(
        scope, batch, state="promoting", completed=scope.now, due=due, planned_outcome=planned_outcome
    )


def _abort(scope: AepSandboxScope, batch: JsonObject) -> JsonObject:
    if batch["state"] == "aborted":
        return batch
    until_finalized = IngestSettings.of(scope.state).abort_until == "finalized"
    if not (until_finalized and batch["state"] == "promoting"):
        # "Once a batch is in the Loaded state, the batch cannot be aborted."
        _require(scope, batch, "loading", "aborted")
    return save_changed(scope, batch, state="aborted")


def _fail(scope: AepSandboxScope, batch: JsonObject) -> JsonObject:
    if batch["state"] == "failed":
        return batch
    _require(scope, batch, "loading", "failed")
    return save_changed(scope, batch, state="failed", metrics={}, errors=[], finished=scope.now)


def _revert(scope: AepSandboxScope, batch: JsonObject) -> JsonObject:
    if batch["state"] == "inactive" or batch["state"] in IngestSettings.of(scope.state).retire_path:
        return batch
    _require(scope, batch, "success", "reverted")
    return deactivate(scope, batch)


def _require(scope: AepSandboxScope, batch: JsonObject, state: str, done: str) -> None:
    if batch["state"] != state:
        text = f"Batch {batch['id']} is {shown_status(scope, batch)} and cannot be {done}."
        raise problem(400, text)  # [I] the status

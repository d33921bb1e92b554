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
from mixpanel_aep_sandbox.aep.ingestion.lifecycle import (
    apply_due_changes,
    deactivate,
    save,
    save_changed,
    shown_status,
)
from mixpanel_aep_sandbox.aep.ingestion.planned_outcomes import use_planned_outcome
from mixpanel_aep_sandbox.aep.ingestion.processing.worker import start
from mixpanel_aep_sandbox.aep.ingestion.rate_limits import check_batch_rate
from mixpanel_aep_sandbox.aep.ingestion.settings import IngestSettings
from mixpanel_aep_sandbox.aep.ingestion.validation import parse_batch_body
from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PATIENCE_SECONDS = 10


def add_routes(state: SandboxState, router: APIRouter) -> None:
    """Add the HTTP routes that create and change batches to ``router``."""
    routes = Routes(state, router, f"{IMPORT}/batches")
    routes.add("POST", "", _create)
    # [I] Undocumented: a public client replays batches by this request, with the body of a new batch.
    routes.add("PATCH", "", _replay)
    routes.add("POST", "/{id}", _run_action, atomic=False, json=False)


def find_batch(scope: AepSandboxScope, key: str) -> JsonObject:
    """Return the stored document of a batch by its id. Raises Problem 404 if it does not exist."""
    body = scope.get(BATCHES, key)
    if body is None:
        raise problem(404, f"Batch {key} not found.")
    return body


def new_ulid(milliseconds: int) -> str:
    """Return a new ULID, 26 characters in Crockford's base 32: 48 bits of epoch milliseconds and 80 random bits."""
    number = (milliseconds << 80) | secrets.randbits(80)
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))


def _create(call: Call) -> Response:
    batch = create_batch(call.scope, call.object(), call.client_id)
    return JSONResponse(_batch_response_body(call.scope, batch), 201)


def _replay(call: Call) -> Response:
    given = call.object()
    if given.get("replay") is None:
        raise problem(400, "replay is required.")
    return JSONResponse(
        _batch_response_body(call.scope, create_batch(call.scope, given, call.client_id)), 201
    )


def create_batch(scope: AepSandboxScope, given: JsonObject, client: str) -> JsonObject:
    """Create a batch from the body of ``POST /batches``, and return its document.

    Args:
        scope: The AEP sandbox.
        given: The body.
        client: The id of the client that creates the batch.

    Raises:
        Problem: 400 for an invalid body, 404 for an unknown dataset, 429 or 503 above the rate limit.
    """
    dataset = given.get("datasetId")
    if not isinstance(dataset, str) or not dataset:
        raise problem(400, "datasetId is required.")
    found = scope.get(DATASETS, dataset)
    if found is None:
        raise problem(404, f"Dataset {dataset} not found.")  # [I] the status is not documented
    if has_expired(scope, dataset):
        raise problem(400, f"Dataset {dataset} has expired.")  # [I]
    check_batch_rate(scope, client)
    chosen = parse_batch_body(scope, given, found)
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
    """Raise Problem 400 if a setting requires unique external ids, and a batch with this external id exists."""
    if IngestSettings.of(scope.state).external_ids == "unique" and any(
        body["externalId"] == external for _, body in scope.items(BATCHES)
    ):
        raise problem(400, f"A batch with externalId {external} already exists.")


def _batch_response_body(scope: AepSandboxScope, batch: JsonObject) -> JsonObject:
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
    """Return the tags of a batch: those of the client, and those that Adobe adds, which begin with ``acp_``.

    Source: EP:ingestion/quality/error-diagnostics.md, OAS:batch-ingestion.yaml.
    """
    own: JsonObject = {}
    if batch["diagnostics"]:
        own["acp_enableErrorDiagnostics"] = True
    if batch["percent"] is not None:
        own["acp_partialIngestionPercent"] = batch["percent"]
    if batch["completed"] is not None:
        own["acp_finalized_time"] = [str(batch["completed"])]
        own["acp_stagePath"] = [f"{batch['client']}/stage/{batch['id']}"]
    return {**batch["tags"], **own}


def _run_action(call: Call) -> Response:
    """Handle ``POST`` with the query parameter ``action``: complete, abort, fail or revert a batch."""
    action = call.query("action").upper()
    actions = {"COMPLETE": complete_batch, "ABORT": _abort, "FAIL": _fail, "REVERT": _revert}
    if action not in actions:
        raise problem(400, "action must be COMPLETE, ABORT, FAIL or REVERT.")
    apply_due_changes(call.scope)
    with call.scope.state.store.transaction():
        batch = actions[action](call.scope, find_batch(call.scope, call.path("id")))
    if batch["state"] == "promoting":
        finished = start(call.scope, batch["id"])
        if batch["due"] <= call.scope.now:
            # If the sandbox has no delay, the response waits for the outcome, unless the batch has very many rows.
            finished.wait(_PATIENCE_SECONDS)
    return Response(status_code=200)


def complete_batch(scope: AepSandboxScope, batch: JsonObject) -> JsonObject:
    """Complete a batch that is being uploaded, and return its document; its rows are processed later.

    A batch that was completed before is returned unchanged.

    Raises:
        Problem: 400 if a large file is incomplete, or the batch was aborted, reverted or abandoned.
    """
    if batch["state"] in ("promoting", "success", "failed"):
        # Adobe: "If the operation actually succeeded, the API will return success, even after retrying."
        return batch
    _require_state(scope, batch, "loading", "completed")
    if any(body["open"] for _, body in scope.items(files_kind(batch["id"]))):
        raise problem(400, "A large file of the batch is incomplete: complete its upload first.")
    return promote(scope, batch, use_planned_outcome(scope, batch))


def promote(scope: AepSandboxScope, batch: JsonObject, planned_outcome: JsonObject) -> JsonObject:
    """Start the processing of a completed batch: store the time at which it is due, and return its document.

    Args:
        scope: The AEP sandbox.
        batch: The document of the batch.
        planned_outcome: The effects of a plan on the batch; empty without a plan.
    """
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
        # Adobe: "Once a batch is in the Loaded state, the batch cannot be aborted."
        _require_state(scope, batch, "loading", "aborted")
    return save_changed(scope, batch, state="aborted")


def _fail(scope: AepSandboxScope, batch: JsonObject) -> JsonObject:
    if batch["state"] == "failed":
        return batch
    _require_state(scope, batch, "loading", "failed")
    return save_changed(scope, batch, state="failed", metrics={}, errors=[], finished=scope.now)


def _revert(scope: AepSandboxScope, batch: JsonObject) -> JsonObject:
    if batch["state"] == "inactive" or batch["state"] in IngestSettings.of(scope.state).retire_path:
        return batch
    _require_state(scope, batch, "success", "reverted")
    return deactivate(scope, batch)


def _require_state(scope: AepSandboxScope, batch: JsonObject, state: str, done: str) -> None:
    """Check that a batch is in the state that an action requires.

    Args:
        scope: The AEP sandbox.
        batch: The document of the batch.
        state: The required state.
        done: The participle of the action, for the error's text.

    Raises:
        Problem: 400 if the batch is in another state.
    """
    if batch["state"] != state:
        text = f"Batch {batch['id']} is {shown_status(scope, batch)} and cannot be {done}."
        raise problem(400, text)  # the HTTP status is [I]

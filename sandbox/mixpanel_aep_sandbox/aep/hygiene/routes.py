"""Routes for expirations of datasets (EP:hygiene/api/dataset-expiration.md, OAS:data-hygiene.yaml)."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.constants import DEMO_USER, HYGIENE
from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.http import Call, Routes
from mixpanel_aep_sandbox.aep.core.list_parameters import page_of, whole_number
from mixpanel_aep_sandbox.aep.core.scope import DATASETS
from mixpanel_aep_sandbox.aep.hygiene.models import EXPIRATIONS, iso, save_expiration
from mixpanel_aep_sandbox.aep.ingestion.lifecycle import apply_due_changes
from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState

_NOTICE_MS = 86400 * 1000
_DEFAULT_LIMIT = 25
_TEXTS = ("displayName", "description", "datasetName")


def add_routes(state: SandboxState, router: APIRouter) -> None:
    """Add the routes for expirations to the router."""
    routes = Routes(state, router, f"{HYGIENE}/ttl")
    routes.add("GET", "", _list)
    routes.add("POST", "", _create)
    routes.add("GET", "/{id}", _lookup)
    routes.add("PUT", "/{id}", _update)
    routes.add("DELETE", "/{id}", _cancel)


def _list(call: Call) -> Response:
    """Return a page of the expirations that match the filters of the request.

    Of the documented filters, the sandbox supports ``status``, ``datasetId``, ``ttlId``, ``displayName``,
    ``description`` and ``datasetName``.
    """
    apply_due_changes(call.scope)
    found = [_expiration_view(call, body) for _, body in call.scope.items(EXPIRATIONS)]
    statuses = set(filter(None, call.query("status").split(",")))
    found = [body for body in found if not statuses or body["status"] in statuses]
    for name in ("datasetId", "ttlId"):
        found = [body for body in found if call.query(name) in ("", body[name])]
    for name in _TEXTS:
        found = [body for body in found if call.query(name).lower() in body[name].lower()]
    _, limit = page_of(call, _DEFAULT_LIMIT)
    page, pages = whole_number(call, "page") or 0, max(1, -(-len(found) // limit))
    results = found[page * limit : (page + 1) * limit]
    return JSONResponse(
        {"results": results, "current_page": page, "total_pages": pages, "total_count": len(found)}
    )


def _create(call: Call) -> Response:
    scope, given = call.scope, call.object()
    apply_due_changes(scope)
    dataset = given.get("datasetId")
    if not isinstance(dataset, str):
        raise problem(400, "datasetId is required.")
    if scope.get(DATASETS, dataset) is None:
        raise problem(404, f"Dataset {dataset} not found.")
    before = scope.get(EXPIRATIONS, dataset)
    if before and before["status"] != "cancelled":
        raise problem(400, f"Dataset {dataset} has an expiration already.")
    body = {
        "ttlId": f"SD-{uuid.uuid4()}",
        "datasetId": dataset,
        "status": "pending",
        "created": scope.now,
        "history": (before or {}).get("history", []),
        **_validated_fields(call, {}),
    }
    return JSONResponse(_expiration_view(call, save_expiration(scope, body, "created")), 201)


def _lookup(call: Call) -> Response:
    apply_due_changes(call.scope)
    body = _find_expiration(call)
    view = _expiration_view(call, body)
    if "history" in call.query("include").split(","):
        view["history"] = [
            {
                "status": entry["status"],
                "expiry": iso(entry["expiry"]),
                "updatedAt": iso(entry["at"]),
                "updatedBy": DEMO_USER,
            }
            for entry in body["history"]
        ]
    return JSONResponse(view)


def _update(call: Call) -> Response:
    apply_due_changes(call.scope)
    body = _find_expiration(call)
    if body["status"] != "pending":
        raise problem(404, f"Expiration {body['ttlId']} is {body['status']}.")
    return JSONResponse(
        _expiration_view(
            call, save_expiration(call.scope, {**body, **_validated_fields(call, body)}, "updated")
        )
    )


def _cancel(call: Call) -> Response:
    """Cancel a pending expiration. Raises Problem 404 for an expiration with another status, as documented."""
    apply_due_changes(call.scope)
    body = _find_expiration(call)
    if body["status"] != "pending":
        raise problem(404, f"Expiration {body['ttlId']} is {body['status']}.")
    save_expiration(call.scope, {**body, "status": "cancelled"})
    return Response(status_code=204)


def _find_expiration(call: Call) -> JsonObject:
    """Return the expiration whose own id or dataset id is in the path. Raises Problem 404 if it does not exist."""
    key = call.path("id")
    for dataset, body in call.scope.items(EXPIRATIONS):
        if key in (dataset, body["ttlId"]):
            return body
    raise problem(404, f"Dataset expiration {key} not found.")


def _validated_fields(call: Call, before: JsonObject) -> JsonObject:
    """Return the texts and the expiration time in the body of a request.

    Args:
        call: The request.
        before: The expiration to change; empty for a new one.

    Raises:
        Problem: 400 for an invalid field.
    """
    given = call.object()
    texts = {name: given.get(name, before.get(name, "")) for name in ("displayName", "description")}
    if not all(isinstance(value, str) for value in texts.values()):
        raise problem(400, "displayName and description must be texts.")
    if "expiry" not in given and before:
        return texts
    expiry = _milliseconds(given.get("expiry"))
    if expiry < call.scope.now + _NOTICE_MS:
        raise problem(400, "expiry must be at least 24 hours in the future.")
    return {**texts, "expiry": expiry}


_INVALID_EXPIRY = "expiry must be a date and time in ISO 8601 format."


def _milliseconds(value: object) -> int:
    """Parse an ISO 8601 time, in UTC without an offset, to epoch milliseconds. Raises Problem 400 for other values."""
    if not isinstance(value, str):
        raise problem(400, _INVALID_EXPIRY)
    try:
        moment = datetime.fromisoformat(value)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise problem(400, _INVALID_EXPIRY) from error


def _expiration_view(call: Call, body: JsonObject) -> JsonObject:
    """Return a stored expiration in the form of the API's responses."""
    dataset = call.scope.get(DATASETS, body["datasetId"])
    return {
        "ttlId": body["ttlId"],
        "datasetId": body["datasetId"],
        "datasetName": dataset["name"] if dataset else "",
        "sandboxName": call.scope.name,
        "imsOrg": call.scope.org,
        "status": body["status"],
        "expiry": iso(body["expiry"]),
        "updatedAt": iso(body["updated"]),
        "updatedBy": DEMO_USER,
        "displayName": body["displayName"],
        "description": body["description"],
    }

"""Data Hygiene: expirations of datasets (EP:hygiene/api/dataset-expiration.md, OAS:data-hygiene.yaml)."""

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
from mixpanel_aep_sandbox.aep.ingestion.lifecycle import settle
from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState

_NOTICE_MS = 86400 * 1000
_DEFAULT_LIMIT = 25
_TEXTS = ("displayName", "description", "datasetName")


def add_routes(state: SandboxState, router: APIRouter) -> None:
    """Add the routes of expirations."""
    routes = Routes(state, router, f"{HYGIENE}/ttl")
    routes.add("GET", "", _list)
    routes.add("POST", "", _create)
    routes.add("GET", "/{id}", _lookup)
    routes.add("PUT", "/{id}", _update)
    routes.add("DELETE", "/{id}", _cancel)


def _list(call: Call) -> Response:
    """List expirations.

    Of the documented filters, ``status``, ``datasetId``, ``ttlId`` and the three texts are supported.
    """
    settle(call.scope)
    found = [_expiration_view(call, body) for _, body in call.scope.items(EXPIRATIONS)]
    statuses = set(filter(None, call.query("status").split(",")))
    found = [body for body in found if not statuses or body["status"] in statuses]
    for name in ("datasetId", "ttlId"):
        found = [body for body in found if call.query(name) in ("", body[name])]
    for name in _TEXTS:
        found = [body for body in found if call.query(name).lower() in body[name].lower()]
    _, limit = page_of(call, _DEFAULT_LIMIT)
    page, pages = whole_number(call, "page") or 0, max(1, -(-len(found) // limit))
    shown = found[page * limit : (page + 1) * limit]
    return JSONResponse(
        {"results": shown, "current_page": page, "total_pages": pages, "total_count": len(found)}
    )


def _create(call: Call) -> Response:
    scope, given = call.scope, call.object()
    settle(scope)
    dataset = given.get("datasetId")
    if not isinstance(dataset, str):
        raise problem(400, "datasetId is required.")
    if scope.get(DATASETS, dataset) is None:
        raise problem(404, f"Dataset {dataset} not found.")
    before = scope.get(EXPIRATIONS, dataset)
    if before and before["status"] != "cancelled":
        raise problem(400, f"Dataset {dataset} has an expiration already.")
    made = {
        "ttlId": f"SD-{uuid.uuid4()}",
        "datasetId": dataset,
        "status": "pending",
        "created": scope.now,
        "history": (before or {}).get("history", []),
        **_checked_fields(call, {}),
    }
    return JSONResponse(_expiration_view(call, save_expiration(scope, made, "created")), 201)


def _lookup(call: Call) -> Response:
    settle(call.scope)
    body = _find_expiration(call)
    shown = _expiration_view(call, body)
    if "history" in call.query("include").split(","):
        shown["history"] = [
            {
                "status": past["status"],
                "expiry": iso(past["expiry"]),
                "updatedAt": iso(past["at"]),
                "updatedBy": DEMO_USER,
            }
            for past in body["history"]
        ]
    return JSONResponse(shown)


def _update(call: Call) -> Response:
    settle(call.scope)
    body = _find_expiration(call)
    if body["status"] != "pending":
        raise problem(404, f"Expiration {body['ttlId']} is {body['status']}.")
    return JSONResponse(
        _expiration_view(
            call, save_expiration(call.scope, {**body, **_checked_fields(call, body)}, "updated")
        )
    )


def _cancel(call: Call) -> Response:
    """Cancel an expiration.

    "Attempting to cancel an expiration that has executed or is already canceled returns an HTTP 404 error".
    """
    settle(call.scope)
    body = _find_expiration(call)
    if body["status"] != "pending":
        raise problem(404, f"Expiration {body['ttlId']} is {body['status']}.")
    save_expiration(call.scope, {**body, "status": "cancelled"})
    return Response(status_code=204)


def _find_expiration(call: Call) -> JsonObject:
    """Return an expiration, by the dataset's id or its own."""
    key = call.path("id")
    for dataset, body in call.scope.items(EXPIRATIONS):
        if key in (dataset, body["ttlId"]):
            return body
    raise problem(404, f"Dataset expiration {key} not found.")


def _checked_fields(call: Call, before: JsonObject) -> JsonObject:
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
    """Parse a time. "If the string has no explicit time zone offset, the time zone is assumed to be UTC"."""
    if not isinstance(value, str):
        raise problem(400, _INVALID_EXPIRY)
    try:
        moment = datetime.fromisoformat(value)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise problem(400, _INVALID_EXPIRY) from error


def _expiration_view(call: Call, body: JsonObject) -> JsonObject:
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

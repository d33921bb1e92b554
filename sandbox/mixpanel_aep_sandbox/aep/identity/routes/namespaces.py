"""Routes for identity namespaces, and search for namespaces (OAS:identity-service.yaml)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import partial

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.constants import NAMESPACES
from mixpanel_aep_sandbox.aep.core.errors import Problem
from mixpanel_aep_sandbox.aep.core.http import Call, Routes
from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.aep.ingestion.settings import IngestSettings
from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState

_KIND = "namespaces"
_ID_TYPES = ("COOKIE", "CROSS_DEVICE", "DEVICE", "EMAIL", "MOBILE", "NON_PEOPLE", "PHONE")
_TYPE = "http://ns.adobe.com/adobecloud/problem/namespacevalidation"
_CODE = re.compile(r"[A-Za-z0-9]+")
_FIRST_CUSTOM_ID = 10_000_000

_STANDARD = (
    (0, "CORE", "CORE", "COOKIE", "Adobe Audience Manager UUID"),
    (4, "ECID", "ECID", "COOKIE", "Adobe Experience Cloud ID"),
    (6, "Email", "Email", "EMAIL", "Email"),
    (7, "Phone", "Phone", "PHONE", "Phone"),
    (8, "WAID", "Windows AID", "DEVICE", "Windows AID"),
    (9, "AdCloud", "AdCloud", "COOKIE", "Adobe AdCloud - ID Syncing Partner"),
    (10, "AAID", "Adobe Analytics (Legacy ID)", "COOKIE", "Adobe Analytics (Legacy ID)"),
    (
        11,
        "Email_LC_SHA256",
        "Emails (SHA256, lowercased)",
        "EMAIL",
        "Email addresses hashed after lowercasing",
    ),
    (14, "Phone_E.164", "Phone (E.164)", "PHONE", "Phone numbers in E.164 form"),
    (15, "Phone_SHA256", "Phone (SHA256)", "PHONE", "Phone numbers hashed"),
    # [I] the number: Adobe's table of namespaces gives the code without an id.
    (
        16,
        "Phone_SHA256_E.164",
        "Phone (SHA256_E.164)",
        "PHONE",
        "Phone numbers in E.164 form, hashed",
    ),
    (20914, "GAID", "Google Ad ID (GAID)", "DEVICE", "Google Advertising ID"),
    (20915, "IDFA", "Apple IDFA (ID for Advertisers)", "DEVICE", "Apple ID for Advertisers"),
)


def add_routes(state: SandboxState, router: APIRouter) -> None:
    """Add the routes for namespaces to the router."""
    routes = Routes(state, router, NAMESPACES, partial(_convert_gateway_error, state))
    routes.add("GET", "", lambda call: JSONResponse(namespaces(call.scope)))
    routes.add("POST", "", _create)
    routes.add("GET", "/{id}", lambda call: JSONResponse(_find_requested(call)))
    routes.add("PUT", "/{id}", _update)
    routes.add("DELETE", "/{id}", _delete)


def namespaces(scope: AepSandboxScope) -> list[JsonObject]:
    """Return Adobe's standard namespaces, then the organization's own namespaces, oldest first."""
    standard = [
        {
            "id": number,
            "code": code,
            "name": name,
            "description": text,
            "idType": id_type,
            "status": "ACTIVE",
            "custom": False,
            "createTime": 0,
            "updateTime": 0,
        }
        for number, code, name, id_type, text in _STANDARD
    ]
    return standard + [body for _, body in scope.items(_KIND)]


def find_namespace(scope: AepSandboxScope, value: object, *, by_id: bool) -> JsonObject | None:
    """Return the namespace with an id or a code, or None if it does not exist.

    Args:
        scope: The AEP sandbox.
        value: The id or the code.
        by_id: Whether ``value`` is an id.
    """
    key = "id" if by_id else "code"
    return next((body for body in namespaces(scope) if str(body[key]) == str(value)), None)


def _find_requested(call: Call) -> JsonObject:
    """Return the namespace whose id is in the path. Raises Problem 404 if it does not exist."""
    body = find_namespace(call.scope, call.path("id"), by_id=True)
    if body is None:
        text = f"Namespace id not found for given IMS Org {call.scope.org}"
        raise _problem(call.scope, 404, "NAMESPACE_NOT_FOUND", text, error="NAMESPACE_NOT_FOUND")
    return body


def _create(call: Call) -> Response:
    scope, given = call.scope, _validated_body(call)
    # Codes that differ only in case count as the same code (assumed [I]): keys of an identityMap would be too similar.
    if any(given["code"].lower() == body["code"].lower() for body in namespaces(scope)):
        text = "Namespace code already exists. Please use a different code"
        raise _problem(scope, 409, "INTEGRATION_CODE_EXISTS", text, title="NAMESPACE_CODE_CONFLICT")
    now = scope.now
    body = {
        "id": _FIRST_CUSTOM_ID + len(scope.items(_KIND)) + 1,
        "code": given["code"],
        "name": given["name"],
        "description": given.get("description", ""),
        "idType": given["idType"],  # in the request's upper or lower case, as in the guide's sample
        "status": "ACTIVE",
        "custom": True,
        "createTime": now,
        "updateTime": now,
    }
    scope.put(_KIND, str(body["id"]), body)
    return JSONResponse(body)


def _update(call: Call) -> Response:
    before, given = _find_requested(call), _validated_body(call)
    if not before["custom"]:
        raise _invalid(call.scope, "A standard namespace cannot be changed.")  # [I]
    if given["code"] != before["code"] or given["idType"].upper() != before["idType"].upper():
        raise _invalid(call.scope, "code and idType are non editable fields", error="INVALID_REQUEST_PARAMS")
    body = {**before, "name": given["name"], "updateTime": call.scope.now}
    body["description"] = given.get("description", "")  # "essentially replacing the existing namespace"
    call.scope.put(_KIND, str(body["id"]), body)
    # In the specification, the text describes one object, but the schema describes an array of objects.
    array = IngestSettings.of(call.scope.state).namespace_put_answer == "array"
    return JSONResponse([body] if array else body)


def _delete(call: Call) -> Response:
    """Raise Problem 405: "Once a namespace has been created, it cannot be deleted". The status is an assumption [I]."""
    _find_requested(call)
    raise _problem(call.scope, 405, "NOT_SUPPORTED", "A namespace cannot be deleted.")


def _validated_body(call: Call) -> JsonObject:
    """Return the body of a request to create or change a namespace. Raises Problem 400 if it is invalid."""
    given: object = call.body
    if not isinstance(given, dict):
        raise _invalid(call.scope, "The body must be a JSON object.")
    for name in ("name", "code", "idType"):
        if not isinstance(given.get(name), str) or not given[name].strip():
            raise _invalid(call.scope, f"Please provide a valid value of {name}.")
    if not isinstance(given.get("description", ""), str):
        raise _invalid(call.scope, "Please provide a valid value of description.")
    if not _CODE.fullmatch(given["code"]):
        raise _invalid(
            call.scope, "Please provide a valid value of code. It may contain only letters and numbers."
        )
    if given["idType"].upper() not in _ID_TYPES:
        valid = ", ".join(_ID_TYPES)
        raise _invalid(call.scope, f"Please provide a valid value of idType. Valid values are: [{valid}]")
    return given


def _invalid(scope: AepSandboxScope, description: str, **more: str) -> Problem:
    return _problem(scope, 400, "INVALID_REQUEST_PARAMS", description, **more)


def _problem(scope: AepSandboxScope, status: int, code: str, description: str, **more: object) -> Problem:
    return Problem(status, {**_error_body(scope.state, status, code, description), **more})


def _error_body(state: SandboxState, status: int, code: str, description: str) -> JsonObject:
    moment = datetime.fromtimestamp(state.clock.milliseconds() / 1000, UTC)
    return {
        "timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "type": _TYPE,
        "status": status,
        "title": "Namespace Validation",
        "description": description,
        "report": {"code": code},
    }


def _convert_gateway_error(state: SandboxState, error: Problem) -> Problem:
    """Add the keys of Identity Service's errors to the gateway's error about an access token (401).

    Other errors are returned unchanged.
    """
    if error.status != 401:
        return error
    message = f"Authorization failed - {error.body['message']}."
    body = {**_error_body(state, 401, "", ""), "error": "INVALID_IMS_TOKEN", "report": {"message": message}}
    del body["description"]
    return Problem(401, {**body, **error.body}, error.headers)

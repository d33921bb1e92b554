"""Routes of descriptors, which describe the meaning of a schema's fields (EP:xdm/api/descriptors.md)."""

from __future__ import annotations

import secrets

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.constants import AEP_SANDBOXES, DEMO_USER, REGISTRY
from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.http import Call, Routes
from mixpanel_aep_sandbox.aep.core.scope import DESCRIPTORS
from mixpanel_aep_sandbox.aep.registry import accept
from mixpanel_aep_sandbox.aep.registry.listing import filtered, next_page_link, paged
from mixpanel_aep_sandbox.aep.registry.validation.descriptors import check_changeable, check_descriptor
from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState

MOST = 4000
"""The maximum number of descriptors in an AEP sandbox."""
_KEPT = ("@type", "meta:enum", "meta:excludeMetaEnum")


def add_routes(state: SandboxState, router: APIRouter) -> None:
    """Add the HTTP routes of descriptors to ``router``.

    Descriptors belong to the tenant. Requests to the ``global`` container are valid, but it has no descriptors.
    """
    routes = Routes(state, router, REGISTRY)
    routes.add("GET", "/global/descriptors", lambda call: _list(call, []))
    tenant = "/tenant/descriptors"
    routes.add("GET", tenant, lambda call: _list(call, [body for _, body in call.scope.items(DESCRIPTORS)]))
    routes.add("POST", tenant, _create)
    routes.add("GET", "/global/descriptors/{id:key}", _not_found_problem)
    routes.add("GET", tenant + "/{id:key}", _lookup)
    routes.add("PUT", tenant + "/{id:key}", _replace)
    routes.add("DELETE", tenant + "/{id:key}", _delete)
    routes.refuse(tenant, "GET, POST")
    routes.refuse(tenant + "/{id:key}", "GET, PUT, DELETE")
    routes.refuse("/global/descriptors", "GET")
    routes.refuse("/global/descriptors/{id:key}", "GET")


def _find_descriptor(call: Call) -> JsonObject:
    body = call.scope.get(DESCRIPTORS, call.path("id"))
    if body is None:
        raise problem(404, f"Object {call.path('id')} not found")
    return body


def _not_found_problem(call: Call) -> Response:
    raise problem(404, f"Object {call.path('id')} not found")


def _lookup(call: Call) -> Response:
    accept.check_descriptor_media_type(call.request.headers.get("accept"))
    return JSONResponse(_find_descriptor(call))


def _list(call: Call, bodies: list[JsonObject]) -> Response:
    shape, paging = accept.descriptor_list_form(call.request.headers.get("accept"))
    if paging:
        chosen, page = paged(call, bodies)
        links = next_page_link(call, "tenant/descriptors", page)
        results = [_descriptor_view(body, shape) for body in chosen]
        return JSONResponse({"results": results, "_page": page, "_links": links})
    by_type: dict[str, list[object]] = {}
    for body in filtered(call, bodies):
        by_type.setdefault(body["@type"], []).append(_descriptor_view(body, shape))
    return JSONResponse(by_type)


def _descriptor_view(body: JsonObject, shape: str) -> object:
    """Return a descriptor for a list in the form ``shape``: ``id``, ``link`` or ``full``."""
    return {"id": body["@id"], "link": f"/tenant/descriptors/{body['@id']}", "full": body}[shape]


def _create(call: Call) -> Response:
    if call.scope.count(DESCRIPTORS) >= MOST:
        raise problem(400, f"An AEP sandbox can have no more than {MOST} descriptors.")
    return JSONResponse(_save(call, secrets.token_hex(24), None), 201)


def _replace(call: Call) -> Response:
    before = _find_descriptor(call)
    check_changeable(call.scope, before)
    return JSONResponse({"@id": _save(call, before["@id"], before)["@id"]}, 201)


def _delete(call: Call) -> Response:
    before = _find_descriptor(call)
    check_changeable(call.scope, before)
    call.scope.delete(DESCRIPTORS, before["@id"])
    return Response(status_code=204)


def _save(call: Call, key: str, before: JsonObject | None) -> JsonObject:
    scope, given, now = call.scope, call.object(), call.scope.now
    check_descriptor(scope, given, key)
    body = {
        "@id": key,
        **{name: value for name, value in given.items() if name.startswith("xdm:") or name in _KEPT},
        "imsOrg": scope.org,
        "version": "1",
        "createdUser": (before or {}).get("createdUser", DEMO_USER),
        "createdClient": (before or {}).get("createdClient", call.client_id),
        "updatedUser": DEMO_USER,
        "created": (before or {}).get("created", now),
        "updated": now,
        "meta:containerId": "tenant",
        "meta:sandboxId": AEP_SANDBOXES[scope.name],
        "meta:sandboxType": "production" if scope.name == "prod" else "development",
    }
    scope.put(DESCRIPTORS, key, body)
    return body

"""Lookup of one resource by its ``$id`` or ``meta:altId``."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.http import Call
from mixpanel_aep_sandbox.aep.core.scope import RESOURCES, AepSandboxScope
from mixpanel_aep_sandbox.aep.core.service_settings import AepSettings
from mixpanel_aep_sandbox.aep.registry import accept
from mixpanel_aep_sandbox.aep.registry.composition.unions import unions
from mixpanel_aep_sandbox.aep.registry.composition.views import show
from mixpanel_aep_sandbox.aep.registry.standard import standard_by_alt_id, standard_by_id
from mixpanel_aep_sandbox.core.json_types import JsonObject


def find_by_key(scope: AepSandboxScope, key: str, container: str, kind: str) -> JsonObject:
    """Return the resource with an ``$id`` or ``meta:altId``.

    Args:
        scope: The AEP sandbox.
        key: The ``$id`` or ``meta:altId``.
        container: The container that must have the resource: ``global`` or ``tenant``.
        kind: The ``meta:resourceType`` that the resource must have.

    Raises:
        Problem: 404 if it does not exist.
    """
    body = _find_global(key) if container == "global" else _find_in_tenant(scope, key)
    if body is None or body["meta:resourceType"] != kind:
        raise problem(404, f"Object {key} with version 1 not found")
    return body


def find_anywhere(scope: AepSandboxScope, key: str) -> JsonObject:
    """Return a resource of any kind, of the tenant or of Adobe, by ``$id`` or ``meta:altId``. Raises Problem 404."""
    body = _find_in_tenant(scope, key) or _find_global(key)
    if body is None:
        raise problem(404, f"Object {key} not found")
    return body


def lookup(call: Call, container: str, kind: str) -> Response:
    """Handle ``GET`` of one resource or union in the form that the Accept header requests."""
    key = call.path("id")
    view = accept.lookup_view(call.request.headers.get("accept"), key)
    if container == "tenant" and kind in ("schemas", "unions"):
        # Adobe: "Union lookups are available using the /unions and /schemas endpoint."
        for union in unions(call.scope):
            if key in (union["$id"], union["meta:altId"]):
                return JSONResponse(show(call.scope, union, view))
    everywhere = AepSettings.of(call.scope.state).global_under_tenant == "found"
    if container == "tenant" and everywhere and (_find_global(key) or {}).get("meta:resourceType") == kind:
        container = "global"
    return JSONResponse(show(call.scope, find_by_key(call.scope, key, container, kind), view))


def _find_global(key: str) -> JsonObject | None:
    return standard_by_id().get(key) or standard_by_alt_id().get(key)


def _find_in_tenant(scope: AepSandboxScope, key: str) -> JsonObject | None:
    """Return the tenant's resource with an ``$id`` or ``meta:altId``; None if it does not exist."""
    found = scope.get(RESOURCES, key)
    if found is None and key.startswith(f"_{scope.tenant}."):
        _, kind, token = [*key.split(".", 2), "", ""][:3]
        found = scope.get(RESOURCES, f"https://ns.adobe.com/{scope.tenant}/{kind}/{token}")
    return found

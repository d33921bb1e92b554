"""Routes of schemas, field groups, classes and data types of the tenant and of Adobe, ``/rpc`` and ``/stats``."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.constants import REGISTRY
from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.http import Call, Routes
from mixpanel_aep_sandbox.aep.registry import accept
from mixpanel_aep_sandbox.aep.registry.audit_log import audit_log
from mixpanel_aep_sandbox.aep.registry.changes import create, delete, import_all, patch, replace
from mixpanel_aep_sandbox.aep.registry.composition.unions import unions
from mixpanel_aep_sandbox.aep.registry.composition.views import show
from mixpanel_aep_sandbox.aep.registry.listing import list_resources
from mixpanel_aep_sandbox.aep.registry.lookup import find_anywhere, lookup
from mixpanel_aep_sandbox.aep.registry.sample_data import sample
from mixpanel_aep_sandbox.aep.registry.stats import stats
from mixpanel_aep_sandbox.aep.registry.transfer import export_resource
from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState

KINDS = {
    "schemas": "schemas",
    "fieldgroups": "mixins",
    "mixins": "mixins",
    "classes": "classes",
    "datatypes": "datatypes",
}
"""Path segments, and the ``meta:resourceType`` of each; ids still name field groups by their former name, mixins."""


def add_routes(state: SandboxState, router: APIRouter) -> None:
    """Add the HTTP routes of the Schema Registry, except descriptors, to ``router``."""
    routes = Routes(state, router, REGISTRY)
    routes.add("GET", "/stats", stats)
    routes.add("GET", "/rpc/sampledata/{id:key}", _sample)
    routes.add("GET", "/rpc/export/{id:key}", _export)
    routes.add("POST", "/rpc/import", import_all, json="whatever the Content-Type says")
    routes.add("GET", "/rpc/auditlog/{id:key}", _audit_log)
    _add(routes, "global", "behaviors", "behaviors", writable=False)
    # A tenant has no behaviors, but clients look up Adobe's behaviors in its container too.
    _add(routes, "tenant", "behaviors", "behaviors", writable=False)
    _add(routes, "tenant", "unions", "unions", writable=False)
    for segment, kind in KINDS.items():
        _add(routes, "tenant", segment, kind, writable=True)
        _add(routes, "global", segment, kind, writable=False)


def _add(routes: Routes, container: str, segment: str, kind: str, *, writable: bool) -> None:
    """Add the routes of one kind of resource in one container."""
    whole, one = f"/{container}/{segment}", f"/{container}/{segment}/{{id:key}}"
    routes.add("GET", whole, partial(list_resources, container=container, segment=segment, kind=kind))
    routes.add("GET", one, partial(lookup, container=container, kind=kind))
    if writable:
        routes.add("POST", whole, partial(create, kind=kind))
        routes.add("PUT", one, partial(replace, kind=kind))
        routes.add("PATCH", one, partial(patch, kind=kind))
        routes.add("DELETE", one, partial(delete, kind=kind))
    routes.refuse(whole, "GET, POST" if writable else "GET")
    routes.refuse(one, "GET, PUT, PATCH, DELETE" if writable else "GET")


def _sample(call: Call) -> Response:
    key = call.path("id")
    union = next((each for each in unions(call.scope) if key in (each["$id"], each["meta:altId"])), None)
    resource = union or find_anywhere(call.scope, key)
    if resource["meta:resourceType"] not in ("schemas", "unions"):
        raise problem(404, f"Schema {key} not found")
    standard = accept.wants_standard_notation(call.request.headers.get("accept"))
    return JSONResponse(sample(show(call.scope, resource, accept.View(resolved=True, standard=standard))))


def _export(call: Call) -> Response:
    return JSONResponse(export_resource(call.scope, find_anywhere(call.scope, call.path("id"))))


def _audit_log(call: Call) -> Response:
    resource: JsonObject = find_anywhere(call.scope, call.path("id"))
    return JSONResponse(audit_log(call.scope, resource["$id"]))

"""Handlers that create, replace, change and delete the tenant's schemas, field groups, classes and data types.

Their argument ``kind`` is the ``meta:resourceType``. They raise Problem 400 for an invalid request, and 404 for an
unknown id.
"""

from __future__ import annotations

import secrets

from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.http import Call
from mixpanel_aep_sandbox.aep.core.json_patch import json_patch
from mixpanel_aep_sandbox.aep.core.scope import DATASETS, DESCRIPTORS, RESOURCES, USED_SCHEMAS
from mixpanel_aep_sandbox.aep.core.service_settings import AepSettings
from mixpanel_aep_sandbox.aep.registry.audit_log import log_change
from mixpanel_aep_sandbox.aep.registry.composition.references import references
from mixpanel_aep_sandbox.aep.registry.lookup import find_by_key
from mixpanel_aep_sandbox.aep.registry.system_keys import response_body, with_ids, with_metadata
from mixpanel_aep_sandbox.aep.registry.transfer import import_resources
from mixpanel_aep_sandbox.aep.registry.validation.evolution import (
    affected_schemas_in_use,
    check_no_breaking_changes,
)
from mixpanel_aep_sandbox.aep.registry.validation.profile import check_union
from mixpanel_aep_sandbox.aep.registry.validation.resources import check_resource
from mixpanel_aep_sandbox.core.json_types import JsonObject

_READ_ONLY = ("$id", "meta:altId", "meta:resourceType")


def create(call: Call, kind: str) -> Response:
    """Handle ``POST``: create a resource with a new id."""
    body = with_ids(call, call.object(), kind, secrets.token_hex(24))
    return JSONResponse(response_body(call, _save(call, body, None)), 201)


def replace(call: Call, kind: str) -> Response:
    """Handle ``PUT``: replace a resource; its id and its tag ``union`` are retained."""
    before = find_by_key(call.scope, call.path("id"), "tenant", kind)
    body = {**call.object(), **{name: before[name] for name in _READ_ONLY}}
    if "meta:immutableTags" in before:
        body.setdefault("meta:immutableTags", before["meta:immutableTags"])
    raised = AepSettings.of(call.scope.state).version_after_put == "raised"
    return JSONResponse(response_body(call, _save(call, body, before, raised=raised)))


def patch(call: Call, kind: str) -> Response:
    """Handle ``PATCH``: change a resource by JSON Patch."""
    before = find_by_key(call.scope, call.path("id"), "tenant", kind)
    body = json_patch(before, call.body)
    for name in _READ_ONLY:
        if body.get(name) != before[name]:
            raise problem(400, f"{name} is read-only.")
    return JSONResponse(response_body(call, _save(call, body, before)))


def delete(call: Call, kind: str) -> Response:
    """Handle ``DELETE``: delete a resource and its descriptors.

    Raises:
        Problem: 400 if a dataset or another resource uses the resource, or the resource is enabled for Profile.
    """
    scope = call.scope
    body = find_by_key(scope, call.path("id"), "tenant", kind)
    used_by = [key for key, each in scope.items(DATASETS) if each["schemaRef"]["id"] == body["$id"]]
    used_by += [key for key, other in scope.items(RESOURCES) if body["$id"] in references(other)]
    if used_by or "union" in body.get("meta:immutableTags", []):
        reason = f"is used by {used_by[0]}" if used_by else "is enabled for Profile"
        raise problem(400, f"{body['$id']} {reason} and cannot be deleted.")
    scope.delete(RESOURCES, body["$id"])
    scope.delete(USED_SCHEMAS, body["$id"])
    for key, each in scope.items(DESCRIPTORS):
        if body["$id"] in (each["xdm:sourceSchema"], each.get("xdm:destinationSchema")):
            scope.delete(DESCRIPTORS, key)
    return Response(status_code=204)


def import_all(call: Call) -> Response:
    """Handle ``POST /rpc/import``: create all resources in the body, which is an export, and respond with them."""
    made = []
    for body in import_resources(call.scope, call.body):
        token = body["$id"].rpartition("/")[2]
        made.append(_save(call, with_ids(call, body, body["meta:resourceType"], token), None))
    return JSONResponse(made)


def _save(call: Call, body: JsonObject, before: JsonObject | None, *, raised: bool = True) -> JsonObject:
    """Validate a resource, set the keys that only the registry sets, store the resource, and log the change.

    Args:
        call: The request.
        body: The resource to store.
        before: The resource that it replaces; None for a new resource.
        raised: Whether a replaced resource gets a higher version.

    Returns:
        The stored resource.

    Raises:
        Problem: 400 for an invalid resource, or a change that breaks a schema in use.
    """
    scope = call.scope
    schemas_before = affected_schemas_in_use(scope, body["$id"]) if before else {}
    body = check_resource(scope, body)
    if body["meta:resourceType"] == "schemas":
        check_union(scope, before, body)
    body = with_metadata(call, body, before, raised=raised)
    scope.put(RESOURCES, body["$id"], body)
    check_no_breaking_changes(schemas_before, scope)
    log_change(call, before or {}, body)
    return body

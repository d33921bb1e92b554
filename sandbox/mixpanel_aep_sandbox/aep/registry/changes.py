"""Creating, changing and deleting the tenant's schemas, field groups, classes and data types."""

from __future__ import annotations

import secrets
from typing import Any

from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.http import Call
from mixpanel_aep_sandbox.aep.core.json_patch import json_patch
from mixpanel_aep_sandbox.aep.core.scope import DATASETS, DESCRIPTORS, RESOURCES, USED_SCHEMAS
from mixpanel_aep_sandbox.aep.core.service_settings import AepSettings
from mixpanel_aep_sandbox.aep.registry.audit_log import note_change
from mixpanel_aep_sandbox.aep.registry.composition.references import references
from mixpanel_aep_sandbox.aep.registry.lookup import find_by_key
from mixpanel_aep_sandbox.aep.registry.system_keys import identified, stamped, written
from mixpanel_aep_sandbox.aep.registry.transfer import imported
from mixpanel_aep_sandbox.aep.registry.validation.evolution import in_use, refuse_breaking
from mixpanel_aep_sandbox.aep.registry.validation.profile import check_union
from mixpanel_aep_sandbox.aep.registry.validation.resources import checked

_READ_ONLY = ("$id", "meta:altId", "meta:resourceType")
Json = dict[str, Any]


def create(call: Call, kind: str) -> Response:
    body = identified(call, call.object(), kind, secrets.token_hex(24))
    return JSONResponse(written(call, _save(call, body, None)), 201)


def replace(call: Call, kind: str) -> Response:
    before = find_by_key(call.place, call.path("id"), "tenant", kind)
    body = {**call.object(), **{name: before[name] for name in _READ_ONLY}}
    if "meta:immutableTags" in before:
        body.setdefault("meta:immutableTags", before["meta:immutableTags"])
    raised = AepSettings.of(call.place.world).version_after_put == "raised"
    return JSONResponse(written(call, _save(call, body, before, raised=raised)))


def patch(call: Call, kind: str) -> Response:
    before = find_by_key(call.place, call.path("id"), "tenant", kind)
    body = json_patch(before, call.body)
    for name in _READ_ONLY:
        if body.get(name) != before[name]:
            raise problem(400, f"{name} is read-only.")
    return JSONResponse(written(call, _save(call, body, before)))


def delete(call: Call, kind: str) -> Response:
    """Refused while a dataset, Profile or another resource uses it."""
    place = call.place
    body = find_by_key(place, call.path("id"), "tenant", kind)
    used_by = [key for key, each in place.items(DATASETS) if each["schemaRef"]["id"] == body["$id"]]
    used_by += [key for key, other in place.items(RESOURCES) if body["$id"] in references(other)]
    if used_by or "union" in body.get("meta:immutableTags", []):
        reason = f"is used by {used_by[0]}" if used_by else "is enabled for Profile"
        raise problem(400, f"{body['$id']} {reason} and cannot be deleted.")
    place.delete(RESOURCES, body["$id"])
    place.delete(USED_SCHEMAS, body["$id"])
    for key, each in place.items(DESCRIPTORS):
        if body["$id"] in (each["xdm:sourceSchema"], each.get("xdm:destinationSchema")):
            place.delete(DESCRIPTORS, key)
    return Response(status_code=204)


def import_all(call: Call) -> Response:
    made = []
    for body in imported(call.place, call.body):
        token = body["$id"].rpartition("/")[2]
        made.append(_save(call, identified(call, body, body["meta:resourceType"], token), None))
    return JSONResponse(made)


def _save(call: Call, body: Json, before: Json | None, *, raised: bool = True) -> Json:
    place = call.place
    guarded = in_use(place, body["$id"]) if before else {}
    body = checked(place, body)
    if body["meta:resourceType"] == "schemas":
        check_union(place, before, body)
    body = stamped(call, body, before, raised=raised)
    place.put(RESOURCES, body["$id"], body)
    refuse_breaking(guarded, place)
    note_change(call, before or {}, body)
    return body

"""Schema Registry: schemas, field groups, classes and data types of the tenant and of Adobe."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from include.sandbox.aep import accept
from include.sandbox.aep.constants import AEP_SANDBOXES, DEMO_USER, REGISTRY
from include.sandbox.aep.http import Call, Routes
from include.sandbox.aep.patch import json_patch
from include.sandbox.aep.place import DESCRIPTORS, RESOURCES, Place
from include.sandbox.aep.problems import problem
from include.sandbox.aep.registry_evolution import in_use, refuse_breaking
from include.sandbox.aep.registry_list import list_resources
from include.sandbox.aep.registry_resolve import typed
from include.sandbox.aep.registry_rules import check, check_union, references
from include.sandbox.aep.registry_samples import sample
from include.sandbox.aep.registry_unions import unions
from include.sandbox.aep.registry_view import show
from include.sandbox.aep.standard import standard_by_id
from include.sandbox.world import World

KINDS = {
    "schemas": "schemas",
    "fieldgroups": "mixins",
    "mixins": "mixins",
    "classes": "classes",
    "datatypes": "datatypes",
}
"""Path segment -> ``meta:resourceType``; field groups are still called mixins in ids."""


def add_routes(world: World, router: APIRouter) -> None:
    routes = Routes(world, router, REGISTRY)
    routes.add("GET", "/stats", _stats)
    routes.add(
        "GET", "/global/behaviors", lambda call: list_resources(call, "global", "behaviors", "behaviors")
    )
    _add_reads(routes, "tenant", "unions", "unions")
    routes.add("GET", "/rpc/sampledata/{id:path}", _sample)
    for segment, kind in KINDS.items():
        for container in ("tenant", "global"):
            _add_reads(routes, container, segment, kind)
        _add_writes(routes, segment, kind)


def _add_reads(routes: Routes, container: str, segment: str, kind: str) -> None:
    routes.add("GET", f"/{container}/{segment}", lambda call: list_resources(call, container, segment, kind))
    routes.add("GET", f"/{container}/{segment}/{{id:path}}", lambda call: _lookup(call, container, kind))


def _add_writes(routes: Routes, segment: str, kind: str) -> None:
    one = f"/tenant/{segment}/{{id:path}}"
    routes.add("POST", f"/tenant/{segment}", lambda call: _create(call, kind))
    routes.add("PUT", one, lambda call: _change(call, kind, patch=False))
    routes.add("PATCH", one, lambda call: _change(call, kind, patch=True))
    routes.add("DELETE", one, lambda call: _delete(call, kind))


def find_by_key(place: Place, key: str, container: str, kind: str) -> dict[str, Any]:
    """A resource by ``$id`` or ``meta:altId``. Raises Problem 404."""
    held = standard_by_id().items() if container == "global" else place.items(RESOURCES)
    for identifier, body in held:
        if key in (identifier, body["meta:altId"]) and body["meta:resourceType"] == kind:
            return body
    raise problem(404, f"Object {key} with version 1 not found")


def _lookup(call: Call, container: str, kind: str) -> Response:
    key = call.path("id")
    view = accept.lookup(call.request.headers.get("accept"), key)
    if container == "tenant" and kind in ("schemas", "unions"):
        # "Union lookups are available using the /unions and /schemas endpoint."
        for union in unions(call.place):
            if key in (union["$id"], union["meta:altId"]):
                return JSONResponse(show(call.place, union, view))
    return JSONResponse(show(call.place, find_by_key(call.place, key, container, kind), view))


def _sample(call: Call) -> Response:
    """In standard notation, as the documented example is; no Accept header is looked at."""
    schema = find_by_key(call.place, call.path("id"), "tenant", "schemas")
    return JSONResponse(sample(show(call.place, schema, accept.View(resolved=True, standard=True))))


def _create(call: Call, kind: str) -> Response:
    body = dict(call.object())
    tenant, token = call.place.tenant, secrets.token_hex(16)
    body["$id"] = f"https://ns.adobe.com/{tenant}/{kind}/{token}"
    body["meta:altId"] = f"_{tenant}.{kind}.{token}"
    return JSONResponse(_save(call, body, kind, before=None), 201)


def _change(call: Call, kind: str, *, patch: bool) -> Response:
    before = find_by_key(call.place, call.path("id"), "tenant", kind)
    body = json_patch(before, call.body) if patch else dict(call.object())
    for name in ("$id", "meta:altId"):
        if patch and body.get(name) != before[name]:
            raise problem(400, f"{name} is read-only.")
        body[name] = before[name]
    if not patch and "meta:immutableTags" in before:
        body.setdefault("meta:immutableTags", before["meta:immutableTags"])
    return JSONResponse(_save(call, body, kind, before))


def _save(call: Call, body: dict[str, Any], kind: str, before: dict[str, Any] | None) -> dict[str, Any]:
    place = call.place
    guarded = in_use(place) if before else {}
    body["meta:resourceType"] = kind
    body.setdefault("type", "object")
    check(place, body)
    if kind == "schemas":
        check_union(before, body, _has_primary(place, body["$id"]))
    minor = int(before["version"].split(".")[1]) + 1 if before else 0
    body["version"] = f"1.{minor}"
    body = typed({**body, **_system(call, body, before)})
    place.put(RESOURCES, body["$id"], body)
    refuse_breaking(guarded, place)
    return body


def _system(call: Call, body: dict[str, Any], before: dict[str, Any] | None) -> dict[str, Any]:
    """The keys that the registry sets by itself."""
    place, old = call.place, (before or {}).get("meta:registryMetadata", {})
    now = place.now
    content = {key: value for key, value in body.items() if key != "meta:registryMetadata"}
    return {
        "imsOrg": place.org,
        "meta:extensible": body["meta:resourceType"] != "schemas",
        "meta:abstract": body["meta:resourceType"] != "schemas",
        "meta:xdmType": "object",
        "meta:registryMetadata": {
            "repo:createdDate": old.get("repo:createdDate", now),
            "repo:lastModifiedDate": now,
            "xdm:createdClientId": old.get("xdm:createdClientId", call.client_id),
            "xdm:lastModifiedClientId": call.client_id,
            "xdm:createdUserId": old.get("xdm:createdUserId", DEMO_USER),
            "xdm:lastModifiedUserId": DEMO_USER,
            "eTag": hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest(),
            "meta:globalLibVersion": "1.51.0",
        },
        "meta:containerId": "tenant",
        "meta:sandboxId": AEP_SANDBOXES[place.name],
        "meta:sandboxType": "production" if place.name == "prod" else "development",
        "meta:tenantNamespace": f"_{place.tenant}",
    }


def _delete(call: Call, kind: str) -> Response:
    place = call.place
    body = find_by_key(place, call.path("id"), "tenant", kind)
    if body["$id"] in in_use(place):
        raise problem(400, f"Schema {body['$id']} is in use and cannot be deleted.")
    for key, other in place.items(RESOURCES):
        if body["$id"] in references(other):
            raise problem(400, f"{body['$id']} is used by {key} and cannot be deleted.")
    place.delete(RESOURCES, body["$id"])
    for key, descriptor in place.items(DESCRIPTORS):
        if descriptor["xdm:sourceSchema"] == body["$id"]:
            place.delete(DESCRIPTORS, key)
    return Response(status_code=204)


def _has_primary(place: Place, schema: str) -> bool:
    return any(
        body["xdm:sourceSchema"] == schema and body.get("xdm:isPrimary") is True
        for _, body in place.items(DESCRIPTORS)
    )


def _stats(call: Call) -> Response:
    place = call.place
    held = [body for _, body in place.items(RESOURCES)]
    counts = {
        kind: sum(body["meta:resourceType"] == kind for body in held)
        for kind in dict.fromkeys(KINDS.values())
    }
    counts["unions"] = sum("union" in body.get("meta:immutableTags", []) for body in held)
    usage: dict[str, list[str]] = {}
    for body in held:
        if "meta:class" in body:
            usage.setdefault(body["meta:class"], []).append(body["title"])
    short = [{key: body[key] for key in ("title", "$id", "meta:altId", "version")} for body in held[-5:]]
    answer = {
        "imsOrg": place.org,
        "tenantId": place.tenant,
        "counts": counts,
        "recentlyCreatedResources": short[::-1],
        "recentlyUpdatedResources": short[::-1],
        "classUsage": usage,
    }
    return JSONResponse(answer)

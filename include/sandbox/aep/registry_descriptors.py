"""Descriptors: what a field of a schema means (EP:xdm/api/descriptors.md)."""

from __future__ import annotations

import secrets
from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from include.sandbox.aep import accept
from include.sandbox.aep.constants import DEMO_USER, REGISTRY
from include.sandbox.aep.filters import keep
from include.sandbox.aep.http import Call, Routes
from include.sandbox.aep.namespaces import find_namespace
from include.sandbox.aep.place import BATCHES, DATASETS, DESCRIPTORS, RESOURCES, Place
from include.sandbox.aep.problems import problem
from include.sandbox.aep.registry_list import paged
from include.sandbox.aep.registry_resolve import resolve
from include.sandbox.world import World

_IDENTITY = "xdm:descriptorIdentity"
_MOST = 4000
_REQUIRED: dict[str, tuple[str, ...]] = {
    _IDENTITY: ("xdm:sourceProperty", "xdm:namespace", "xdm:property"),
    "xdm:alternateDisplayInfo": ("xdm:sourceProperty",),
    "xdm:descriptorOneToOne": ("xdm:sourceProperty", "xdm:destinationSchema", "xdm:destinationProperty"),
    "xdm:descriptorRelationship": ("xdm:sourceProperty", "xdm:destinationSchema"),
    "xdm:descriptorReferenceIdentity": ("xdm:sourceProperty", "xdm:identityNamespace"),
    "xdm:descriptorDeprecated": ("xdm:sourceProperty",),
    "xdm:descriptorPrimaryKey": ("xdm:sourceProperty",),
    "xdm:descriptorVersion": ("xdm:sourceProperty",),
    "xdm:descriptorTimestamp": ("xdm:sourceProperty",),
}


def add_routes(world: World, router: APIRouter) -> None:
    routes = Routes(world, router, f"{REGISTRY}/tenant/descriptors")
    routes.add("GET", "", _list)
    routes.add("POST", "", _create)
    routes.add("GET", "/{id}", lambda call: JSONResponse(_found(call)))
    routes.add("PUT", "/{id}", _replace)
    routes.add("DELETE", "/{id}", _delete)


def _found(call: Call) -> dict[str, Any]:
    body = call.place.get(DESCRIPTORS, call.path("id"))
    if body is None:
        raise problem(404, f"Object {call.path('id')} not found")
    return body


def _list(call: Call) -> Response:
    shape, paging = accept.descriptors(call.request.headers.get("accept"))
    bodies = [body for _, body in call.place.items(DESCRIPTORS)]
    if paging:
        chosen, page = paged(call, bodies)
        results = [_shaped(body, shape) for body in chosen]
        return JSONResponse({"results": results, "_page": page, "_links": {"next": None}})
    by_type: dict[str, list[Any]] = {}
    for body in keep(bodies, call.request.query_params.getlist("property")):
        by_type.setdefault(body["@type"], []).append(_shaped(body, shape))
    return JSONResponse(by_type)


def _shaped(body: dict[str, Any], shape: str) -> Any:
    return {"id": body["@id"], "link": f"/tenant/descriptors/{body['@id']}", "full": body}[shape]


def _create(call: Call) -> Response:
    if len(call.place.items(DESCRIPTORS)) >= _MOST:
        raise problem(400, f"An AEP sandbox can have no more than {_MOST} descriptors.")
    return JSONResponse(_save(call, secrets.token_hex(20), None), 201)


def _replace(call: Call) -> Response:
    before = _found(call)
    _refuse_primary_change(call.place, before)
    return JSONResponse({"@id": _save(call, before["@id"], before)["@id"]}, 201)


def _delete(call: Call) -> Response:
    before = _found(call)
    _refuse_primary_change(call.place, before)
    call.place.delete(DESCRIPTORS, before["@id"])
    return Response(status_code=204)


def _save(call: Call, key: str, before: dict[str, Any] | None) -> dict[str, Any]:
    place, given = call.place, call.object()
    _check(place, given, key)
    now = place.now
    body = {
        **{
            name: value
            for name, value in given.items()
            if name.startswith("xdm:") or name in ("@type", "meta:enum")
        },
        "createdUser": DEMO_USER,
        "imsOrg": place.org,
        "createdClient": call.client_id,
        "updatedUser": DEMO_USER,
        "version": "1",
        "created": (before or {}).get("created", now),
        "updated": now,
        "meta:containerId": "tenant",
        "@id": key,
    }
    place.put(DESCRIPTORS, key, body)
    return body


def _check(place: Place, body: dict[str, Any], key: str) -> None:
    kind = body.get("@type")
    if not isinstance(kind, str) or kind not in _REQUIRED:
        raise problem(400, f"The @type of the descriptor is not supported: {kind!r}.")
    for name in ("xdm:sourceSchema", "xdm:sourceVersion", *_REQUIRED[kind]):
        if body.get(name) in (None, ""):
            raise problem(400, f"A descriptor of type {kind} needs {name}.")
    schema = place.get(RESOURCES, str(body["xdm:sourceSchema"]))
    if schema is None or schema["meta:resourceType"] != "schemas":
        raise problem(400, f"Schema {body['xdm:sourceSchema']} does not exist.")
    paths = body["xdm:sourceProperty"]
    fields = [_field(place, schema, path) for path in (paths if isinstance(paths, list) else [paths])]
    if kind == _IDENTITY:
        _check_identity(place, body, key, fields[0])


def _field(place: Place, schema: dict[str, Any], path: Any) -> dict[str, Any]:
    if not isinstance(path, str) or not path.startswith("/") or path.endswith("/"):
        raise problem(400, "xdm:sourceProperty must begin with a slash and not end with one.")
    field = resolve(place, schema)
    for part in path[1:].split("/"):
        children: dict[str, Any] = field.get("properties") or field.get("items", {}).get("properties", {})
        # The documented samples write both /eventType and /xdm:eventType.
        name = part if part in children else part.removeprefix("xdm:")
        if name not in children:
            raise problem(
                400, f"The schema has no field {path}. Leave out 'properties' from xdm:sourceProperty."
            )
        field = children[name]
    return field


def _check_identity(place: Place, body: dict[str, Any], key: str, field: dict[str, Any]) -> None:
    if field.get("type") != "string":
        raise problem(400, f"An identity must be a string field; {body['xdm:sourceProperty']} is not.")
    by = body["xdm:property"]
    if by not in ("xdm:code", "xdm:id"):
        raise problem(400, "xdm:property must be xdm:code or xdm:id.")
    if find_namespace(place, body["xdm:namespace"], by_id=by == "xdm:id") is None:
        raise problem(400, f"Identity namespace {body['xdm:namespace']} does not exist.")
    if not isinstance(body.get("xdm:isPrimary", False), bool):
        raise problem(400, "xdm:isPrimary must be true or false.")
    for other_key, other in place.items(DESCRIPTORS):
        if (
            other_key == key
            or other["@type"] != _IDENTITY
            or other["xdm:sourceSchema"] != body["xdm:sourceSchema"]
        ):
            continue
        if other["xdm:sourceProperty"] == body["xdm:sourceProperty"]:
            raise problem(400, f"Field {body['xdm:sourceProperty']} is an identity already: {other_key}.")
        if body.get("xdm:isPrimary") and other.get("xdm:isPrimary"):
            raise problem(400, "A schema may contain only one primary identity.")


def _refuse_primary_change(place: Place, body: dict[str, Any]) -> None:
    """A primary identity stays what it is once data was ingested (EP:xdm/schema/composition.md#evolution)."""
    if not body.get("xdm:isPrimary"):
        return
    datasets = {
        key for key, each in place.items(DATASETS) if each["schemaRef"]["id"] == body["xdm:sourceSchema"]
    }
    if any(batch["dataset"] in datasets and batch["state"] == "success" for _, batch in place.items(BATCHES)):
        raise problem(400, "The primary identity of a schema cannot be changed once data was ingested.")

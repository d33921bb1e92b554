"""Catalog: datasets (OAS:catalog.yaml, EP:catalog/api)."""

from __future__ import annotations

import re
import secrets
from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from include.sandbox.aep.constants import AEP_SANDBOXES, CATALOG, DEMO_USER
from include.sandbox.aep.http import Call, Routes
from include.sandbox.aep.lifecycle import batches_of, settle, shown_status
from include.sandbox.aep.patch import deep_merge, json_patch
from include.sandbox.aep.place import DATASETS, RESOURCES, Place
from include.sandbox.aep.problems import problem
from include.sandbox.aep.query import chosen, projected
from include.sandbox.world import World

_CONTENT_TYPE = re.compile(r"application/vnd\.adobe\.(xed|xdm)[a-z-]*\+json;\s*version=1(\.\d+)?")
_READ_ONLY = (
    "viewId",
    "files",
    "created",
    "createdUser",
    "createdClient",
    "imsOrg",
    "sandboxId",
    "version",
    "updated",
)


def add_routes(world: World, router: APIRouter) -> None:
    for base in (CATALOG, f"{CATALOG}/v2"):
        routes = Routes(world, router, f"{base}/dataSets")
        routes.add("PATCH", "/{id}", _patch if base == CATALOG else _patch_deeply)
        routes.add("GET", "/{id}", _lookup)
    routes = Routes(world, router, f"{CATALOG}/dataSets")
    routes.add("GET", "", _list)
    routes.add("POST", "", _create)
    routes.add("DELETE", "/{id}", _delete)


def find_dataset(place: Place, key: str) -> dict[str, Any]:
    """Raises Problem 404 where there is none."""
    body = place.get(DATASETS, key)
    if body is None:
        raise problem(404, f"Dataset {key} not found.")
    return body


def _list(call: Call) -> Response:
    settle(call.place)
    objects = [(key, _shown(call.place, key, body)) for key, body in call.place.items(DATASETS)]
    return JSONResponse(chosen(call, objects, frozenset({"requestDataSource"})))


def _lookup(call: Call) -> Response:
    settle(call.place)
    key = call.path("id")
    body = _shown(call.place, key, find_dataset(call.place, key))
    return JSONResponse({key: projected(call, body)}, headers={"ETag": f'"{body["version"]}"'})


def _create(call: Call) -> Response:
    place, given = call.place, call.object()
    key, view, now = secrets.token_hex(12), secrets.token_hex(12), call.place.now
    body = {
        "tags": {},
        "fileDescription": {"persisted": True, "containerFormat": "parquet", "format": "parquet"},
        "state": "DRAFT",
        **{name: value for name, value in given.items() if name not in _READ_ONLY},
        "imsOrg": place.org,
        "sandboxId": AEP_SANDBOXES[place.name],
        "viewId": view,
        "files": f"@/dataSets/{key}/views/{view}/files",
        "version": "1.0.0",
        "created": now,
        "updated": now,
        "createdClient": call.client_id,
        "createdUser": DEMO_USER,
        "updatedUser": DEMO_USER,
        "namespace": "ACP",
        "observableSchema": {},
    }
    _check(place, body)
    place.put(DATASETS, key, body)
    return JSONResponse([f"@/dataSets/{key}"], 201)


def _patch(call: Call) -> Response:
    if call.content_type == "application/json-patch+json" or isinstance(call.body, list):
        return _save(call, lambda before: json_patch(before, call.body))

    def merge(before: dict[str, Any]) -> dict[str, Any]:
        given = call.object()
        merged = {**before, **given}
        if isinstance(given.get("tags"), dict):
            merged["tags"] = {**before.get("tags", {}), **given["tags"]}
        return merged

    return _save(call, merge)


def _patch_deeply(call: Call) -> Response:
    given = call.object()
    return _save(call, lambda before: deep_merge(before, given))


def _save(call: Call, change: Any) -> Response:
    key = call.path("id")
    before = find_dataset(call.place, key)
    _check_match(call, before)
    body = change(before)
    for name in _READ_ONLY:
        if body.get(name) != before.get(name):
            raise problem(400, f"{name} is read-only.")
    if (
        body.get("schemaRef") != before["schemaRef"]
        and body.get("schemaRef", {}).get("id") != before["schemaRef"]["id"]
    ):
        raise problem(400, "The schema of a dataset cannot be changed.")
    _check(call.place, body)
    patch = int(before["version"].rpartition(".")[2]) + 1
    body |= {"version": f"1.0.{patch}", "updated": call.place.now, "updatedUser": DEMO_USER}
    call.place.put(DATASETS, key, body)
    return JSONResponse([f"@/dataSets/{key}"])


def _check_match(call: Call, body: dict[str, Any]) -> None:
    """``If-Match`` is optional and matches "the updated date" (OAS:catalog.yaml); the version is taken too [I]."""
    wanted = call.request.headers.get("if-match", "").strip('"')
    if wanted not in ("", "*", str(body["updated"]), body["version"]):
        raise problem(412, "The dataset was changed in the meantime.")


def _delete(call: Call) -> Response:
    key = call.path("id")
    find_dataset(call.place, key)
    call.place.delete(DATASETS, key)
    return JSONResponse([f"@/dataSets/{key}"])


def _check(place: Place, body: dict[str, Any]) -> None:
    name, ref, tags = body.get("name"), body.get("schemaRef"), body.get("tags", {})
    if not isinstance(name, str) or not name.strip():
        raise problem(400, "A dataset needs a name.")
    if (
        not isinstance(ref, dict)
        or not isinstance(ref.get("id"), str)
        or not isinstance(ref.get("contentType"), str)
    ):
        raise problem(400, "A dataset needs a schemaRef with id and contentType.")
    if not _CONTENT_TYPE.fullmatch(ref["contentType"]):
        raise problem(400, "schemaRef.contentType must look like application/vnd.adobe.xed+json;version=1.")
    schema = place.get(RESOURCES, ref["id"])
    if schema is None or schema["meta:resourceType"] != "schemas":
        raise problem(400, f"Schema {ref['id']} does not exist.")
    if not isinstance(tags, dict) or not all(
        isinstance(values, list) and all(isinstance(value, str) for value in values)
        for values in tags.values()
    ):
        raise problem(400, "The values of tags must be arrays of strings.")
    if "enabled:true" in [
        value.replace(" ", "") for value in tags.get("unifiedProfile", [])
    ] and "union" not in (schema.get("meta:immutableTags", [])):
        raise problem(400, "To enable profile datasets the schema should be valid")


def _shown(place: Place, key: str, body: dict[str, Any]) -> dict[str, Any]:
    """With what Catalog knows of the dataset's batches."""
    batches = [(batch, shown_status(place, batch)) for batch in batches_of(place, key)]
    if not batches:
        return body
    last, status = batches[-1]
    good = [batch["id"] for batch, each in batches if batch["state"] == "success"]
    more = {"lastBatchId": last["id"], "lastBatchStatus": status}
    return {**body, **more, **({"lastSuccessfulBatch": good[-1]} if good else {})}

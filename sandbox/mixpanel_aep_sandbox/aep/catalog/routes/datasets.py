"""Routes by which clients list, read, create, change and delete datasets (OAS:catalog.yaml, EP:catalog/api)."""

from __future__ import annotations

import secrets
from collections import defaultdict

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.catalog.dataset_changes import (
    patch_dataset,
    patch_deeply,
    put_dataset,
    validate_only,
)
from mixpanel_aep_sandbox.aep.catalog.etags import single_object_response
from mixpanel_aep_sandbox.aep.catalog.validation import READ_ONLY, check_dataset, schema_ref, without_computed
from mixpanel_aep_sandbox.aep.core.constants import AEP_SANDBOXES, CATALOG, DEMO_USER, TIME_SERIES
from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.http import Call, Routes
from mixpanel_aep_sandbox.aep.core.list_parameters import keep_requested_properties, requested_page
from mixpanel_aep_sandbox.aep.core.scope import BATCHES, DATASETS, USED_SCHEMAS, AepSandboxScope
from mixpanel_aep_sandbox.aep.hygiene.models import expiry_tags
from mixpanel_aep_sandbox.aep.ingestion.lifecycle import (
    apply_due_changes,
    end_batches_of_dataset,
    shown_status,
)
from mixpanel_aep_sandbox.aep.query_service.table_names import TABLE_TAG, table_name
from mixpanel_aep_sandbox.aep.registry.composition.resolve import find_resource
from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState

_HANDLED_PARAMETERS = frozenset({"requestDataSource"})
_FAILED = ("failed", "aborted", "abandoned")


def add_routes(state: SandboxState, router: APIRouter) -> None:
    """Add the HTTP routes of datasets to ``router``."""
    # The guides also write /datasets (EP:catalog/api/create-dataset.md, EP:catalog/datasets, TTL guide).
    for name in ("dataSets", "datasets"):
        routes = Routes(state, router, f"{CATALOG}/{name}")
        routes.add("GET", "", _list)
        routes.add("POST", "", _create)
        routes.add("GET", "/{id}", _lookup)
        routes.add("PATCH", "/{id}", patch_dataset)
        routes.add("PUT", "/{id}", put_dataset)
        routes.add("DELETE", "/{id}", _delete)
        routes = Routes(state, router, f"{CATALOG}/v2/{name}")
        routes.add("GET", "/{id}", _lookup)
        routes.add("PATCH", "/{id}", patch_deeply)
    Routes(state, router, CATALOG).add("GET", "/ttl/{id}", _row_expiration)


def shown_datasets(scope: AepSandboxScope, keys: list[str] | None = None) -> list[tuple[str, JsonObject]]:
    """Return the ids and Catalog's representations of datasets, which include their last batches and expiration tags.

    Args:
        scope: The AEP sandbox.
        keys: The ids of the datasets, of which unknown ones are omitted; None: all datasets.
    """
    apply_due_changes(scope)
    batches: dict[str, list[JsonObject]] = defaultdict(list)
    for _, batch in scope.items(BATCHES):
        batches[batch["dataset"]].append(batch)
    held = scope.items(DATASETS) if keys is None else [(key, scope.get(DATASETS, key)) for key in keys]
    return [
        (
            key,
            {
                **body,
                **_last_batches(scope, batches[key]),
                "tags": {**body["tags"], **expiry_tags(scope, key)},
            },
        )
        for key, body in held
        if body is not None
    ]


def _last_batches(scope: AepSandboxScope, batches: list[JsonObject]) -> JsonObject:
    """Return the keys of a dataset's representation with the ids of its last, last successful and last failed batch.

    Args:
        scope: The AEP sandbox.
        batches: All batches of the dataset, oldest first.
    """
    if not batches:
        return {}
    good = [batch["id"] for batch in batches if batch["state"] == "success"][-1:]
    bad = [batch["id"] for batch in batches if batch["state"] in _FAILED][-1:]
    last = {"lastBatchId": batches[-1]["id"], "lastBatchStatus": shown_status(scope, batches[-1])}
    last |= {"lastSuccessfulBatch": good[0]} if good else {}
    return last | ({"lastFailedBatch": bad[0]} if bad else {})


def _list(call: Call) -> Response:
    return JSONResponse(requested_page(call, shown_datasets(call.scope), _HANDLED_PARAMETERS))


def _lookup(call: Call) -> Response:
    """Return one dataset, or several by comma-separated ids (EP:catalog/api/look-up-multiple-objects.md)."""
    keys = call.path("id").split(",")
    found = shown_datasets(call.scope, keys)
    if not found:
        raise problem(404, f"Dataset {call.path('id')} not found.")
    if len(keys) > 1:
        return JSONResponse({key: keep_requested_properties(call, body) for key, body in found})
    key, body = found[0]
    return single_object_response(call, key, body, keep_requested_properties(call, body))


def _create(call: Call) -> Response:
    scope, given = call.scope, call.object()
    key, view, now = secrets.token_hex(12), secrets.token_hex(12), scope.now
    body = {
        "tags": {},
        "fileDescription": {"persisted": True, "containerFormat": "parquet", "format": "parquet"},
        "state": "DRAFT",
        **{name: value for name, value in without_computed(given).items() if name not in READ_ONLY},
        "schemaRef": schema_ref(given),
        "imsOrg": scope.org,
        "sandboxId": AEP_SANDBOXES[scope.name],
        "viewId": view,
        "files": f"@/dataSets/{key}/views/{view}/files",
        "version": "1.0.0",
        "created": now,
        "updated": now,
        "createdClient": call.client_id,
        "createdUser": DEMO_USER,
        "updatedUser": DEMO_USER,
        "namespace": "ACP",
    }
    for name in ("observableSchema", "dule", "statsCache"):
        body.setdefault(name, {})
    body["tags"] = {} if body["tags"] is None else body["tags"]
    if _requests_source(call):
        body.setdefault("dataSourceId", scope.count(DATASETS) + 1)
    check_dataset(scope, body)
    # [I] Undocumented, but clients rely on it.
    body["classification"] = {
        "dataBehavior": _behaviour(scope, body["schemaRef"]["id"]),
        "managedBy": "CUSTOMER",
    }
    body["tags"] = {**body["tags"], TABLE_TAG: [table_name(scope, str(body["name"]))]}
    if validate_only(call):
        return JSONResponse([])
    scope.put(DATASETS, key, body)
    scope.put(USED_SCHEMAS, body["schemaRef"]["id"], {})  # not removed with the dataset
    return JSONResponse([f"@/dataSets/{key}"], 201, {"Location": f"{CATALOG}/dataSets/{key}"})


def _behaviour(scope: AepSandboxScope, schema_id: str) -> str:
    extends = (find_resource(scope, schema_id) or {}).get("meta:extends", [])
    return "time-series" if TIME_SERIES in extends else "record"


def _requests_source(call: Call) -> bool:
    flag = call.query("requestDataSource", "false").lower()
    if flag not in ("true", "false"):
        raise problem(400, "requestDataSource must be true or false.")
    return flag == "true"


def _row_expiration(call: Call) -> Response:
    """Respond with the default and the bounds of a dataset's ``ttlValue`` (EP:catalog/datasets, TTL guide)."""
    if call.scope.get(DATASETS, call.path("id")) is None:
        raise problem(404, f"Dataset {call.path('id')} not found.")
    bounds = {"defaultValue": "P12M", "maxValue": "P10Y", "minValue": "P30D"}
    return JSONResponse({"extensions": {"adobe_lakeHouse": {"rowExpiration": bounds}}})


def _delete(call: Call) -> Response:
    """Delete a dataset, and deactivate its batches.

    For an unknown id, Adobe says: "you may still receive an HTTP Status Code 200, but the array will be empty".
    """
    key = call.path("id")
    if call.scope.get(DATASETS, key) is None:
        return JSONResponse([])
    call.scope.delete(DATASETS, key)
    end_batches_of_dataset(call.scope, key)
    return JSONResponse([f"@/dataSets/{key}"])

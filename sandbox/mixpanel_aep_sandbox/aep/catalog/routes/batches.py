"""Routes by which clients list, read and change batches in Catalog (OAS:catalog.yaml)."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.catalog.dataset_changes import merge_fields
from mixpanel_aep_sandbox.aep.catalog.etags import check_match, single_object_response
from mixpanel_aep_sandbox.aep.catalog.validation import check_tags
from mixpanel_aep_sandbox.aep.core.constants import AEP_SANDBOXES, CATALOG, DEMO_USER
from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.http import Call, Routes
from mixpanel_aep_sandbox.aep.core.json_filters import as_items, as_text, value_at
from mixpanel_aep_sandbox.aep.core.json_patch import json_patch
from mixpanel_aep_sandbox.aep.core.list_parameters import (
    filter_objects,
    keep_requested_properties,
    page_of,
    requested_page,
    whole_number,
)
from mixpanel_aep_sandbox.aep.core.scope import BATCHES, AepSandboxScope
from mixpanel_aep_sandbox.aep.ingestion.lifecycle import apply_due_changes, save_changed, shown_status
from mixpanel_aep_sandbox.aep.ingestion.routes.batches import shown_tags
from mixpanel_aep_sandbox.aep.ingestion.settings import IngestSettings
from mixpanel_aep_sandbox.aep.ingestion.validation import parse_replay
from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState

_RANGES = (
    ("createdAfter", "created", 1),
    ("createdBefore", "created", -1),
    ("startAfter", "availableDates.startDate", 1),
    ("startBefore", "availableDates.startDate", -1),
    ("endAfter", "availableDates.endDate", 1),
    ("endBefore", "availableDates.endDate", -1),
)
"""Query parameter, path of the number that it filters, and 1 for "greater than" or -1 for "less than"."""
_LISTS = {"dataSet": "dataset", "batch": "id"}
_HANDLED_PARAMETERS = frozenset([name for name, _, _ in _RANGES] + [*_LISTS, "status"])
_ENDED = ("success", "failed")


def add_routes(state: SandboxState, router: APIRouter) -> None:
    """Add the HTTP routes that list, read and change batches in Catalog to ``router``."""
    routes = Routes(state, router, CATALOG)
    routes.add("GET", "/batches", _list)
    routes.add("GET", "/batches/uniques/{field}", _distinct_values)
    routes.add("GET", "/batches/{id}", _lookup)
    routes.add("PATCH", "/batches/{id}", _patch)
    # EP:ingestion/batch-ingestion/overview.md has one request with the singular.
    routes.add("GET", "/batch/{id}", _lookup)
    routes.add("GET", "/lastBatches", _last_batches_by_dataset)


def visible_batches(scope: AepSandboxScope) -> list[JsonObject]:
    """Return the stored documents of the batches that Catalog shows, oldest first.

    It shows neither batches that a test has hidden (``vanished``) nor those created in the last
    ``catalog_lag_seconds``.
    """
    apply_due_changes(scope)
    lag_ms = IngestSettings.of(scope.state).catalog_lag_seconds * 1000
    return [body for _, body in scope.items(BATCHES) if _is_visible(scope, body, lag_ms)]


def visible_batch(scope: AepSandboxScope, key: str) -> JsonObject:
    """Return the stored document of a batch. Raises Problem 404 if Catalog does not show the batch."""
    apply_due_changes(scope)
    batch = scope.get(BATCHES, key)
    lag_ms = IngestSettings.of(scope.state).catalog_lag_seconds * 1000
    if batch is None or not _is_visible(scope, batch, lag_ms):
        raise problem(404, f"Batch {key} not found.")
    return batch


def _is_visible(scope: AepSandboxScope, batch: JsonObject, lag_ms: float) -> bool:
    return bool(batch["created"] + lag_ms <= scope.now and not batch.get("vanished"))


def batch_view(scope: AepSandboxScope, batch: JsonObject) -> JsonObject:
    """Return the representation of a batch in Catalog's responses, from its stored document."""
    body: JsonObject = {
        "id": batch["id"],
        "imsOrg": scope.org,
        "sandboxId": AEP_SANDBOXES[scope.name],
        "externalId": batch["externalId"],
        "status": shown_status(scope, batch),
        "inputFormat": batch["inputFormat"],
        "relatedObjects": [{"type": "dataSet", "id": batch["dataset"]}],
        "tags": shown_tags(batch),
        "created": batch["created"],
        "createdClient": batch["client"],
        "createdUser": DEMO_USER,
        "updated": batch["updated"],
        "updatedUser": DEMO_USER,
        "version": f"1.0.{batch['version']}",
        "availableDates": batch.get("dates", {}),
    }
    if batch["completed"] is not None:
        body["started"] = batch["completed"]
    if "finished" in batch:
        body |= {"completed": batch["finished"], "errors": batch["errors"], **_metrics(scope, batch)}
    if batch["state"] == "failed":
        body["failedBatchLocation"] = f"@/batches/{batch['id']}/failed"
    return body | ({"replay": batch["replay"]} if batch["replay"] else {})


def _metrics(scope: AepSandboxScope, batch: JsonObject) -> JsonObject:
    """Return the metrics of a processed batch in Catalog's form; empty without metrics, or if a setting hides them."""
    metrics = batch["metrics"]
    hidden = batch["state"] == "failed" and IngestSettings.of(scope.state).metrics_of_failed == "hidden"
    if not metrics or hidden:
        return {}
    return {
        "metrics": metrics,
        "recordCount": metrics["inputRecordCount"],
        "failedRecordCount": metrics["failedRecordCount"],
        "size": metrics["inputByteSize"],
    }


def _lookup(call: Call) -> Response:
    """Return one batch, or several by comma-separated ids (EP:catalog/api/look-up-multiple-objects.md)."""
    keys = call.path("id").split(",")
    if len(keys) == 1:
        batch = visible_batch(call.scope, keys[0])
        return single_object_response(
            call, batch["id"], batch, keep_requested_properties(call, batch_view(call.scope, batch))
        )
    selected = [batch for batch in visible_batches(call.scope) if batch["id"] in keys]
    if not selected:
        raise problem(404, f"Batch {call.path('id')} not found.")
    return JSONResponse(
        {batch["id"]: keep_requested_properties(call, batch_view(call.scope, batch)) for batch in selected}
    )


def _list(call: Call) -> Response:
    return JSONResponse(requested_page(call, _filter_batches(call), _HANDLED_PARAMETERS))


def _distinct_values(call: Call) -> Response:
    """Respond with the distinct values of one field of all batches that match the query."""
    start, limit = page_of(call)
    field = call.path("field")
    bodies = filter_objects(call, _filter_batches(call), _HANDLED_PARAMETERS)
    values = dict.fromkeys(as_text(value) for body in bodies for value in as_items(value_at(body, field)))
    return JSONResponse(list(values)[start : start + limit])


def _filter_batches(call: Call) -> list[tuple[str, JsonObject]]:
    """Return the id and Catalog's representation of each batch that matches the query's batch filters, oldest first."""
    filters = {name: set(filter(None, call.query(name).split(","))) for name in (*_LISTS, "status")}
    ranges = [(path, sign, whole_number(call, name)) for name, path, sign in _RANGES]
    found = []
    for batch in visible_batches(call.scope):
        if any(filters[name] and batch[key] not in filters[name] for name, key in _LISTS.items()):
            continue
        body = batch_view(call.scope, batch)
        if filters["status"] and body["status"] not in filters["status"]:
            continue
        if all(bound is None or _in_range(body, path, sign, bound) for path, sign, bound in ranges):
            found.append((batch["id"], body))
    return found


def _in_range(body: JsonObject, path: str, sign: int, bound: int) -> bool:
    """Return whether the number at ``path`` is above ``bound`` (``sign`` 1) or below it (-1)."""
    value = value_at(body, path)
    return value is not None and sign * value > sign * bound


def _last_batches_by_dataset(call: Call) -> Response:
    """Respond with the last, last successful and last failed batch id of each dataset, keyed by the dataset's id."""
    datasets = set(filter(None, (call.query("dataSetId") or call.query("dataSet")).split(",")))
    last: dict[str, JsonObject] = {}
    for batch in visible_batches(call.scope):
        if datasets and batch["dataset"] not in datasets:
            continue
        body = last.setdefault(
            batch["dataset"],
            {
                "imsOrg": call.scope.org,
                "sandboxId": AEP_SANDBOXES[call.scope.name],
                "created": batch["created"],
            },
        )
        body |= {
            "lastBatchId": batch["id"],
            "lastBatchStatus": shown_status(call.scope, batch),
            "updated": batch["updated"],
        }
        if batch["state"] in _ENDED:
            name = "lastSuccessfulBatchId" if batch["state"] == "success" else "lastFailedBatchId"
            body[name] = batch["id"]
    return JSONResponse(requested_page(call, list(last.items()), frozenset({"dataSetId", "dataSet"})))


def _patch(call: Call) -> Response:
    """Change the client's tags of a batch and, until the batch is completed, its replay; all else is read-only [I]."""
    batch = visible_batch(call.scope, call.path("id"))
    check_match(call, batch)
    before: JsonObject = {
        "tags": batch["tags"],
        **({"replay": batch["replay"]} if batch["replay"] else {}),
    }
    if call.content_type == "application/json-patch+json" or isinstance(call.body, list):
        changed = json_patch(before, call.body)
    else:
        changed = merge_fields(before, call.object())
    if changed.keys() - {"tags", "replay"}:
        raise problem(400, "Only tags and replay of a batch can be changed.")
    check_tags(changed.get("tags", {}))
    replay = parse_replay(call.scope, changed.get("replay"), batch["dataset"])
    if replay != batch["replay"] and batch["state"] != "loading":
        raise problem(400, f"Batch {batch['id']} is completed, so its replay cannot be changed.")  # [I]
    save_changed(call.scope, batch, tags=changed.get("tags", {}), replay=replay)
    return JSONResponse([f"@/batches/{batch['id']}"])

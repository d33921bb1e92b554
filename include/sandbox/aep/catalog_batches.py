"""Catalog: batches (OAS:catalog.yaml)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from include.sandbox.aep.batches import shown_tags
from include.sandbox.aep.constants import CATALOG, DEMO_USER
from include.sandbox.aep.http import Call, Routes
from include.sandbox.aep.lifecycle import settle, shown_status
from include.sandbox.aep.place import BATCHES, DATASETS, Place
from include.sandbox.aep.problems import problem
from include.sandbox.aep.query import chosen, projected
from include.sandbox.aep.settings import AepSettings
from include.sandbox.world import World

_OWN = frozenset({"dataSet", "status", "batch", "createdAfter", "createdBefore"})


def add_routes(world: World, router: APIRouter) -> None:
    routes = Routes(world, router, CATALOG)
    routes.add("GET", "/batches", _list)
    routes.add("GET", "/batches/{id}", _lookup)
    # EP:catalog/home.md writes the singular once.
    routes.add("GET", "/batch/{id}", _lookup)
    routes.add("GET", "/lastBatches", _last)
    routes.add("GET", "/dataSets/{id}/views/{view}/files", _view_files)


def visible(place: Place) -> list[dict[str, Any]]:
    """The batches that Catalog knows of, oldest first."""
    settle(place)
    return [body for _, body in place.items(BATCHES) if _is_known(place, body)]


def visible_batch(place: Place, key: str) -> dict[str, Any]:
    """Raises Problem 404 where Catalog knows of none."""
    settle(place)
    batch = place.get(BATCHES, key)
    if batch is None or not _is_known(place, batch):
        raise problem(404, f"Batch {key} not found.")
    return batch


def _is_known(place: Place, batch: dict[str, Any]) -> bool:
    lag = AepSettings.of(place.world).catalog_lag_seconds * 1000
    return bool(batch["created"] + lag <= place.now and not batch.get("vanished"))


def shown(place: Place, batch: dict[str, Any]) -> dict[str, Any]:
    """A batch as Catalog shows it."""
    body: dict[str, Any] = {
        "id": batch["id"],
        "imsOrg": place.org,
        "externalId": batch["externalId"],
        "status": shown_status(place, batch),
        "inputFormat": batch["inputFormat"],
        "relatedObjects": [{"type": "dataSet", "id": batch["dataset"]}],
        "tags": shown_tags(batch),
        "created": batch["created"],
        "createdClient": batch["client"],
        "createdUser": DEMO_USER,
        "updated": batch["updated"],
        "updatedUser": DEMO_USER,
        "version": f"1.0.{batch['version']}",
    }
    if batch["completed"] is not None:
        body["started"] = batch["completed"]
    if "finished" in batch:
        body |= {"completed": batch["finished"], "errors": batch["errors"]}
        if batch["metrics"]:
            body["metrics"] = batch["metrics"]
    if batch["state"] == "failed":
        body["failedBatchLocation"] = f"@/batches/{batch['id']}/failed"
    return body | ({"replay": batch["replay"]} if batch["replay"] else {})


def _lookup(call: Call) -> Response:
    batch = visible_batch(call.place, call.path("id"))
    return JSONResponse({batch["id"]: projected(call, shown(call.place, batch))})


def _list(call: Call) -> Response:
    params = call.request.query_params
    wanted = {
        name: set(filter(None, params.get(name, "").split(","))) for name in ("dataSet", "status", "batch")
    }
    after, before = (_moment(call, name) for name in ("createdAfter", "createdBefore"))
    found = []
    for batch in visible(call.place):
        body = shown(call.place, batch)
        facts = {"dataSet": batch["dataset"], "status": body["status"], "batch": batch["id"]}
        if any(values and facts[name] not in values for name, values in wanted.items()):
            continue
        if (after is not None and batch["created"] <= after) or (
            before is not None and batch["created"] >= before
        ):
            continue
        found.append((batch["id"], body))
    return JSONResponse(chosen(call, found, _OWN))


def _moment(call: Call, name: str) -> int | None:
    text = call.query(name)
    if not text:
        return None
    if not text.isdigit():
        raise problem(400, f"{name} must be epoch milliseconds.")
    return int(text)


def _last(call: Call) -> Response:
    """The last batch of a dataset, or of every dataset, keyed by the batch's id [I: the shape]."""
    wanted = call.query("dataSetId") or call.query("dataSet")
    last: dict[str, dict[str, Any]] = {}
    for batch in visible(call.place):
        if not wanted or batch["dataset"] == wanted:
            last[batch["dataset"]] = batch
    return JSONResponse({batch["id"]: shown(call.place, batch) for batch in last.values()})


def _view_files(call: Call) -> Response:
    """The files of a dataset's active batches, keyed by id [I: the shape, as of all of Catalog]."""
    key = call.path("id")
    dataset = call.place.get(DATASETS, key)
    if dataset is None or dataset["viewId"] != call.path("view"):
        raise problem(404, f"Dataset {key} has no view {call.path('view')}.")
    active = [
        batch for batch in visible(call.place) if batch["dataset"] == key and batch["state"] == "success"
    ]
    found = [
        (
            f"{batch['id']}-1",
            {
                "id": f"{batch['id']}-1",
                "batchId": batch["id"],
                "dataSetViewId": dataset["viewId"],
                "records": batch["metrics"]["outputRecordCount"],
                "created": batch["finished"],
                "isValid": True,
            },
        )
        for batch in active
    ]
    return JSONResponse(chosen(call, found))

"""Catalog: views of datasets, and dataset files (EP:catalog/api/appendix.md)."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.catalog.etags import single_object_response
from mixpanel_aep_sandbox.aep.catalog.routes.batches import visible_batches
from mixpanel_aep_sandbox.aep.core.constants import CATALOG, DEMO_USER
from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.http import Call, Routes
from mixpanel_aep_sandbox.aep.core.list_parameters import keep_requested_properties, requested_page
from mixpanel_aep_sandbox.aep.core.scope import DATASETS
from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState

Objects = list[tuple[str, JsonObject]]
_VIEW = (
    "schemaRef",
    "fileDescription",
    "observableSchema",
    "imsOrg",
    "sandboxId",
    "created",
    "createdClient",
)


def add_routes(state: SandboxState, router: APIRouter) -> None:
    """Add the HTTP routes of dataset views and dataset files to ``router``."""
    routes = Routes(state, router, CATALOG)
    for name in ("dataSets", "datasets"):
        routes.add("GET", f"/{name}/{{id}}/views", lambda call: _list_response(call, _views(call)))
        routes.add(
            "GET", f"/{name}/{{id}}/views/{{view}}", lambda call: _lookup_response(call, _views(call), "view")
        )
        routes.add("GET", f"/{name}/{{id}}/views/{{view}}/files", _view_files)
    # EP:catalog/home.md and the sample of a bulk request have other spellings.
    for name in ("dataSetFiles", "datasetFiles"):
        routes.add("GET", f"/{name}", lambda call: _list_response(call, _files(call), "dataSetId", "batchId"))
        routes.add("GET", f"/{name}/{{id}}", lambda call: _lookup_response(call, _files(call), "id"))
    for name in ("dataSetViews", "datasetViews"):
        routes.add("GET", f"/{name}", lambda call: _list_response(call, _all_views(call)))
        routes.add("GET", f"/{name}/{{id}}", lambda call: _lookup_response(call, _all_views(call), "id"))
        routes.add("POST", f"/{name}", _create_view)


def _create_view(call: Call) -> Response:
    """Respond to ``POST`` with the dataset's existing view, because each dataset has exactly one view [I]."""
    key = call.object().get("dataSetId")
    dataset = call.scope.get(DATASETS, key) if isinstance(key, str) else None
    if dataset is None:
        raise problem(400, f"Dataset {key} not found.")
    return JSONResponse([f"@/dataSetViews/{dataset['viewId']}"], 201)


def _list_response(call: Call, objects: Objects, *handled: str) -> Response:
    """Return the page of a list that the request selects.

    Args:
        call: The request.
        objects: All objects of the list, as (id, representation).
        handled: Names of query parameters that are not filters by property.
    """
    return JSONResponse(requested_page(call, objects, frozenset(handled)))


def _lookup_response(call: Call, objects: Objects, name: str) -> Response:
    """Return the response to a lookup of one object.

    Args:
        call: The request.
        objects: All objects, as (id, representation).
        name: The name of the path parameter with the id.

    Raises:
        Problem: 404 if no object has the id.
    """
    for key, body in objects:
        if key == call.path(name):
            return single_object_response(call, key, body, keep_requested_properties(call, body))
    raise problem(404, f"{call.path(name)} not found.")


def _views(call: Call) -> Objects:
    """Return the only view of a dataset in a list, as (id, representation) [I: every sample has one view]."""
    key = call.path("id")
    dataset = call.scope.get(DATASETS, key)
    if dataset is None:
        raise problem(404, f"Dataset {key} not found.")
    return [_view(key, dataset)]


def _all_views(call: Call) -> Objects:
    return [_view(key, body) for key, body in call.scope.items(DATASETS)]


def _view(key: str, dataset: JsonObject) -> tuple[str, JsonObject]:
    """Return the id and the representation of a dataset's view."""
    body = {name: dataset[name] for name in _VIEW if name in dataset}
    own = {"id": dataset["viewId"], "dataSetId": key, "files": dataset["files"], "version": "1.0.0"}
    return dataset["viewId"], {**body, **own, "updated": dataset["created"], "createdUser": DEMO_USER}


def _view_files(call: Call) -> Response:
    if not any(view == call.path("view") for view, _ in _views(call)):
        raise problem(404, f"Dataset {call.path('id')} has no view {call.path('view')}.")
    return _list_response(call, _files(call, call.path("id")))


def _files(call: Call, dataset: str = "") -> Objects:
    """Return the data files of successful batches, as (id, representation).

    The query can select datasets and batches by comma-separated ids. A file's id is the batch id and a number from 1.

    Args:
        call: The request.
        dataset: The id of the only dataset; empty: the datasets that the query selects, by default all.
    """
    datasets = set(filter(None, (dataset or call.query("dataSetId")).split(",")))
    of_batch = set(filter(None, call.query("batchId").split(",")))
    views = {key: body["viewId"] for key, body in call.scope.items(DATASETS)}
    found: Objects = []
    for batch in visible_batches(call.scope):
        if batch["state"] != "success" or (datasets and batch["dataset"] not in datasets):
            continue
        if of_batch and batch["id"] not in of_batch:
            continue
        for number, counts in enumerate(batch["files"], 1):
            key = f"{batch['id']}-{number}"
            body = {
                "id": key,
                "batchId": batch["id"],
                "dataSetId": batch["dataset"],
                "dataSetViewId": views.get(batch["dataset"], ""),
                "imsOrg": call.scope.org,
                "createdUser": DEMO_USER,
                "createdClient": batch["client"],
                "updatedUser": DEMO_USER,
                "version": "1.0.0",
                "created": batch["finished"],
                "updated": batch["finished"],
                "records": counts["good"],
                "isValid": True,
            }
            found.append((key, body))
    return found

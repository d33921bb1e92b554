"""``/xdmBatchConversions``: map the rows of a batch, and load the result into another dataset as a new batch.

Adobe no longer documents these routes. The requests come from a public client; the members of the responses are the
sandbox's choice [I].
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.catalog.routes.batches import visible_batch
from mixpanel_aep_sandbox.aep.core.constants import CONVERSION, DEMO_USER
from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.http import Call, Routes
from mixpanel_aep_sandbox.aep.core.scope import BATCHES, DATASETS
from mixpanel_aep_sandbox.aep.dataprep.mapper import Mapper
from mixpanel_aep_sandbox.aep.dataprep.routes.mapping_sets import find_mapping_set
from mixpanel_aep_sandbox.aep.dataprep.routes.parameters import number
from mixpanel_aep_sandbox.aep.dataprep.settings import language_options
from mixpanel_aep_sandbox.aep.ingestion.active_rows import active_rows
from mixpanel_aep_sandbox.aep.ingestion.files import resolved_schema
from mixpanel_aep_sandbox.aep.ingestion.service_batches import make_batch
from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState

_KIND = "xdm-batch-conversions"
_FILTERS = ("destinationDatasetId", "sourceBatchId", "mappingSetId", "status")
_GIVEN = ("destinationDatasetId", "sourceBatchId", "mappingSetId")
_MOST = 100


def add_routes(state: SandboxState, router: APIRouter) -> None:
    """Add the HTTP routes of ``/xdmBatchConversions`` to ``router``."""
    routes = Routes(state, router, f"{CONVERSION}/xdmBatchConversions")
    routes.add("GET", "", _list)
    routes.add("POST", "", _create)
    routes.add("GET", "/{id}", lambda call: JSONResponse(_conversion_view(call, _find_conversion(call))))
    routes.add("GET", "/{id}/activities", lambda call: JSONResponse(_activities(call)))
    routes.add("GET", "/{id}/activities/{activity}", _activity)


def _list(call: Call) -> Response:
    limit = number(call, "limit") or _MOST
    found = [_conversion_view(call, body) for _, body in call.scope.items(_KIND)]
    for name in _FILTERS:
        # The public client also sends the spelling destinationDataSetId.
        key = call.query(name) or call.query(name.replace("Dataset", "DataSet"))
        found = [body for body in found if key in ("", body[name])]
    return JSONResponse({"data": found[:limit], "_page": {"count": len(found[:limit]), "limit": limit}})


def _create(call: Call) -> Response:
    given, scope = call.object(), call.scope
    ids: JsonObject = {
        name: given.get(name, given.get(name.replace("Dataset", "DataSet"))) for name in _GIVEN
    }
    if missing := [name for name, value in ids.items() if not isinstance(value, str)]:
        raise problem(400, f"{missing[0]} is required.")
    source = visible_batch(scope, ids["sourceBatchId"])
    mapping = find_mapping_set(scope, ids["mappingSetId"])
    if mapping is None or scope.get(DATASETS, ids["destinationDatasetId"]) is None:
        raise problem(404, "Mapping set or dataset not found")
    if source["state"] != "success":
        raise problem(400, f"Batch {source['id']} has no rows to convert.")
    key = secrets.token_hex(16)
    lines = scope.state.store.file("conversions", key)
    try:
        _write(lines, _mapped(call, ids["destinationDatasetId"], mapping, source))
        body = {"datasetId": ids["destinationDatasetId"], "inputFormat": {"format": "json"}}
        batch = make_batch(scope, body, call.client_id, lines)
    finally:
        lines.unlink(missing_ok=True)
    kept = {
        "id": key,
        **ids,
        "destinationBatchId": batch,
        "createdDate": scope.now,
        "createdBy": DEMO_USER,
    }
    scope.put(_KIND, key, kept)
    return JSONResponse(_conversion_view(call, kept), 201)


def _mapped(call: Call, dataset: str, mapping: JsonObject, source: JsonObject) -> Iterator[JsonObject]:
    """Yield the rows of the source batch as records for the destination dataset."""
    state = call.scope.state
    mapper = Mapper(
        mapping,
        resolved_schema(call.scope, dataset),
        now_milliseconds=state.clock.milliseconds,
        options=language_options(state),
    )
    return (mapper.map(row).data for row in active_rows(call.scope, source))


def _write(path: Path, rows: Iterator[JsonObject]) -> None:
    with path.open("w", encoding="ascii") as file:
        for row in rows:
            file.write(json.dumps(row) + "\n")


def _find_conversion(call: Call) -> JsonObject:
    body = call.scope.get(_KIND, call.path("id"))
    if body is None:
        raise problem(404, f"Conversion {call.path('id')} not found")
    return body


def _conversion_view(call: Call, body: JsonObject) -> JsonObject:
    """Return a conversion in the form of a response; its status follows from the state of the batch that it created."""
    batch = call.scope.get(BATCHES, body["destinationBatchId"]) or {"state": "failed"}
    status = {"success": "success", "failed": "failed"}.get(batch["state"], "processing")
    return {**body, "status": status}


def _activities(call: Call) -> list[JsonObject]:
    """Return the only activity of the conversion in the request's path, for a response."""
    body = _conversion_view(call, _find_conversion(call))
    return [{"id": f"{body['id']}-1", "type": "conversion", "status": body["status"]}]


def _activity(call: Call) -> Response:
    for activity in _activities(call):
        if activity["id"] == call.path("activity"):
            return JSONResponse(activity)
    raise problem(404, f"Activity {call.path('activity')} not found")

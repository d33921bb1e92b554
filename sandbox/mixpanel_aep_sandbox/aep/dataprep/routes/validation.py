"""``/mappingSets/validate`` checks a mapping set; ``/mappingSets/preview`` maps sample rows with it."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.constants import CONVERSION
from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.http import Call, Routes
from mixpanel_aep_sandbox.aep.dataprep.mapper import Mapper, MappingError
from mixpanel_aep_sandbox.aep.dataprep.routes.mapping_sets import mapping_set_from_body
from mixpanel_aep_sandbox.aep.dataprep.schemas import output_schema
from mixpanel_aep_sandbox.aep.dataprep.settings import language_options
from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState

MOST_ROWS = 100
"""Maximum number of rows of a preview [I]: as many as the UI shows (EP:sources/tutorials/ui/dataflow/analytics.md)."""


def add_routes(state: SandboxState, router: APIRouter) -> None:
    """Add the HTTP routes of validation and preview to ``router``."""
    routes = Routes(state, router, CONVERSION)
    routes.add("POST", "/mappingSets/validate", _validate, atomic=False)
    routes.add("POST", "/mappingSets/preview", _preview, atomic=False)


def _mapper(call: Call, body: object) -> Mapper:
    mapping_set = mapping_set_from_body(body)
    if not mapping_set.schema_id:
        raise problem(400, "outputSchema.schemaRef.id is required.")
    schema, state = output_schema(call.scope, mapping_set.schema_id), call.scope.state
    options = language_options(state)
    return Mapper(mapping_set.body, schema, now_milliseconds=state.clock.milliseconds, options=options)


def _validate(call: Call) -> Response:
    """Respond for each mapping whether its source is valid and its destination is a field of the schema."""
    answers = [
        {"status": "FAILED", "errors": [_error_view(fault)]}
        if fault
        else {"status": "SUCCESS", "errors": None}
        for fault in _mapper(call, call.body).faults
    ]
    return JSONResponse({"validationResponse": answers})


def _preview(call: Call) -> Response:
    """Map sample rows, and respond with records and column errors.

    Missing required fields are not reported [I]: Adobe finds them only at ingestion.
    """
    body = call.object()
    rows = body.get("data")
    if isinstance(rows, dict):
        rows = [rows]  # OAS:data-prep.yaml has one row in its example, and an array in its schema
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise problem(400, "data must be an array of objects.")
    if len(rows) > MOST_ROWS:
        raise problem(400, f"A preview maps at most {MOST_ROWS} rows.")
    mapper = _mapper(call, body.get("mappingSet"))
    answers = []
    for row in rows:
        mapped = mapper.map(row)
        errors = [_error_view(error) for error in mapped.errors if not error.rejects]
        answers.append({"data": mapped.data, "errors": errors or None})
    return JSONResponse(answers)


def _error_view(error: MappingError) -> JsonObject:
    """Return an error as the API's ``TransformErrorInfo``; ``columnName`` is the destination that became null [I]."""
    return {
        "destination": error.destination,
        "exception": f"{error.code}: {error.message}",
        "source": error.source,
        "columnName": error.destination,
        "sourceType": error.source_type,
    }

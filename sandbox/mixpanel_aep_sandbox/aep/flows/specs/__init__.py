"""Routes for connection specifications and flow specifications (OAS:flow-service.yaml, EP:sources/sources-sdk).

Adobe has published the ids and ``rest-storage-to-aep.json`` (EP:sources/sources-sdk/api/update-flow-specs.md), but not
the connection specifications of Mixpanel and of the data lake, which here have the form of the Sources SDK [I].
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.http import Call
from mixpanel_aep_sandbox.aep.flows.constants import DATA_LAKE_SPEC, FLOW_SPEC, MIXPANEL_SPEC
from mixpanel_aep_sandbox.aep.flows.errors import FlowServiceError, invalid
from mixpanel_aep_sandbox.aep.flows.models import Entity
from mixpanel_aep_sandbox.aep.flows.routes.http import FlowRoutes
from mixpanel_aep_sandbox.aep.flows.routes.listing import list_response
from mixpanel_aep_sandbox.core.json_types import JsonObject

_FILES = {MIXPANEL_SPEC: "mixpanel", DATA_LAKE_SPEC: "data-lake", FLOW_SPEC: "rest-storage-to-aep"}
_KINDS = {"connectionSpecs": (MIXPANEL_SPEC, DATA_LAKE_SPEC), "flowSpecs": (FLOW_SPEC,)}


def add_routes(routes: FlowRoutes) -> None:
    """Add the routes for specifications."""
    for kind, ids in _KINDS.items():
        _add_kind(routes, kind, ids)


def validate_spec(given: Entity, allowed: tuple[str, ...], name: str = "connectionSpec") -> dict[str, str]:
    """Return the id and the version of the specification that a request body names.

    Args:
        given: The fields of the body.
        allowed: The allowed ids.
        name: The name of the field with the specification.

    Raises:
        FlowServiceError: the id is not allowed, or the version is not 1.0.
    """
    spec = given.get(name)
    if not isinstance(spec, dict):
        raise invalid(f"{name} must be an object with id and version")
    if spec.get("id") not in allowed:
        raise FlowServiceError("1413-400")
    # "Omitting this value will default to the most recent version."
    version = str(spec.get("version") or "1.0")
    if version not in ("1.0", "1"):
        raise invalid(f"version of {name} must be 1.0")
    return {"id": spec["id"], "version": "1.0"}


def _add_kind(routes: FlowRoutes, kind: str, ids: tuple[str, ...]) -> None:
    def list_all(call: Call) -> Response:
        return list_response(call, kind, [_read_spec(key) for key in ids])

    def lookup(call: Call) -> Response:
        key = call.path("id")
        if key not in ids:
            raise FlowServiceError("1439-404", type=kind, id=key)
        return JSONResponse({"items": [_read_spec(key)]})

    routes.serve("GET", f"/{kind}", list_all)
    routes.serve("GET", f"/{kind}/{{id}}", lookup)


@cache
def _read_spec(key: str) -> JsonObject:
    """Return the specification with this id from its JSON file."""
    spec: JsonObject = json.loads((Path(__file__).parent / f"{_FILES[key]}.json").read_text("utf-8"))
    return spec

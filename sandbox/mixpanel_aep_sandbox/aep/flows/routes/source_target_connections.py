"""Source and target connections of dataflows (EP:sources/tutorials/api/create/analytics/mixpanel.md)."""

from __future__ import annotations

from collections.abc import Callable

from mixpanel_aep_sandbox.aep.core.scope import DATASETS, AepSandboxScope
from mixpanel_aep_sandbox.aep.flows.constants import (
    CONNECTIONS,
    DATA_LAKE_SPEC,
    FLOWS,
    MIXPANEL_SPEC,
    SOURCES,
    TARGETS,
)
from mixpanel_aep_sandbox.aep.flows.errors import FlowServiceError, invalid
from mixpanel_aep_sandbox.aep.flows.models import Entity, all_of, document_kind, find_referred, require_text
from mixpanel_aep_sandbox.aep.flows.routes.http import FlowRoutes
from mixpanel_aep_sandbox.aep.flows.routes.resource import Resource
from mixpanel_aep_sandbox.aep.flows.source.explore import source_params
from mixpanel_aep_sandbox.aep.flows.specs import spec_of
from mixpanel_aep_sandbox.core.json_types import JsonObject


def add_routes(routes: FlowRoutes) -> None:
    """Add the routes of both kinds."""
    SOURCE.add_routes(routes)
    TARGET.add_routes(routes)


def _check_source(scope: AepSandboxScope, given: Entity, draft: bool) -> Entity:
    require_text(given, "name")
    require_text(given, "description", optional=True)
    spec = spec_of(given, (MIXPANEL_SPEC,))
    if not (draft and "baseConnectionId" not in given):
        base = find_referred(scope, CONNECTIONS, given.get("baseConnectionId"))
        if base["connectionSpec"]["id"] != spec["id"]:
            raise FlowServiceError("1413-400")
    kept = {**given, "connectionSpec": spec}
    if not (draft and "data" not in given):
        if _data(given).get("format") != "json":
            raise invalid("data.format of a Mixpanel source must be json")
        kept["data"] = {"format": "json"}
    if not (draft and "params" not in given):
        kept["params"] = source_params(given.get("params"))
    return kept


def _check_target(scope: AepSandboxScope, given: Entity, draft: bool) -> Entity:
    """Check a target.

    The tutorial's text names the data lake's specification, its example Mixpanel's: both are accepted.
    """
    require_text(given, "name", optional=True)
    require_text(given, "description", optional=True)
    kept = {**given, "connectionSpec": spec_of(given, (DATA_LAKE_SPEC, MIXPANEL_SPEC))}
    if draft and "params" not in given:
        return kept
    params = given.get("params")
    key = params.get("dataSetId") if isinstance(params, dict) else None
    dataset = scope.get(DATASETS, key) if isinstance(key, str) else None
    if dataset is None:
        raise invalid(f"params.dataSetId {key} is not a dataset")
    data = _data(given)
    if data.get("format") is not None:
        require_text(data, "format")
    schema = data.get("schema")
    if schema is not None and (
        not isinstance(schema, dict) or schema.get("id") != dataset["schemaRef"]["id"]
    ):
        raise invalid("data.schema.id is not the schema of the dataset")
    return {**kept, "params": {"dataSetId": key}}


def _data(given: Entity) -> JsonObject:
    data = given.get("data")
    if not isinstance(data, dict):
        raise invalid("data must be an object with format")
    return data


def _with_base_connection(scope: AepSandboxScope, source: Entity) -> Entity:
    base = scope.get(document_kind(CONNECTIONS), source.get("baseConnectionId") or "")
    if base is None:
        return source
    inherited = {"id": base["id"], "connectionSpec": base["connectionSpec"]}
    return {**source, "inheritedAttributes": {"baseConnection": inherited}}


def _unchanged(_scope: AepSandboxScope, entity: Entity) -> Entity:
    return entity


def _require_unused_by(field: str) -> Callable[[AepSandboxScope, Entity], None]:
    def free(scope: AepSandboxScope, entity: Entity) -> None:
        if any(entity["id"] in flow.get(field, []) for flow in all_of(scope, FLOWS)):
            raise FlowServiceError("1447-400", id=entity["id"])

    return free


_FIELDS = ("name", "description", "connectionSpec", "data", "params")
SOURCE = Resource(
    SOURCES,
    (*_FIELDS, "baseConnectionId"),
    _check_source,
    shown=_with_base_connection,
    free=_require_unused_by("sourceConnectionIds"),
)
TARGET = Resource(
    TARGETS, _FIELDS, _check_target, shown=_unchanged, free=_require_unused_by("targetConnectionIds")
)

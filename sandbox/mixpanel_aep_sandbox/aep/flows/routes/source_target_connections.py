"""Routes for source and target connections of dataflows (EP:sources/tutorials/api/create/analytics/mixpanel.md)."""

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
from mixpanel_aep_sandbox.aep.flows.models import (
    Entity,
    document_kind,
    find_referenced,
    list_entities,
    require_text,
)
from mixpanel_aep_sandbox.aep.flows.routes.http import FlowRoutes
from mixpanel_aep_sandbox.aep.flows.routes.resource import Resource
from mixpanel_aep_sandbox.aep.flows.source.explore import source_params
from mixpanel_aep_sandbox.aep.flows.specs import validate_spec
from mixpanel_aep_sandbox.core.json_types import JsonObject


def add_routes(routes: FlowRoutes) -> None:
    """Add the routes for source connections and target connections."""
    SOURCE.add_routes(routes)
    TARGET.add_routes(routes)


def _validate_source(scope: AepSandboxScope, given: Entity, draft: bool) -> Entity:
    """Validate the fields of a source connection, and return the fields to store.

    Args:
        scope: The AEP sandbox.
        given: The fields of the body.
        draft: Whether it is a draft, which need not have all fields.

    Raises:
        FlowServiceError: a field is invalid.
    """
    require_text(given, "name")
    require_text(given, "description", optional=True)
    spec = validate_spec(given, (MIXPANEL_SPEC,))
    if not (draft and "baseConnectionId" not in given):
        base = find_referenced(scope, CONNECTIONS, given.get("baseConnectionId"))
        if base["connectionSpec"]["id"] != spec["id"]:
            raise FlowServiceError("1413-400")
    fields = {**given, "connectionSpec": spec}
    if not (draft and "data" not in given):
        if _data(given).get("format") != "json":
            raise invalid("data.format of a Mixpanel source must be json")
        fields["data"] = {"format": "json"}
    if not (draft and "params" not in given):
        fields["params"] = source_params(given.get("params"))
    return fields


def _validate_target(scope: AepSandboxScope, given: Entity, draft: bool) -> Entity:
    """Validate the fields of a target connection, and return the fields to store.

    The tutorial's text has the connection specification of the data lake, but its example has Mixpanel's. Both are
    accepted.

    Args:
        scope: The AEP sandbox.
        given: The fields of the body.
        draft: Whether it is a draft, which need not have ``params``.

    Raises:
        FlowServiceError: a field is invalid.
    """
    require_text(given, "name", optional=True)
    require_text(given, "description", optional=True)
    fields = {**given, "connectionSpec": validate_spec(given, (DATA_LAKE_SPEC, MIXPANEL_SPEC))}
    if draft and "params" not in given:
        return fields
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
    return {**fields, "params": {"dataSetId": key}}


def _data(given: Entity) -> JsonObject:
    data = given.get("data")
    if not isinstance(data, dict):
        raise invalid("data must be an object with format")
    return data


def _source_view(scope: AepSandboxScope, source: Entity) -> Entity:
    """Return a source connection with its base connection in ``inheritedAttributes``."""
    base = scope.get(document_kind(CONNECTIONS), source.get("baseConnectionId") or "")
    if base is None:
        return source
    inherited = {"id": base["id"], "connectionSpec": base["connectionSpec"]}
    return {**source, "inheritedAttributes": {"baseConnection": inherited}}


def _unchanged(_scope: AepSandboxScope, entity: Entity) -> Entity:
    return entity


def _require_unused_by(field: str) -> Callable[[AepSandboxScope, Entity], None]:
    """Return a check for a deletion: it raises FlowServiceError if a dataflow uses the connection.

    Args:
        field: The field of a dataflow that contains the ids of its connections of this kind.
    """

    def check_deletion(scope: AepSandboxScope, entity: Entity) -> None:
        if any(entity["id"] in flow.get(field, []) for flow in list_entities(scope, FLOWS)):
            raise FlowServiceError("1447-400", id=entity["id"])

    return check_deletion


_FIELDS = ("name", "description", "connectionSpec", "data", "params")
SOURCE = Resource(
    SOURCES,
    (*_FIELDS, "baseConnectionId"),
    _validate_source,
    public_view=_source_view,
    check_deletion=_require_unused_by("sourceConnectionIds"),
)
TARGET = Resource(
    TARGETS,
    _FIELDS,
    _validate_target,
    public_view=_unchanged,
    check_deletion=_require_unused_by("targetConnectionIds"),
)

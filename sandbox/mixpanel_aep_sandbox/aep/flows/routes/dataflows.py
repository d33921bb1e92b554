"""Routes for dataflows, which have a source, a target, a mapping and a schedule.

Source: OAS:flow-service.yaml, EP:sources/tutorials/api/update-dataflows.md.
"""

from __future__ import annotations

from starlette.responses import Response

from mixpanel_aep_sandbox.aep.core.http import Call
from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.aep.core.service_settings import AepSettings
from mixpanel_aep_sandbox.aep.flows.constants import CONNECTIONS, FLOW_SPEC, FLOWS, SOURCES, TARGETS
from mixpanel_aep_sandbox.aep.flows.errors import invalid
from mixpanel_aep_sandbox.aep.flows.mapping_sets import check_mapping
from mixpanel_aep_sandbox.aep.flows.models import (
    Entity,
    document_kind,
    find_referenced,
    require_state,
    require_text,
)
from mixpanel_aep_sandbox.aep.flows.routes.http import FlowRoutes
from mixpanel_aep_sandbox.aep.flows.routes.resource import Resource
from mixpanel_aep_sandbox.aep.flows.runs.due_runs import last_run, plan_next_run, stop_creating_runs
from mixpanel_aep_sandbox.aep.flows.runs.schedule import epoch_ms, parse_schedule
from mixpanel_aep_sandbox.aep.flows.runs.views import last_run_details, update_outcome
from mixpanel_aep_sandbox.aep.flows.runs.worker import run_due_and_wait
from mixpanel_aep_sandbox.aep.flows.specs import validate_spec

_CONNECTION_FIELDS = (("sourceConnectionIds", SOURCES), ("targetConnectionIds", TARGETS))
_LOCKED = ("flowSpec", "sourceConnectionIds", "targetConnectionIds")
"""Fields of a published dataflow that cannot be changed."""
_ONCE_LOCKED = ("scheduleParams", "transformations")
"""Fields of a one-time dataflow that cannot be changed if the setting ``flow_once_locked`` is on."""
_REQUIRED = ("transformations", "scheduleParams")


def add_routes(routes: FlowRoutes) -> None:
    """Add the routes for dataflows."""
    routes.serve("GET", f"/{FLOWS}", _list)
    routes.serve("GET", f"/{FLOWS}/{{id}}", _lookup)
    routes.serve("POST", f"/{FLOWS}/{{id}}/action", _act, json=False)
    RESOURCE.add_routes(routes)


def _validate(scope: AepSandboxScope, given: Entity, draft: bool) -> Entity:
    """Validate the fields of a dataflow, and return the fields to store.

    Args:
        scope: The AEP sandbox.
        given: The fields of the body.
        draft: Whether it is a draft, which need not have all fields.

    Raises:
        FlowServiceError: a field is invalid.
    """
    require_text(given, "name")
    require_text(given, "description", optional=True)
    fields = {**given, "flowSpec": validate_spec(given, (FLOW_SPEC,), "flowSpec")}
    if missing := [name for name in _REQUIRED if name not in given and not draft]:
        raise invalid(f"{missing[0]} is required")
    for name, kind in _CONNECTION_FIELDS:
        if not (draft and name not in given):
            _check_connection(scope, given.get(name), name, kind, draft)
    if "transformations" in given:
        _check_transformations(scope, given, draft)
    if "scheduleParams" in given:
        # Without created_ms: a start time in the past is rejected when it is set, not when another field changes.
        parse_schedule(given["scheduleParams"], AepSettings.of(scope.state))
    if "options" in given:
        _check_options(given["options"])
    return fields


def _check_connection(scope: AepSandboxScope, ids: object, name: str, kind: str, draft: bool) -> None:
    """Check a field of a dataflow that names its source or target connection.

    Args:
        scope: The AEP sandbox.
        ids: The value of the field.
        name: The name of the field.
        kind: The kind of the connection.
        draft: Whether the dataflow is a draft; only a draft may use a connection that is a draft.

    Raises:
        FlowServiceError: the value is not a list with the id of one existing connection.
    """
    if not isinstance(ids, list) or len(ids) != 1:
        raise invalid(f"{name} must be an array with the id of one of {kind}")
    connection = find_referenced(scope, kind, ids[0])
    if connection["state"] == "draft" and not draft:
        raise invalid(f"{ids[0]} of {kind} is a draft")


def _check_transformations(scope: AepSandboxScope, given: Entity, draft: bool) -> None:
    """Raise FlowServiceError if the transformations are invalid, or their mapping does not match the target dataset."""
    steps = given["transformations"]
    if not isinstance(steps, list) or not all(
        isinstance(step, dict) and isinstance(step.get("name"), str) and isinstance(step.get("params"), dict)
        for step in steps
    ):
        raise invalid("transformations must be an array of objects with name and params")
    mappings = [step["params"] for step in steps if step["name"] == "Mapping"]
    if len(mappings) != 1 and not draft:
        # "Required when bringing non-XDM-compliant data to Platform": Mixpanel's events are not XDM.
        raise invalid("transformations must have one Mapping")
    for params in mappings:
        targets = given.get("targetConnectionIds") or []
        target = find_referenced(scope, TARGETS, targets[0]) if targets else {}
        check_mapping(scope, params, target.get("params", {}).get("dataSetId"))


def _check_options(options: object) -> None:
    """Raise FlowServiceError for invalid ``options``; the name of this field of a dataflow is assumed [I]."""
    if not isinstance(options, dict) or options.keys() - {
        "errorDiagnosticsEnabled",
        "partialIngestionPercent",
    }:
        raise invalid("options may have errorDiagnosticsEnabled and partialIngestionPercent")
    if not isinstance(options.get("errorDiagnosticsEnabled", False), bool):
        raise invalid("options.errorDiagnosticsEnabled must be true or false")
    percent = options.get("partialIngestionPercent", 1)
    if isinstance(percent, bool) or not isinstance(percent, int | float) or not 0 < percent <= 100:
        raise invalid("options.partialIngestionPercent must be a number above 0, up to 100")


def _dataflow_view(scope: AepSandboxScope, flow: Entity) -> Entity:
    """Return a dataflow in the form of the API's responses, with its connections and its last run."""
    public = {name: value for name, value in flow.items() if name not in ("plan", "ends")}
    last = last_run(scope, flow["id"])
    # The guide filters by inheritedAttributes.properties.isDestinationFlow, which no sample of a dataflow has.
    inherited = {
        "properties": {"isSourceFlow": True},
        "sourceConnections": [_source_view(scope, key) for key in flow.get("sourceConnectionIds", [])],
        "targetConnections": [_spec_view(scope, TARGETS, key) for key in flow.get("targetConnectionIds", [])],
    }
    return {
        **public,
        "inheritedAttributes": inherited,
        # The update tutorial has /flows/{id}/runs; the specification has this path, which the sandbox implements.
        "runs": f"/runs?property=flowId=={flow['id']}",
        "lastRunDetails": last_run_details(update_outcome(scope, last)) if last else None,
    }


def _source_view(scope: AepSandboxScope, key: str) -> Entity:
    source = scope.get(document_kind(SOURCES), key) or {}
    return {
        **_spec_view(scope, SOURCES, key),
        "baseConnection": _spec_view(scope, CONNECTIONS, source.get("baseConnectionId") or ""),
    }


def _spec_view(scope: AepSandboxScope, kind: str, key: str) -> Entity:
    """Return the id of a connection and its connection specification."""
    entity = scope.get(document_kind(kind), key) or {}
    return {"id": key, "connectionSpec": entity.get("connectionSpec", {})}


def _prepare_change(
    scope: AepSandboxScope, before: Entity, after: Entity, operations: list[Entity]
) -> Entity:
    """Check a change of a dataflow, and return the changed dataflow with its next run planned.

    Args:
        scope: The AEP sandbox.
        before: The dataflow before the change.
        after: The dataflow after the change.
        operations: The JSON Patch operations of the change.

    Raises:
        FlowServiceError: the change is not allowed. The connections of a published dataflow, and a start time that has
            passed, cannot be changed.
    """
    after["lastOperation"] = _operation(scope, "update", operations)
    if before["state"] == "draft":
        return after
    different = {name for name in RESOURCE.fields if before.get(name) != after.get(name)}
    if locked := different.intersection(_LOCKED):
        raise invalid(f"{min(locked)} of a dataflow cannot be changed; make a new dataflow")
    settings = AepSettings.of(scope.state)
    old, new = before["scheduleParams"], after["scheduleParams"]
    is_once = str(old["frequency"]).lower() == "once"
    if settings.flow_once_locked and is_once and (locked := different.intersection(_ONCE_LOCKED)):
        raise invalid(f"{min(locked)} of a one-time dataflow cannot be changed")
    if "scheduleParams" not in different:
        return after
    start = epoch_ms(old["startTime"], "startTime")
    if epoch_ms(new["startTime"], "startTime") != start:
        if start <= scope.now:
            raise invalid("startTime cannot be changed once it has passed")
        parse_schedule(new, settings, created_ms=scope.now)
    return plan_next_run(scope, after)


def _prepare_publication(scope: AepSandboxScope, flow: Entity) -> Entity:
    """Return a dataflow that is new or no longer a draft, ready to be stored.

    Its first run is planned, and it has copies of the parameters of its connections.
    """
    parse_schedule(flow["scheduleParams"], AepSettings.of(scope.state), created_ms=scope.now)
    source = find_referenced(scope, SOURCES, flow["sourceConnectionIds"][0])
    target = find_referenced(scope, TARGETS, flow["targetConnectionIds"][0])
    # Copies, because of later changes of source and target connections "the changes will not be reflected"
    # (update-dataflows.md). Later changes of the base connection have an effect.
    ends = {"base": source["baseConnectionId"], "source": source["params"], "target": target["params"]}
    return plan_next_run(scope, {**flow, "ends": ends, "lastOperation": _operation(scope, "create", [])})


def _operation(scope: AepSandboxScope, name: str, operations: list[Entity]) -> Entity:
    """Return the ``lastOperation`` of a dataflow.

    Args:
        scope: The AEP sandbox.
        name: ``create``, ``update``, ``enable`` or ``disable``.
        operations: The JSON Patch operations of an update.
    """
    now = scope.now
    if name == "create":
        return {"started": now, "updated": 0, "operation": name}
    status = {"value": "completed", "errors": []}
    return {
        "started": now,
        "updated": now,
        "percentCompleted": 100.0,
        "status": status,
        "ops": operations,
        "operation": name,
    }


RESOURCE = Resource(
    FLOWS,
    (
        "name",
        "description",
        "flowSpec",
        "sourceConnectionIds",
        "targetConnectionIds",
        "transformations",
        "scheduleParams",
        "options",
    ),
    _validate,
    public_view=_dataflow_view,
    check_deletion=lambda scope, flow: stop_creating_runs(scope, flow["id"]),
    prepare_change=_prepare_change,
    prepare_publication=_prepare_publication,
)


def _list(call: Call) -> Response:
    run_due_and_wait(call.scope)
    return RESOURCE.list(call)


def _lookup(call: Call) -> Response:
    run_due_and_wait(call.scope)
    return RESOURCE.lookup(call)


def _act(call: Call) -> Response:
    return RESOURCE.change_state(call, {"ENABLE": _enable, "DISABLE": _disable})


def _enable(scope: AepSandboxScope, flow: Entity) -> Entity:
    """Return a disabled dataflow as enabled, with its next run planned."""
    require_state(flow, "enable", "disabled")
    return plan_next_run(
        scope, {**flow, "state": "enabled", "lastOperation": _operation(scope, "enable", [])}
    )


def _disable(scope: AepSandboxScope, flow: Entity) -> Entity:
    """Return an enabled dataflow as disabled, and delete its scheduled runs."""
    require_state(flow, "disable", "enabled")
    stop_creating_runs(scope, flow["id"])
    return {**flow, "state": "disabled", "lastOperation": _operation(scope, "disable", [])}

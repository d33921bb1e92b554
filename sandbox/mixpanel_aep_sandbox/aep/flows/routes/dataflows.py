"""Dataflows: source, target, mapping and schedule (OAS:flow-service.yaml, update-dataflows.md)."""

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
    find_referred,
    require_state,
    require_text,
)
from mixpanel_aep_sandbox.aep.flows.routes.http import FlowRoutes
from mixpanel_aep_sandbox.aep.flows.routes.resource import Resource
from mixpanel_aep_sandbox.aep.flows.runs.due_runs import last_run, plan_next_run, stop_creating_runs
from mixpanel_aep_sandbox.aep.flows.runs.schedule import epoch_ms, read_schedule
from mixpanel_aep_sandbox.aep.flows.runs.views import details, with_batch_outcome
from mixpanel_aep_sandbox.aep.flows.runs.worker import run_due
from mixpanel_aep_sandbox.aep.flows.specs import spec_of

_ENDS = (("sourceConnectionIds", SOURCES), ("targetConnectionIds", TARGETS))
_LOCKED = ("flowSpec", "sourceConnectionIds", "targetConnectionIds")
_ONCE_LOCKED = ("scheduleParams", "transformations")
_NEEDED = ("transformations", "scheduleParams")


def add_routes(routes: FlowRoutes) -> None:
    """Add the routes of dataflows."""
    routes.serve("GET", f"/{FLOWS}", _list)
    routes.serve("GET", f"/{FLOWS}/{{id}}", _lookup)
    routes.serve("POST", f"/{FLOWS}/{{id}}/action", _act, json=False)
    RESOURCE.add_routes(routes)


def _check(scope: AepSandboxScope, given: Entity, draft: bool) -> Entity:
    """Check a dataflow. A draft may be incomplete, but its existing parts must be valid."""
    require_text(given, "name")
    require_text(given, "description", optional=True)
    kept = {**given, "flowSpec": spec_of(given, (FLOW_SPEC,), "flowSpec")}
    if missing := [name for name in _NEEDED if name not in given and not draft]:
        raise invalid(f"{missing[0]} is required")
    for name, kind in _ENDS:
        if not (draft and name not in given):
            _check_ends(scope, given.get(name), name, kind, draft)
    if "transformations" in given:
        _check_transformations(scope, given, draft)
    if "scheduleParams" in given:
        # A start time in the past is refused when it is set, not when something else changes.
        read_schedule(given["scheduleParams"], AepSettings.of(scope.state))
    if "options" in given:
        _check_options(given["options"])
    return kept


def _check_ends(scope: AepSandboxScope, ids: object, name: str, kind: str, draft: bool) -> None:
    if not isinstance(ids, list) or len(ids) != 1:
        raise invalid(f"{name} must be an array with the id of one of {kind}")
    end = find_referred(scope, kind, ids[0])
    if end["state"] == "draft" and not draft:
        raise invalid(f"{ids[0]} of {kind} is a draft")


def _check_transformations(scope: AepSandboxScope, given: Entity, draft: bool) -> None:
    steps = given["transformations"]
    if not isinstance(steps, list) or not all(
        isinstance(step, dict) and isinstance(step.get("name"), str) and isinstance(step.get("params"), dict)
        for step in steps
    ):
        raise invalid("transformations must be an array of objects with name and params")
    mappings = [step["params"] for step in steps if step["name"] == "Mapping"]
    if len(mappings) != 1 and not draft:
        # "Required when bringing non-XDM-compliant data to Platform", and Mixpanel's events are not XDM.
        raise invalid("transformations must have one Mapping")
    for params in mappings:
        targets = given.get("targetConnectionIds") or []
        target = find_referred(scope, TARGETS, targets[0]) if targets else {}
        check_mapping(scope, params, target.get("params", {}).get("dataSetId"))


def _check_options(options: object) -> None:
    """Check ``optionSpec``'s options; their place in a dataflow is not documented [I]."""
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
    shown = {name: value for name, value in flow.items() if name not in ("plan", "ends")}
    last = last_run(scope, flow["id"])
    # The guide filters by inheritedAttributes.properties.isDestinationFlow, which no sample of a dataflow has.
    inherited = {
        "properties": {"isSourceFlow": True},
        "sourceConnections": [_source(scope, key) for key in flow.get("sourceConnectionIds", [])],
        "targetConnections": [_spec(scope, TARGETS, key) for key in flow.get("targetConnectionIds", [])],
    }
    return {
        **shown,
        "inheritedAttributes": inherited,
        # The update tutorial prints /flows/{id}/runs, the specification this address, which is served.
        "runs": f"/runs?property=flowId=={flow['id']}",
        "lastRunDetails": details(with_batch_outcome(scope, last)) if last else None,
    }


def _source(scope: AepSandboxScope, key: str) -> Entity:
    source = scope.get(document_kind(SOURCES), key) or {}
    return {
        **_spec(scope, SOURCES, key),
        "baseConnection": _spec(scope, CONNECTIONS, source.get("baseConnectionId") or ""),
    }


def _spec(scope: AepSandboxScope, kind: str, key: str) -> Entity:
    entity = scope.get(document_kind(kind), key) or {}
    return {"id": key, "connectionSpec": entity.get("connectionSpec", {})}


def _changed(scope: AepSandboxScope, before: Entity, after: Entity, operations: list[Entity]) -> Entity:
    """Check a change of a published dataflow: its connections, and a start time in the past, cannot change."""
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
        read_schedule(new, settings, created_ms=scope.now)
    return plan_next_run(scope, after)


def _published(scope: AepSandboxScope, flow: Entity) -> Entity:
    read_schedule(flow["scheduleParams"], AepSettings.of(scope.state), created_ms=scope.now)
    source = find_referred(scope, SOURCES, flow["sourceConnectionIds"][0])
    target = find_referred(scope, TARGETS, flow["targetConnectionIds"][0])
    # Of a later change of the two "the changes will not be reflected" (update-dataflows.md); of the account's, they are.
    ends = {"base": source["baseConnectionId"], "source": source["params"], "target": target["params"]}
    return plan_next_run(scope, {**flow, "ends": ends, "lastOperation": _operation(scope, "create", [])})


def _operation(scope: AepSandboxScope, name: str, operations: list[Entity]) -> Entity:
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
    _check,
    shown=_dataflow_view,
    free=lambda scope, flow: stop_creating_runs(scope, flow["id"]),
    changed=_changed,
    published=_published,
)


def _list(call: Call) -> Response:
    run_due(call.scope)
    return RESOURCE.list(call)


def _lookup(call: Call) -> Response:
    run_due(call.scope)
    return RESOURCE.lookup(call)


def _act(call: Call) -> Response:
    return RESOURCE.change_state(call, {"ENABLE": _enable, "DISABLE": _disable})


def _enable(scope: AepSandboxScope, flow: Entity) -> Entity:
    require_state(flow, "enable", "disabled")
    return plan_next_run(
        scope, {**flow, "state": "enabled", "lastOperation": _operation(scope, "enable", [])}
    )


def _disable(scope: AepSandboxScope, flow: Entity) -> Entity:
    require_state(flow, "disable", "enabled")
    stop_creating_runs(scope, flow["id"])
    return {**flow, "state": "disabled", "lastOperation": _operation(scope, "disable", [])}

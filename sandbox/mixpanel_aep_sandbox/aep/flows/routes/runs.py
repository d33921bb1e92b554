"""Routes that create, list, read and retry runs of dataflows.

Source: EP:sources/tutorials/api/on-demand-ingestion.md, monitor.md, OAS:flow-service.yaml.
"""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.http import Call
from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.aep.core.service_settings import AepSettings
from mixpanel_aep_sandbox.aep.flows.constants import FLOWS, RUNS
from mixpanel_aep_sandbox.aep.flows.errors import FlowServiceError, invalid
from mixpanel_aep_sandbox.aep.flows.models import (
    Entity,
    document_kind,
    find,
    id_and_etag,
    list_entities,
    save,
)
from mixpanel_aep_sandbox.aep.flows.routes.http import FlowRoutes
from mixpanel_aep_sandbox.aep.flows.routes.listing import list_response
from mixpanel_aep_sandbox.aep.flows.runs.due_runs import create_run
from mixpanel_aep_sandbox.aep.flows.runs.schedule import epoch_ms
from mixpanel_aep_sandbox.aep.flows.runs.views import flow_run_body, update_outcome
from mixpanel_aep_sandbox.aep.flows.runs.worker import run_due_and_wait
from mixpanel_aep_sandbox.core.json_types import JsonObject

_DAY_MS = 86_400_000
_PARAMS = ("startTime", "windowStartTime", "windowEndTime", "deltaColumn")


def add_routes(routes: FlowRoutes) -> None:
    """Add the routes for runs of dataflows."""
    routes.serve("GET", f"/{RUNS}", _list)
    routes.serve("POST", f"/{RUNS}", _create)
    routes.serve("GET", f"/{RUNS}/{{id}}", _lookup)
    routes.serve("POST", f"/{RUNS}/{{id}}/action", _act, json=False)


def _list(call: Call) -> Response:
    run_due_and_wait(call.scope)
    bodies = [
        _flow_run_body(call, update_outcome(call.scope, run)) for run in list_entities(call.scope, RUNS)
    ]
    # The guide filters runs by the property state, which no sample of a run has.
    return list_response(
        call, RUNS, bodies, {"state": lambda body: body["metrics"]["statusSummary"]["status"]}
    )


def _lookup(call: Call) -> Response:
    run_due_and_wait(call.scope)
    run = update_outcome(call.scope, find(call.scope, RUNS, call.path("id")))
    return JSONResponse({"items": [_flow_run_body(call, run)]})


def _flow_run_body(call: Call, run: Entity) -> JsonObject:
    return flow_run_body(run, call.url(""))


def _create(call: Call) -> Response:
    """Create an on-demand run of a one-time dataflow, and return it in the form that the settings select."""
    scope = call.scope
    if not isinstance(call.body, dict) or not call.body:
        raise FlowServiceError("1405-400")
    flow_id = call.body.get("flowId")
    if not isinstance(flow_id, str) or not flow_id:
        raise FlowServiceError("1446-400")
    given = call.body.get("params", {})
    if not isinstance(given, dict):
        raise invalid("params must be an object")
    params = {name: given[name] for name in _PARAMS if given.get(name) is not None}
    with scope.state.store.transaction():
        flow = scope.get(document_kind(FLOWS), flow_id)
        if flow is None:
            raise FlowServiceError("1430-400", id=flow_id)
        _require_enabled(flow)
        if str(flow["scheduleParams"]["frequency"]).lower() != "once":
            raise invalid("a run can be created only for a dataflow that is scheduled for one-time ingestion")
        if "deltaColumn" in params:
            flow = _with_delta_column(scope, flow, params["deltaColumn"])
        start = epoch_ms(params["startTime"], "params.startTime") if "startTime" in params else scope.now
        window = _window(scope, params)
        run = create_run(scope, flow, max(start, scope.now), window, call.client_id, params=params)
    return JSONResponse(_created_body(call, run), 201)


def _require_enabled(flow: Entity) -> None:
    if flow["state"] != "enabled":
        raise FlowServiceError("1444-400", id=flow["id"], state="enabled")


def _window(scope: AepSandboxScope, params: JsonObject) -> tuple[int, int]:
    """Return the time window of a run's data in epoch milliseconds, the end exclusive.

    By default, the window ends now and has the length of a backfill (assumed [I]).

    Args:
        scope: The AEP sandbox.
        params: The parameters of the request.

    Raises:
        FlowServiceError: the start is not before the end.
    """
    end = scope.now
    if "windowEndTime" in params:
        end = epoch_ms(params["windowEndTime"], "params.windowEndTime")
    start = end - AepSettings.of(scope.state).flow_backfill_days * _DAY_MS
    if "windowStartTime" in params:
        start = epoch_ms(params["windowStartTime"], "params.windowStartTime")
    if start >= end:
        raise invalid("params.windowStartTime must be before params.windowEndTime")
    return max(start, 0), end


def _with_delta_column(scope: AepSandboxScope, flow: Entity, column: object) -> Entity:
    """Store the column by which a run selects new data in the dataflow's ``Copy`` transformation; return the dataflow.

    The first column "will be treated as the source of truth". The column does not change which events are read, because
    Mixpanel exports days of its own time.

    Raises:
        FlowServiceError: the dataflow already has another column.
    """
    name = column.get("name") if isinstance(column, dict) else None
    if not isinstance(name, str) or not name:
        raise invalid("params.deltaColumn must have a name")
    for step in flow["transformations"]:
        if step["name"] == "Copy":
            if step["params"].get("deltaColumn", {}).get("name") != name:
                raise invalid("the deltaColumn of a dataflow cannot be changed by a run")
            return flow
    copy = {"name": "Copy", "params": {"deltaColumn": {"name": name}}}
    return save(scope, FLOWS, {**flow, "transformations": [*flow["transformations"], copy]})


def _created_body(call: Call, run: Entity) -> JsonObject:
    """Return the body of the response for a new run, in the form of the setting ``flow_run_answer``."""
    forms: dict[str, JsonObject] = {
        "items": {"items": [id_and_etag(run)]},
        "id": id_and_etag(run),
        "run": _flow_run_body(call, run),
    }
    form = AepSettings.of(call.scope.state).flow_run_answer
    return forms[form] if form in forms else {**forms["run"], **forms["items"]}


def _act(call: Call) -> Response:
    """Retry a failed or empty run (``op=re-trigger``): create a new run with the same window, and return its id.

    Source: EP:sources/tutorials/api/retry-flows.md.
    """
    scope, op = call.scope, call.query("op").lower().replace("_", "-")
    if op != "re-trigger":
        raise FlowServiceError("1434-400", operation=call.query("op"))
    run_due_and_wait(scope)
    run = update_outcome(scope, find(scope, RUNS, call.path("id")))
    is_empty = not run.get("outcome", {}).get("metrics", {}).get("outputRecordCount")
    if run["status"] != "failed" and not (run["status"] == "success" and is_empty):
        raise FlowServiceError("1422-400", action="re-trigger", state=run["status"])
    with scope.state.store.transaction():
        flow = scope.get(document_kind(FLOWS), run["flowId"])
        if flow is None:
            raise FlowServiceError("1430-400", id=run["flowId"])
        _require_enabled(flow)
        start, end = run["window"]
        retry = create_run(scope, flow, scope.now, (start, end), call.client_id, parentFlowRunId=run["id"])
    return JSONResponse(id_and_etag(retry))

"""Due times: the next time of each dataflow, and the runs that wait for theirs."""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.aep.core.service_settings import AepSettings
from mixpanel_aep_sandbox.aep.flows.constants import FLOWS, RUNS, SERVICE_CLIENT, SERVICE_USER
from mixpanel_aep_sandbox.aep.flows.models import Entity, all_of, document_kind, envelope, save
from mixpanel_aep_sandbox.aep.flows.runs.schedule import Window, kept_schedule

CLOCK = "flows/clock"
"""Documents ``{"due": milliseconds}`` under ``flow:{id}`` and ``run:{id}``, for all pending times."""
_LAST = "flows/last-run"


def plan_next_run(scope: AepSandboxScope, flow: Entity) -> Entity:
    """Store the time of a dataflow's next run, also after a change of the schedule, and return the dataflow. The caller holds a transaction."""
    schedule = kept_schedule(flow["scheduleParams"])
    covered = flow.get("plan", {}).get("covered")
    coming = schedule.first(scope.now) if covered is None else schedule.after(scope.now)
    _set_due_time(scope, f"flow:{flow['id']}", coming)
    return {**flow, "plan": {"next": coming, "covered": covered}}


def stop_creating_runs(scope: AepSandboxScope, flow_id: str) -> None:
    """Stop creating runs of a dataflow; a run that has begun continues."""
    scope.delete(CLOCK, f"flow:{flow_id}")
    for run in all_of(scope, RUNS):
        if run["flowId"] == flow_id and run["status"] == "scheduled":
            scope.delete(CLOCK, f"run:{run['id']}")
            scope.delete(document_kind(RUNS), run["id"])


def make_due_runs(scope: AepSandboxScope, flow_id: str) -> None:
    """Create the due runs. The caller holds a transaction."""
    flow = scope.get(document_kind(FLOWS), flow_id)
    if flow is None or flow["state"] != "enabled" or flow["plan"]["next"] is None:
        scope.delete(CLOCK, f"flow:{flow_id}")
        return
    settings = AepSettings.of(scope.state)
    schedule = kept_schedule(flow["scheduleParams"])
    covered = flow["plan"]["covered"]
    for at in schedule.due(flow["plan"]["next"], scope.now, settings.flow_missed_runs):
        window = schedule.window(covered, at, settings.flow_backfill_days)
        covered = at
        new_run(scope, flow, at, window)
    coming = schedule.after(scope.now)
    _set_due_time(scope, f"flow:{flow_id}", coming)
    # Not by save: a created run is not a new version of the dataflow.
    scope.put(document_kind(FLOWS), flow_id, {**flow, "plan": {"next": coming, "covered": covered}})


def new_run(
    scope: AepSandboxScope,
    flow: Entity,
    due_ms: int,
    window: Window,
    client: str | None = None,
    **more: object,
) -> Entity:
    """Create a run that waits for its time; ``client`` None: a scheduled run."""
    of = envelope(scope, client) if client else envelope(scope, SERVICE_CLIENT, SERVICE_USER)
    is_once = str(flow["scheduleParams"]["frequency"]).lower() == "once"
    run = {
        **of,
        "createdAt": of["createdAt"] if client else due_ms,
        "flowId": flow["id"],
        "flowSpec": flow["flowSpec"],
        "source": flow["sourceConnectionIds"][0],
        "target": flow["targetConnectionIds"][0],
        "type": "one-time" if is_once else "incremental",
        "due": due_ms,
        "window": list(window),
        "status": "scheduled",
        **more,
    }
    scope.put(_LAST, flow["id"], {"run": run["id"]})
    _set_due_time(scope, f"run:{run['id']}", due_ms)
    return save(scope, RUNS, run)


def last_run(scope: AepSandboxScope, flow_id: str) -> Entity | None:
    """Return the last run of a dataflow, or None."""
    last = scope.get(_LAST, flow_id)
    return scope.get(document_kind(RUNS), last["run"]) if last else None


def due_flows(scope: AepSandboxScope) -> list[str]:
    """Return the dataflows that are due."""
    return _due_ids(scope, "flow:")


def due_runs(scope: AepSandboxScope) -> list[Entity]:
    """Return the due runs that were not executed yet, the oldest first."""
    found = [run for key in _due_ids(scope, "run:") if (run := scope.get(document_kind(RUNS), key))]
    return sorted(found, key=lambda run: run["due"])


def clear_due_time(scope: AepSandboxScope, run_id: str) -> None:
    """Remove the due time of a run, so that the run is not started again."""
    scope.delete(CLOCK, f"run:{run_id}")


def _due_ids(scope: AepSandboxScope, prefix: str) -> list[str]:
    now = scope.now
    return [
        key.removeprefix(prefix)
        for key, waiting in scope.items(CLOCK)
        if key.startswith(prefix) and waiting["due"] <= now
    ]


def _set_due_time(scope: AepSandboxScope, key: str, due_ms: int | None) -> None:
    if due_ms is None:
        scope.delete(CLOCK, key)
    else:
        scope.put(CLOCK, key, {"due": due_ms})

"""Due times of dataflows and runs: when a dataflow gets its next run, and when a run is executed."""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.aep.core.service_settings import AepSettings
from mixpanel_aep_sandbox.aep.flows.constants import FLOWS, RUNS, SERVICE_CLIENT, SERVICE_USER
from mixpanel_aep_sandbox.aep.flows.models import Entity, common_fields, document_kind, list_entities, save
from mixpanel_aep_sandbox.aep.flows.runs.schedule import Window, stored_schedule

CLOCK = "flows/clock"
"""Kind of the documents ``{"due": epoch milliseconds}``, whose keys are ``flow:{id}`` and ``run:{id}``."""
_LAST = "flows/last-run"


def plan_next_run(scope: AepSandboxScope, flow: Entity) -> Entity:
    """Store the time of a dataflow's next run, and return the dataflow with this time, which the caller must save.

    Call this function in a transaction, for a new dataflow and after a change of its schedule.
    """
    schedule = stored_schedule(flow["scheduleParams"])
    covered = flow.get("plan", {}).get("covered")
    next_ms = schedule.first(scope.now) if covered is None else schedule.after(scope.now)
    _set_due_time(scope, f"flow:{flow['id']}", next_ms)
    return {**flow, "plan": {"next": next_ms, "covered": covered}}


def stop_creating_runs(scope: AepSandboxScope, flow_id: str) -> None:
    """Delete the due time of a dataflow and its scheduled runs; a run that has started continues."""
    scope.delete(CLOCK, f"flow:{flow_id}")
    for run in list_entities(scope, RUNS):
        if run["flowId"] == flow_id and run["status"] == "scheduled":
            scope.delete(CLOCK, f"run:{run['id']}")
            scope.delete(document_kind(RUNS), run["id"])


def create_due_runs(scope: AepSandboxScope, flow_id: str) -> None:
    """Create all runs of a dataflow that are due, and plan its next run. Call this function in a transaction."""
    flow = scope.get(document_kind(FLOWS), flow_id)
    if flow is None or flow["state"] != "enabled" or flow["plan"]["next"] is None:
        scope.delete(CLOCK, f"flow:{flow_id}")
        return
    settings = AepSettings.of(scope.state)
    schedule = stored_schedule(flow["scheduleParams"])
    covered = flow["plan"]["covered"]
    for at in schedule.due(flow["plan"]["next"], scope.now, settings.flow_missed_runs):
        window = schedule.window(covered, at, settings.flow_backfill_days)
        covered = at
        create_run(scope, flow, at, window)
    next_ms = schedule.after(scope.now)
    _set_due_time(scope, f"flow:{flow_id}", next_ms)
    # Stored without save(), because a new run does not change the version (etag) of the dataflow.
    scope.put(document_kind(FLOWS), flow_id, {**flow, "plan": {"next": next_ms, "covered": covered}})


def create_run(
    scope: AepSandboxScope,
    flow: Entity,
    due_ms: int,
    window: Window,
    client: str | None = None,
    **more: object,
) -> Entity:
    """Store a new run of a dataflow, and return it. All times are in epoch milliseconds.

    Args:
        scope: The AEP sandbox.
        flow: The dataflow.
        due_ms: When to execute the run.
        window: The start and the end of the data that the run reads; the end is exclusive.
        client: The id of the client that requested the run; None for a scheduled run.
        more: Additional fields of the run.
    """
    common = common_fields(scope, client) if client else common_fields(scope, SERVICE_CLIENT, SERVICE_USER)
    is_once = str(flow["scheduleParams"]["frequency"]).lower() == "once"
    run = {
        **common,
        "createdAt": common["createdAt"] if client else due_ms,
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
    """Return the run of a dataflow that was created last, or None if the dataflow has no run."""
    last = scope.get(_LAST, flow_id)
    return scope.get(document_kind(RUNS), last["run"]) if last else None


def due_flows(scope: AepSandboxScope) -> list[str]:
    """Return the ids of the dataflows whose next run is due."""
    return _due_ids(scope, "flow:")


def due_runs(scope: AepSandboxScope) -> list[Entity]:
    """Return the due runs that were not executed yet, in the order of their due times."""
    found = [run for key in _due_ids(scope, "run:") if (run := scope.get(document_kind(RUNS), key))]
    return sorted(found, key=lambda run: run["due"])


def clear_due_time(scope: AepSandboxScope, run_id: str) -> None:
    """Delete the due time of a run, so that the run is not executed again."""
    scope.delete(CLOCK, f"run:{run_id}")


def _due_ids(scope: AepSandboxScope, prefix: str) -> list[str]:
    now = scope.now
    return [
        key.removeprefix(prefix)
        for key, waiting in scope.items(CLOCK)
        if key.startswith(prefix) and waiting["due"] <= now
    ]


def _set_due_time(scope: AepSandboxScope, key: str, due_ms: int | None) -> None:
    """Store the due time for a key of ``CLOCK``, or delete it if ``due_ms`` is None."""
    if due_ms is None:
        scope.delete(CLOCK, key)
    else:
        scope.put(CLOCK, key, {"due": due_ms})

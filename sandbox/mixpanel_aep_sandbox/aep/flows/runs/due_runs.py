"""What is due when: the next time of each dataflow, and the runs that wait for theirs."""

from __future__ import annotations

from typing import Any

from mixpanel_aep_sandbox.aep.core.scope import Place
from mixpanel_aep_sandbox.aep.core.service_settings import AepSettings
from mixpanel_aep_sandbox.aep.flows.constants import FLOWS, RUNS, SERVICE_CLIENT, SERVICE_USER
from mixpanel_aep_sandbox.aep.flows.models import Entity, all_of, envelope, kept_as, save
from mixpanel_aep_sandbox.aep.flows.runs.schedule import Window, kept_schedule

CLOCK = "flows/clock"
"""Documents ``{"due": milliseconds}`` under ``flow:{id}`` and ``run:{id}``: all that time has to do something with."""
_LAST = "flows/last-run"


def plan(place: Place, flow: Entity) -> Entity:
    """The dataflow with its next time, also when its schedule has changed. In a transaction with its keeping."""
    schedule = kept_schedule(flow["scheduleParams"])
    covered = flow.get("plan", {}).get("covered")
    coming = schedule.first(place.now) if covered is None else schedule.after(place.now)
    _set(place, f"flow:{flow['id']}", coming)
    return {**flow, "plan": {"next": coming, "covered": covered}}


def forget(place: Place, flow_id: str) -> None:
    """No more runs of a dataflow; one that has begun goes on."""
    place.delete(CLOCK, f"flow:{flow_id}")
    for run in all_of(place, RUNS):
        if run["flowId"] == flow_id and run["status"] == "scheduled":
            place.delete(CLOCK, f"run:{run['id']}")
            place.delete(kept_as(RUNS), run["id"])


def make_due_runs(place: Place, flow_id: str) -> None:
    """Makes the runs whose time has come. In a transaction."""
    flow = place.get(kept_as(FLOWS), flow_id)
    if flow is None or flow["state"] != "enabled" or flow["plan"]["next"] is None:
        place.delete(CLOCK, f"flow:{flow_id}")
        return
    settings = AepSettings.of(place.world)
    schedule = kept_schedule(flow["scheduleParams"])
    covered = flow["plan"]["covered"]
    for at in schedule.due(flow["plan"]["next"], place.now, settings.flow_missed_runs):
        window = schedule.window(covered, at, settings.flow_backfill_days)
        covered = at
        new_run(place, flow, at, window)
    coming = schedule.after(place.now)
    _set(place, f"flow:{flow_id}", coming)
    # Not by save: that a run was made is no new version of the dataflow.
    place.put(kept_as(FLOWS), flow_id, {**flow, "plan": {"next": coming, "covered": covered}})


def new_run(
    place: Place, flow: Entity, due_ms: int, window: Window, client: str | None = None, **more: Any
) -> Entity:
    """A run that waits for its time; ``client`` None: the schedule asks for it."""
    of = envelope(place, client) if client else envelope(place, SERVICE_CLIENT, SERVICE_USER)
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
    place.put(_LAST, flow["id"], {"run": run["id"]})
    _set(place, f"run:{run['id']}", due_ms)
    return save(place, RUNS, run)


def last_run(place: Place, flow_id: str) -> Entity | None:
    last = place.get(_LAST, flow_id)
    return place.get(kept_as(RUNS), last["run"]) if last else None


def due_flows(place: Place) -> list[str]:
    """The dataflows whose next time has come."""
    return _due(place, "flow:")


def due_runs(place: Place) -> list[Entity]:
    """The runs that nobody has carried out yet and whose time has come, the one that waits longest first."""
    found = [run for key in _due(place, "run:") if (run := place.get(kept_as(RUNS), key))]
    return sorted(found, key=lambda run: run["due"])


def is_done(place: Place, run_id: str) -> None:
    """Time has nothing more to do with a run."""
    place.delete(CLOCK, f"run:{run_id}")


def _due(place: Place, prefix: str) -> list[str]:
    now = place.now
    return [
        key.removeprefix(prefix)
        for key, waiting in place.items(CLOCK)
        if key.startswith(prefix) and waiting["due"] <= now
    ]


def _set(place: Place, key: str, due_ms: int | None) -> None:
    if due_ms is None:
        place.delete(CLOCK, key)
    else:
        place.put(CLOCK, key, {"due": due_ms})

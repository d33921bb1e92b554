"""The demo's late events: they reach Mixpanel after their day was loaded, and the reconcile DAG loads them."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import date

import requests

from include.config.model import Pipeline
from include.json_types import JsonObject
from scripts.demo.airflow_api import AirflowApi

PIPELINE, DAY, EVENTS = "shop", date(2026, 7, 1), 12
"""The pipeline, one of the days that its reconcile DAG exports again, and the number of late events."""
_PREFIX = "late-"
_INVALID = f"{_PREFIX}invalid"
"""The ``$insert_id`` of one more event, whose time is a text: it goes to quarantine."""
_SCHEDULED_SECONDS = 15.0


@dataclass(frozen=True)
class LateEvents:
    """``arrived`` and ``loaded`` events of this demo; ``dag_id`` of the reconcile DAG."""

    arrived: int
    loaded: int
    dag_id: str

    def __str__(self) -> str:
        text = f"late events: {self.arrived} arrived, {self.loaded} loaded by {self.dag_id}"
        return text if self.arrived else f"{text}; those of an earlier demo are already active"


def add_late_events(sandbox_url: str, project_id: int) -> int:
    """Add late events of ``DAY`` to the sandbox's project, once; return how many are new.

    They repeat events of that day with other ``$insert_id``s, like a phone that was offline when the events occurred.
    With them comes one event that cannot be loaded, so that the demo has a quarantined event to show.
    """
    url = f"{sandbox_url}/_sandbox/mixpanel/projects/{project_id}/events"
    days = {"from_date": str(DAY), "to_date": str(DAY)}
    response = requests.get(url, params=days, timeout=60)
    response.raise_for_status()
    events = [json.loads(line) for line in response.content.split(b"\n") if line]
    present = {str(event["properties"].get("$insert_id", "")) for event in events}
    names = [f"{_PREFIX}{number:02}" for number in range(1, EVENTS + 1)]
    models = [event for event in events if not _insert_id(event).startswith(_PREFIX)]
    late = [
        _late(models[n * len(models) // EVENTS], name) for n, name in enumerate(names) if name not in present
    ]
    added = late + ([] if _INVALID in present else [_invalid(models[0])])
    if added:
        requests.post(url, json={"events": added}, timeout=60).raise_for_status()
    return len(late)


def _insert_id(event: JsonObject) -> str:
    return str(event["properties"].get("$insert_id", ""))


def _late(model: JsonObject, name: str) -> JsonObject:
    """Return an event like ``model``; Mixpanel stamps its arrival, which is now."""
    stamps = ("mp_processing_time_ms", "$mp_api_timestamp_ms", "$import", "$insert_id")
    kept = {key: value for key, value in model["properties"].items() if key not in stamps}
    now_ms = int(time.time() * 1000)
    return {
        "event": model["event"],
        "properties": kept | {"$insert_id": name},
        "processed_at": now_ms,
    }


def _invalid(model: JsonObject) -> JsonObject:
    """Return an event like ``model`` whose client sent a text as its time; Mixpanel has it at the time of ``model``."""
    properties = {**model["properties"], "time": "just now", "$insert_id": _INVALID}
    return {
        "line": json.dumps({"event": model["event"], "properties": properties}),
        "at": model["properties"]["time"],
        "processed_at": int(time.time() * 1000),
    }


def start_reconcile(api: AirflowApi, pipeline: Pipeline) -> set[tuple[str, str]]:
    """Start the reconcile DAG of a pipeline; return the runs to wait for.

    After the first unpause the scheduler itself creates a run of the last hour; otherwise a run is triggered.
    """
    dag_id = pipeline.reconcile_dag_id
    if not api.runs(dag_id):
        api.unpause(dag_id)
        deadline = time.monotonic() + _SCHEDULED_SECONDS
        while not api.runs(dag_id) and time.monotonic() < deadline:
            time.sleep(0.3)
    else:
        api.trigger(dag_id)
    if not api.runs(dag_id):
        api.trigger(dag_id)
    return {
        (dag_id, run["dag_run_id"]) for run in api.runs(dag_id) if run["state"] not in ("success", "failed")
    }


def loaded_late(api: AirflowApi, runs: set[tuple[str, str]]) -> int:
    """Return how many late rows the mapped tasks of reconcile runs loaded."""
    return sum(
        int(api.xcom(dag_id, run_id, "day", task["map_index"])["counts"]["late"])
        for dag_id, run_id in runs
        for task in api.tasks(dag_id, run_id)
        if task["task_id"] == "day" and task["state"] == "success"
    )

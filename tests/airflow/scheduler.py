"""A whole Airflow for tests: scheduler, DAG processor, triggerer and API server, with pipelines of the tests' own."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
import yaml

from mixpanel_aep_sandbox.client import AepSandbox
from scripts.demo.airflow_api import AirflowApi
from scripts.demo.evidence import Sandbox
from scripts.demo.services import Services
from scripts.demo.settings import PORTS, DemoSettings
from tests.support.pipeline_runner import PIPELINES, quick_sandbox

SETUP = "mixpanel_aep_setup"
ENDED = ("success", "failed")
_DEADLINE_SECONDS = 300.0
_ACCOUNT = {"username": "tests.mp-service-account", "secret": "tests-not-real"}


def free_ports() -> dict[str, int]:
    """Return a free port for each of the demo's ports, all different."""
    with ExitStack() as stack:
        sockets = {name: stack.enter_context(socket.socket()) for name in PORTS}
        for each in sockets.values():
            each.bind(("127.0.0.1", 0))
        return {name: each.getsockname()[1] for name, each in sockets.items()}


@dataclass(frozen=True)
class TestSettings(DemoSettings):
    """The demo's Airflow with other connections and pipelines."""

    __test__ = False
    environment: dict[str, str] = field(default_factory=dict)

    def airflow_environment(self) -> dict[str, str]:
        return super().airflow_environment() | self.environment


@dataclass(frozen=True)
class Project:
    """A pipeline of a running Airflow with its own Mixpanel project and AEP dataset."""

    name: str
    project_id: int
    api: AirflowApi
    sandbox_url: str
    dataset: str
    days: tuple[date, ...]

    @property
    def dag_id(self) -> str:
        return f"mixpanel_to_aep_{self.name}"

    @property
    def reconcile_id(self) -> str:
        return f"mixpanel_aep_reconcile_{self.name}"

    def post(self, path: str, body: Any) -> None:
        answer = requests.post(f"{self.sandbox_url}/_sandbox{path}", json=body, timeout=30)
        assert answer.ok, answer.text

    def add(self, day: date, *keys: str, **properties: Any) -> None:
        """Add events at noon of a day, identified by ``$insert_id``, which Mixpanel processes now."""
        noon = int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp())
        base = {"time": noon, "distinct_id": "u-1", "$user_id": "u-1"}
        events = [{"event": "Bought", "properties": base | {"$insert_id": key} | properties} for key in keys]
        self.post(f"/mixpanel/projects/{self.project_id}/events", {"events": events})

    def delete(self, *keys: str) -> None:
        """Delete events in Mixpanel."""
        self.post(f"/mixpanel/projects/{self.project_id}/deletions", {"insert_ids": list(keys)})

    def active(self) -> list[str]:
        """Return the ids of the rows in AEP, one entry for each row."""
        return sorted(identity for identity, _ in Sandbox(self.sandbox_url).active(self.dataset))

    def exports(self) -> int:
        """Return how many exports of this project Mixpanel was asked for."""
        found = requests.get(f"{self.sandbox_url}/_sandbox/transcript", timeout=60).json()["entries"]
        return sum(
            (entry["method"], entry["path"]) == ("GET", "/api/2.0/export")
            and str(self.project_id) in json.dumps(entry.get("query"))
            for entry in found
        )

    def batches(self) -> int:
        """Return how many batches were created for the pipeline's dataset, which must exist."""
        return len(AepSandbox(self.sandbox_url).batches(self.dataset))

    def backfill(self) -> list[str]:
        """Backfill all days of the pipeline as a person does, and return the states of the runs."""
        self.api.backfill(self.dag_id, self.days[0], self.days[-1])
        wait_for(lambda: len(self.api.runs(self.dag_id)) == len(self.days))
        return [self.finish(self.dag_id, run["dag_run_id"]) for run in self.api.runs(self.dag_id)]

    def scheduled_reconcile(self) -> str:
        """Unpause the reconcile DAG; the scheduler then makes a run of its last hour. Returns that run's id."""
        self.api.unpause(self.reconcile_id)
        return str(wait_for(lambda: self.api.runs(self.reconcile_id))[0]["dag_run_id"])

    def trigger(self, dag_id: str, **fields: Any) -> str:
        body = {"logical_date": None, **fields}
        return str(self.api.call("POST", f"/dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def clear(
        self, dag_id: str, run_id: str, *tasks: str | tuple[str, int], downstream: bool = False
    ) -> None:
        """Clear a task as a person does in the UI."""
        body = {"dry_run": False, "dag_run_id": run_id, "task_ids": tasks, "only_failed": False,
                "include_downstream": downstream}  # fmt: skip
        self.api.call("POST", f"/dags/{dag_id}/clearTaskInstances", json=body)

    def finish(self, dag_id: str, run_id: str) -> str:
        """Wait for the end of a run and return its state."""
        wait_for(lambda: self.api.run_state(dag_id, run_id) in ENDED)
        return self.api.run_state(dag_id, run_id)

    def tasks(self, run_id: str, dag_id: str | None = None) -> dict[str, dict[str, Any]]:
        """Return the task instances of a run by task id; a mapped one by its label."""
        found = self.api.tasks(dag_id or self.reconcile_id, run_id)
        return {task["rendered_map_index"] or task["task_id"]: task for task in found}

    def result(self, run_id: str, day: date) -> dict[str, Any]:
        """Return the result of a day's mapped task."""
        index = self.tasks(run_id)[str(day)]["map_index"]
        path = f"/dags/{self.reconcile_id}/dagRuns/{run_id}/taskInstances/day/xcomEntries/return_value"
        value = self.api.call("GET", path, params={"map_index": index})["value"]
        return dict(json.loads(value) if isinstance(value, str) else value)


def wait_for(what: Callable[[], Any], seconds: float = _DEADLINE_SECONDS) -> Any:
    """Return the first true result of ``what``."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.3)
    return found


@contextmanager
def running_airflow(folder: Path, pipelines: dict[str, dict[str, Any]]) -> Iterator[dict[str, Project]]:
    """Return pipelines by name with additional settings, set up in AEP, with unpaused daily DAGs.

    Their days are in the past, so that the scheduler creates no run of a daily DAG.
    """
    last = datetime.now(UTC).date() - timedelta(days=2)
    days = (last - timedelta(days=1), last)
    with quick_sandbox(folder / "sandbox") as sandbox, ExitStack() as stack:
        projects = dict(zip(pipelines, range(7_000_001, 7_100_000), strict=False))
        environment = _environment(sandbox.url, folder, projects)
        for name, number in projects.items():
            body = {"id": number, "limits": {"enabled": False}, "accounts": [_ACCOUNT]}
            requests.post(
                f"{sandbox.url}/_sandbox/mixpanel/projects", json=body, timeout=30
            ).raise_for_status()
            _write(folder / "pipelines", name, days, pipelines[name])
        # Only the processes of this Airflow see these files.
        services = Services(TestSettings("file", free_ports(), folder, environment=environment))
        stack.callback(services.stop, patience_seconds=1.0)
        services.start_airflow()
        api = AirflowApi(services.settings.airflow_url, services.settings.password)
        found = {
            name: Project(name, number, api, sandbox.url, f"Tests {name}", days)
            for name, number in projects.items()
        }
        api.await_dags(
            {SETUP, *(p.dag_id for p in found.values()), *(p.reconcile_id for p in found.values())}
        )
        api.unpause(SETUP)
        some = next(iter(found.values()))
        assert some.finish(SETUP, api.trigger(SETUP)) == "success"
        for project in found.values():
            api.unpause(project.dag_id)
        yield found


def _environment(url: str, folder: Path, projects: dict[str, int]) -> dict[str, str]:
    from tests.airflow.connections import connection_variables

    scenario = connection_variables(url)
    mixpanel = json.loads(scenario["AIRFLOW_CONN_MIXPANEL_SHOP"])
    mixpanel |= {"login": _ACCOUNT["username"], "password": _ACCOUNT["secret"]}
    return {
        "AIRFLOW_CONN_AEP_DEFAULT": scenario["AIRFLOW_CONN_AEP_DEFAULT"],
        "AIRFLOW_VAR_MIXPANEL_AEP_LAKE": f"file://{folder}/lake",
        "MIXPANEL_AEP_PIPELINES": str(folder / "pipelines"),
        "MIXPANEL_AEP_SANDBOXES": url,
        **{
            f"AIRFLOW_CONN_TESTS_{name.upper()}": json.dumps(
                mixpanel | {"extra": {"project_id": number, "region": "us", "sandbox": True}}
            )
            for name, number in projects.items()
        },
    }


def _write(folder: Path, name: str, days: tuple[date, ...], more: dict[str, Any]) -> None:
    folder.mkdir(exist_ok=True)
    data = PIPELINES["hostile"].model_dump(mode="json", by_alias=True, exclude={"name"}, exclude_none=True)
    data["mixpanel"]["conn_id"] = f"tests_{name}"
    data["aep"]["dataset"] = f"Tests {name}"
    data |= {
        "start_date": str(days[0]),
        "end_date": str(days[-1]),
        "late_days": len(days),
        "settle_hours": 0,
    } | more
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(data))

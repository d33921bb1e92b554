"""A client of Airflow's REST API for the demo."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import date

import requests

from include.json_types import JsonObject
from scripts.demo.settings import USER, DemoError

_SECONDS = 120
"""Much longer than two requests of Airflow can block each other in SQLite (``timeout`` in its address)."""


_TRIES = 6


class AirflowApi:
    """A client of the demo's Airflow. ``password``: the password of its user; None for an Airflow without a login."""

    def __init__(self, url: str, password: str | None = None) -> None:
        self._url = f"{url}/api/v2"
        self._session = requests.Session()
        self._session.trust_env = False  # .netrc would replace the token
        if password is not None:
            self._log_in(f"{url}/auth/token", password)

    def _log_in(self, url: str, password: str) -> None:
        response = self._session.post(url, json={"username": USER, "password": password}, timeout=_SECONDS)
        if not response.ok:
            raise DemoError(f"Airflow rejected the login of user {USER} (HTTP {response.status_code}).")
        self._session.headers["Authorization"] = f"Bearer {response.json()['access_token']}"

    def call(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, object] | None = None,
        params: Mapping[str, str | int] | None = None,
    ) -> JsonObject:
        """Send a request, and return the JSON object of the response; empty for an empty response.

        While another process holds the lock of Airflow's SQLite database, the request is repeated.

        Raises:
            DemoError: Airflow rejected the request or did not respond.
        """
        for attempt in range(1, _TRIES + 1):
            try:
                response = self._session.request(
                    method, f"{self._url}{path}", timeout=_SECONDS, json=json, params=params
                )
            except requests.RequestException as error:
                raise DemoError(
                    f"Airflow did not respond to {method} {path}: {type(error).__name__}."
                ) from None
            if attempt == _TRIES or not _is_locked(response):
                break
            time.sleep(attempt / 2)
        if not response.ok:
            raise DemoError(
                f"Airflow responded with HTTP {response.status_code} to {method} {path}: {response.text[:300]}"
            )
        return dict(response.json()) if response.content else {}

    def await_dags(self, dag_ids: set[str], seconds: float = 90) -> None:
        """Wait until all DAGs are parsed; raises DemoError with the import errors when they are not in time."""
        deadline = time.monotonic() + seconds
        while True:
            known = {dag["dag_id"] for dag in self.call("GET", "/dags", params={"limit": 200})["dags"]}
            if dag_ids <= known:
                return
            if time.monotonic() > deadline:
                errors = [
                    e["stack_trace"].strip().splitlines()[-1]
                    for e in self.call("GET", "/importErrors")["import_errors"]
                ]
                raise DemoError(
                    f"Airflow did not find {', '.join(sorted(dag_ids - known))}: {'; '.join(errors)}"
                )
            time.sleep(0.5)

    def unpause(self, dag_id: str) -> None:
        """Unpause a DAG."""
        self.call("PATCH", f"/dags/{dag_id}", json={"is_paused": False})

    def trigger(self, dag_id: str) -> str:
        """Start a run without a partition, and return its id."""
        return str(self.call("POST", f"/dags/{dag_id}/dagRuns", json={"logical_date": None})["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a run."""
        return str(self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def runs(self, dag_id: str) -> list[JsonObject]:
        """Return all runs of a DAG, newest first."""
        params: dict[str, str | int] = {"limit": 100, "order_by": "-id"}
        return list(self.call("GET", f"/dags/{dag_id}/dagRuns", params=params)["dag_runs"])

    def tasks(self, dag_id: str, run_id: str) -> list[JsonObject]:
        """Return the run's task instances."""
        return list(self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"])

    def xcom(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> JsonObject:
        """Return a task's return value, which is an object for the tasks of this project."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        value = self.call("GET", path, params={"map_index": map_index})["value"]
        summary: JsonObject = json.loads(value) if isinstance(value, str) else value
        return summary

    def log_tail(self, dag_id: str, run_id: str, task_id: str, attempt: int) -> str:
        """Return the first error line of a task's log."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{attempt}"
        lines = self.call("GET", path, params={"full_content": "true"}).get("content", [])
        errors = [line for line in lines if isinstance(line, dict) and line.get("level") == "error"]
        return str(errors[0].get("event", ""))[:400] if errors else ""

    def missing_partitions(self, dag_id: str, first: date, last: date) -> int:
        """Return the number of partitions of the range without a successful run."""
        return int(
            self.call("POST", "/backfills/dry_run", json=_backfill(dag_id, first, last))["total_entries"]
        )

    def open_backfills(self, dag_id: str) -> list[int]:
        """Return the ids of the backfills that Airflow has not completed: it allows one at a time per DAG."""
        found = self.call("GET", "/backfills", params={"dag_id": dag_id})["backfills"]
        return [int(each["id"]) for each in found if each["completed_at"] is None]

    def cancel_backfills(self, dag_id: str) -> None:
        """Cancel backfills of an interrupted demo; Airflow may complete one of them first."""
        for backfill in self.open_backfills(dag_id):
            try:
                self.call("PUT", f"/backfills/{backfill}/cancel")
            except DemoError:
                if backfill in self.open_backfills(dag_id):
                    raise

    def backfill(self, dag_id: str, first: date, last: date) -> None:
        """Start a backfill of the partitions; both days included."""
        self.call("POST", "/backfills", json={**_backfill(dag_id, first, last), "max_active_runs": 3})


def _is_locked(response: requests.Response) -> bool:
    """Return whether Airflow rolled the request back: SQLite refuses a write that conflicts with another process's write."""
    return response.status_code == 500 and "Database error" in response.text


def _backfill(dag_id: str, first: date, last: date) -> dict[str, object]:
    return {
        "dag_id": dag_id,
        "from_date": f"{first}T00:00:00Z",
        "to_date": f"{last}T00:00:00Z",
        "run_backwards": False,
        "dag_run_conf": {},
        "reprocess_behavior": "failed",
    }

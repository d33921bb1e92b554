"""Airflow's own REST API, as far as the demo uses it."""

from __future__ import annotations

import json
import time
from datetime import date
from typing import Any

import requests

from scripts.demo.settings import USER, DemoError

_SECONDS = 120
"""Far longer than two requests of Airflow's can block each other in SQLite (``timeout`` of its address)."""


_TRIES = 6


class AirflowApi:
    """The demo's Airflow. ``password``: that of its user; without one, an Airflow without a login is expected."""

    def __init__(self, url: str, password: str | None = None) -> None:
        self._url = f"{url}/api/v2"
        self._session = requests.Session()
        self._session.trust_env = False  # .netrc would replace the token
        if password is not None:
            self._log_in(f"{url}/auth/token", password)

    def _log_in(self, url: str, password: str) -> None:
        answer = self._session.post(url, json={"username": USER, "password": password}, timeout=_SECONDS)
        if not answer.ok:
            raise DemoError(f"Airflow answered {answer.status_code} to the login of user {USER}.")
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def call(self, method: str, path: str, **options: Any) -> Any:
        """The JSON answer.

        Where another process holds the lock of Airflow's SQLite database, the request is repeated.

        Raises:
            DemoError: Airflow refused the request.
        """
        for attempt in range(1, _TRIES + 1):
            try:
                answer = self._session.request(method, f"{self._url}{path}", timeout=_SECONDS, **options)
            except requests.RequestException as error:
                raise DemoError(f"Airflow did not answer {method} {path}: {type(error).__name__}.") from None
            if attempt == _TRIES or not _is_locked(answer):
                break
            time.sleep(attempt / 2)
        if not answer.ok:
            raise DemoError(f"Airflow answered {answer.status_code} to {method} {path}: {answer.text[:300]}")
        return answer.json() if answer.content else {}

    def await_dags(self, dag_ids: set[str], seconds: float = 90) -> None:
        """Returns when all DAGs are parsed; DemoError with the import errors when they are not."""
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
                    f"Airflow does not know {', '.join(sorted(dag_ids - known))}: {'; '.join(errors)}"
                )
            time.sleep(0.5)

    def unpause(self, dag_id: str) -> None:
        self.call("PATCH", f"/dags/{dag_id}", json={"is_paused": False})

    def trigger(self, dag_id: str) -> str:
        """Starts a run without a partition; its id."""
        return str(self.call("POST", f"/dags/{dag_id}/dagRuns", json={"logical_date": None})["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        return str(self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """All runs of a DAG, newest first."""
        params: dict[str, str | int] = {"limit": 100, "order_by": "-id"}
        return list(self.call("GET", f"/dags/{dag_id}/dagRuns", params=params)["dag_runs"])

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The run's task instances."""
        return list(self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"])

    def xcom(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> Any:
        """What a task has returned."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        value = self.call("GET", path, params={"map_index": map_index})["value"]
        return json.loads(value) if isinstance(value, str) else value

    def log_tail(self, dag_id: str, run_id: str, task_id: str, attempt: int) -> str:
        """The first error line of a task's log."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{attempt}"
        lines = self.call("GET", path, params={"full_content": "true"}).get("content", [])
        errors = [line for line in lines if isinstance(line, dict) and line.get("level") == "error"]
        return str(errors[0].get("event", ""))[:400] if errors else ""

    def missing_partitions(self, dag_id: str, first: date, last: date) -> int:
        """How many partitions of the range have no run yet, or a failed one."""
        return int(
            self.call("POST", "/backfills/dry_run", json=_backfill(dag_id, first, last))["total_entries"]
        )

    def cancel_backfills(self, dag_id: str) -> None:
        """Ends backfills that an interrupted demo left: Airflow allows one at a time for a DAG."""
        for backfill in self.call("GET", "/backfills", params={"dag_id": dag_id})["backfills"]:
            if backfill["completed_at"] is None:
                self.call("PUT", f"/backfills/{backfill['id']}/cancel")

    def backfill(self, dag_id: str, first: date, last: date) -> None:
        """Starts a backfill over those partitions; both days included."""
        self.call("POST", "/backfills", json={**_backfill(dag_id, first, last), "max_active_runs": 3})


def _is_locked(answer: requests.Response) -> bool:
    """Whether Airflow rolled the request back: SQLite refuses to write over what another process has just written."""
    return answer.status_code == 500 and "Database error" in answer.text


def _backfill(dag_id: str, first: date, last: date) -> dict[str, Any]:
    return {
        "dag_id": dag_id,
        "from_date": f"{first}T00:00:00Z",
        "to_date": f"{last}T00:00:00Z",
        "run_backwards": False,
        "dag_run_conf": {},
        "reprocess_behavior": "failed",
    }

"""The forms in which a person starts a run, as Airflow's API gives them to its pages, and the runs that they start."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
import structlog.testing
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

from tests.airflow.conftest import PROJECT

pytestmark = pytest.mark.airflow
DAILY, ONE_DAY = "mixpanel_to_aep_shop", "mixpanel_aep_day_shop"
BUNDLE = "dags-folder"


@pytest.fixture(scope="module")
def bag() -> Any:
    from airflow.utils.db import initdb

    logging.disable(logging.WARNING)
    initdb()
    logging.disable(logging.NOTSET)
    dags = PROJECT / "dags"
    found = DagBag(str(dags), bundle_path=dags, bundle_name=BUNDLE)
    assert found.import_errors == {}
    DagBundlesManager().sync_bundles_to_db()
    sync_bag_to_db(found, BUNDLE, None)
    return found


class Client:
    """Airflow's REST API, asked as an admin."""

    def __init__(self) -> None:
        from airflow.api_fastapi.app import create_app, get_auth_manager
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
        from starlette.testclient import TestClient

        self.client = TestClient(create_app(), raise_server_exceptions=False)
        token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="a", role="admin"))
        self.headers = {"Authorization": f"Bearer {token}"}

    def __call__(self, method: str, path: str, **body: Any) -> Any:
        return self.client.request(method, f"/api/v2{path}", headers=self.headers, **body)

    def form(self, dag_id: str) -> dict[str, Any]:
        """The fields that the form of a DAG shows, and that of its backfill."""
        return dict(self("GET", f"/dags/{dag_id}/details").json()["params"])

    def run(self, dag_id: str, **fields: Any) -> Any:
        return self("POST", f"/dags/{dag_id}/dagRuns", json={"logical_date": None, **fields})


@pytest.fixture(scope="module")
def api(bag: Any) -> Client:
    return Client()


@pytest.fixture
def unpaused(api: Client) -> Iterator[None]:
    api("PATCH", f"/dags/{DAILY}", json={"is_paused": False})
    yield
    api("PATCH", f"/dags/{DAILY}", json={"is_paused": True})
    for dag_id in (DAILY, ONE_DAY):
        for run in api("GET", f"/dags/{dag_id}/dagRuns").json()["dag_runs"]:
            api("DELETE", f"/dags/{dag_id}/dagRuns/{run['dag_run_id']}")


def start(bag: Any, api: Client, run_id: str, *, cleared: bool = False) -> dict[str, Any]:
    """Run the task of the one-day DAG as a worker does; its task instance afterwards."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.sdk.api.datamodels._generated import TaskInstance as TaskOfSdk
    from airflow.sdk.execution_time.supervisor import run_task_in_process
    from airflow.utils.session import create_session
    from airflow.utils.state import TaskInstanceState
    from sqlalchemy import select

    with create_session() as session:
        task = session.scalars(
            select(TaskInstance).where(TaskInstance.dag_id == ONE_DAY, TaskInstance.run_id == run_id)
        ).one()
        task.state = TaskInstanceState.QUEUED
        task.try_number += 1
        if cleared:
            task.max_tries += 1
        names = ("task_id", "dag_id", "run_id", "try_number", "map_index")
        fields = {name: getattr(task, name) for name in names}
        ids = {"id": UUID(str(task.id)), "dag_version_id": UUID(str(task.dag_version_id))}
    run_task_in_process(ti=TaskOfSdk(**ids, **fields), task=bag.dags[ONE_DAY].get_task("start"))
    return dict(api("GET", f"/dags/{ONE_DAY}/dagRuns/{run_id}/taskInstances/start").json())


def test_the_form_of_one_day_has_one_field_for_the_day_which_is_required(api: Client) -> None:
    form = api.form(ONE_DAY)
    assert list(form) == ["day", "reprocess", "export_again"]
    day = form["day"]
    # Airflow's form lets nobody start a run while a field is empty whose type is not also null.
    assert (day["value"], day["schema"]["type"], day["schema"]["format"]) == (None, "string", "date")
    assert day["schema"]["title"] == "Which day?"
    assert [name for name, field in form.items() if field["schema"].get("format") == "date"] == ["day"]


def test_the_backfills_form_has_only_what_a_backfill_honours(api: Client) -> None:
    form = api.form(DAILY)
    assert list(form) == ["reprocess", "export_again"]
    assert all(field["value"] is not None for field in form.values()), "an empty one would disable its button"
    assert all(field["schema"]["title"].endswith("?") for field in form.values())
    choices = form["reprocess"]["schema"]["values_display"]
    assert choices.keys() == set(form["reprocess"]["schema"]["enum"])
    assert choices["replace"].startswith("Replace them")


@pytest.mark.parametrize("conf", [{}, {"day": None}, {"day": ""}, {"day": "yesterday"}, {"day": 20260701}])
def test_a_run_of_one_day_without_the_day_is_refused(api: Client, conf: dict[str, Any]) -> None:
    assert api.run(ONE_DAY, conf=conf).status_code == 400


def test_a_run_of_the_daily_dag_without_a_day_is_refused_and_says_where_the_day_belongs(api: Client) -> None:
    answer = api.run(DAILY, conf={})
    assert answer.status_code == 400
    assert "its form has a field for the day" in answer.json()["detail"]
    assert api.run(DAILY, conf={"partition_date": "2026-07-01"}).status_code == 400
    assert api.run(DAILY, conf={}, partition_key="20260701").status_code == 400


def test_a_run_of_the_daily_dag_with_its_partition_key_starts(api: Client, unpaused: None) -> None:
    answer = api.run(DAILY, conf={"reprocess": "append"}, partition_key="2026-07-01")
    assert (answer.status_code, answer.json()["partition_key"]) == (200, "2026-07-01")


def test_the_form_of_one_day_starts_the_run_of_that_day_once(bag: Any, api: Client, unpaused: None) -> None:
    conf = {"day": "2026-07-01", "reprocess": "replace", "export_again": True}
    asked = api.run(ONE_DAY, conf=conf)
    assert asked.status_code == 200, asked.text
    run_id = asked.json()["dag_run_id"]
    task = start(bag, api, run_id)
    assert task["state"] == "success"
    (run,) = api("GET", f"/dags/{DAILY}/dagRuns").json()["dag_runs"]
    assert run["dag_run_id"].startswith("manual__2026-07-01__")
    assert run["note"] == "Day 2026-07-01, started by mixpanel_aep_day_shop"
    assert run["conf"] == {"partition_date": "2026-07-01", "reprocess": "replace", "export_again": True}
    links = api("GET", f"/dags/{ONE_DAY}/dagRuns/{run_id}/taskInstances/start/links").json()
    assert links["extra_links"] == {"Run of the day": f"/dags/{DAILY}/runs/{run['dag_run_id']}"}
    # A retry finds its run; a task that is cleared starts another one.
    assert start(bag, api, run_id)["state"] == "success"
    assert len(api("GET", f"/dags/{DAILY}/dagRuns").json()["dag_runs"]) == 1
    assert start(bag, api, run_id, cleared=True)["state"] == "success"
    assert len(api("GET", f"/dags/{DAILY}/dagRuns").json()["dag_runs"]) == 2


def test_a_paused_daily_dag_is_named_in_a_log_without_a_traceback(
    bag: Any, api: Client, unpaused: None, caplog: pytest.LogCaptureFixture
) -> None:
    api("PATCH", f"/dags/{DAILY}", json={"is_paused": True})
    run_id = api.run(ONE_DAY, conf={"day": "2026-07-02"}).json()["dag_run_id"]
    with structlog.testing.capture_logs() as airflows:
        assert start(bag, api, run_id)["state"] == "failed"
    path = f"/dags/{ONE_DAY}/dagRuns/{run_id}/taskInstances/start/xcomEntries/problem"
    assert "is paused" in str(api("GET", path).json()["value"])
    assert api("GET", f"/dags/{DAILY}/dagRuns").json()["dag_runs"] == []
    assert (
        "ConfigError: The DAG mixpanel_to_aep_shop is paused, so a run of 2026-07-02 would not start.\n"
        "Unpause mixpanel_to_aep_shop, then clear this task." in caplog.messages
    )
    (failed,) = [line for line in airflows if line["event"] == "Task failed with exception"]
    assert "exc_info" not in failed, "Airflow's own line has no traceback"

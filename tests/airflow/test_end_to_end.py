"""Whole partitions through Airflow: ``dag.test()`` against the sandbox, with the lake on disk and on S3."""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag

from include.lake.lake import Lake
from include.lake.signing_keys import SIGNING_KEYS_ENVIRONMENT
from scripts.demo.evidence import Comparison, Sandbox
from tests.airflow.connections import connection_variables
from tests.security.canary_run import download, let_in_canaries
from tests.support import canaries
from tests.support.canaries import find_canaries, find_in
from tests.support.pipeline_runner import PIPELINES, PipelineRunner, quick_sandbox
from tests.support.s3_server import s3_environment, s3_server

pytestmark = pytest.mark.airflow
PROJECT = Path(__file__).parents[2]
DAY = date(2026, 7, 1)
HOSTILE_PROJECT = 3000001
CANARY_CONNECTIONS = {
    "mixpanel": {"login": canaries.MIXPANEL_USER, "password": canaries.MIXPANEL_SECRET},
    "adobe_experience_platform": {"password": canaries.AEP_SECRET},
}


@pytest.fixture(scope="module", autouse=True)
def database() -> None:
    from airflow.utils.db import initdb

    logging.disable(logging.WARNING)
    initdb()
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def dags():
    return DagBag(str(PROJECT / "dags")).dags


@pytest.fixture
def s3() -> Iterator[str]:
    with s3_server("test-lake") as url:
        yield url


@pytest.fixture(params=["file", "s3"])
def runner(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PipelineRunner]:
    lake = f"file://{tmp_path}/lake"
    if request.param == "s3":
        lake = "s3://test-lake/prefix"
        aws = s3_environment(request.getfixturevalue("s3"), canaries.AWS_KEY, canaries.AWS_SECRET)
        for name, value in aws.items():
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("AIRFLOW_VAR_MIXPANEL_AEP_LAKE", lake)
    monkeypatch.setenv(SIGNING_KEYS_ENVIRONMENT, canaries.LAKE_SECRET)
    with quick_sandbox(tmp_path / "sandbox") as server:
        let_in_canaries(server.url, HOSTILE_PROJECT)
        for name, value in connection_variables(server.url, **CANARY_CONNECTIONS).items():
            monkeypatch.setenv(name, value)
        yield PipelineRunner(
            server.url,
            Lake(lake),
            PIPELINES["hostile"],
            connection=CANARY_CONNECTIONS["mixpanel"],
            aep_connection=CANARY_CONNECTIONS["adobe_experience_platform"],
        )


@dataclass
class Api:
    """Send a request to Airflow's API server as a user of a role, or without a user."""

    app: Any
    client: Any

    def ask(
        self, method: str, path: str, *, role: str | None = "nobody", token: str = "", **body: Any
    ) -> Any:
        from airflow.api_fastapi.app import get_auth_manager
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

        if role != "nobody":
            token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="someone", role=role))
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.client.request(method, path, headers=headers, **body)

    def get(self, path: str, *, role: str) -> Any:
        return self.ask("GET", path, role=role)


@pytest.fixture(scope="module")
def api(database: None) -> Api:
    from airflow.api_fastapi.app import create_app
    from starlette.testclient import TestClient

    app = create_app()
    return Api(app, TestClient(app, raise_server_exceptions=False))


def run(dag, conf: dict[str, str] | None = None) -> str:
    return str(dag.test(run_conf=conf or {}).state)


@pytest.mark.case("M07")
def test_a_day_is_loaded_through_airflow_and_a_second_run_changes_nothing(
    runner: PipelineRunner, dags, api: Api, tmp_path: Path, caplog, capfd
) -> None:
    assert run(dags["mixpanel_aep_setup"]) == "success"
    dag, conf = dags["mixpanel_to_aep_hostile"], {"partition_date": str(DAY)}
    assert run(dag, conf) == "success"
    result = runner.result(DAY)
    assert (result.exported, result.duplicates, result.quarantined, result.active) == (9, 1, 0, 8)
    assert runner.compare(DAY) == Comparison(0, 0, 0)
    asked = Sandbox(runner.url).calls()
    assert run(dag, conf) == "success"
    assert Sandbox(runner.url).calls() == asked
    assert runner.result(DAY) == result
    page = api.get(f"/mixpanel-aep/report/{dag.dag_id}/{DAY}", role="viewer")
    board = board_pages(api, dag.dag_id)
    assert_no_secret(
        download(runner.lake, tmp_path / "downloaded"), caplog.text, *capfd.readouterr(), page.text, *board
    )
    assert_report(page)


def board_pages(api: Api, dag_id: str) -> list[str]:
    """Every page of the board about a day, as a role sees them that may see quarantined values."""
    pages = [
        "",
        f"/dag/{dag_id}",
        *(f"/{page}/{dag_id}/{DAY}" for page in ("day", "report", "rows", "values")),
    ]
    found = [api.get(f"/mixpanel-aep/board{page}", role="op") for page in pages]
    assert [answer.status_code for answer in found] == [200] * len(pages)
    assert all(str(DAY) in answer.text for answer in found[2:])
    return [answer.text for answer in found]


def assert_no_secret(lake: Path, *texts: str) -> None:
    """Assert that no secret is in the lake, in logs or output, or in Airflow's home with its database and logs."""
    home = Path(os.environ["AIRFLOW_HOME"])
    with sqlite3.connect(home / "airflow.db") as database:
        for table in ("xcom", "serialized_dag", "dag_run", "task_instance"):
            (rows,) = database.execute(f"SELECT count(*) FROM {table}").fetchone()
            assert rows, f"nothing could have leaked into {table}"
    assert "exported=9" in "".join(texts), "the tasks' own log lines were heard"
    # In another process: SQLite's locks belong to the process, and closing a database file releases them. The next
    # process that opens the database would consider it unused and remove the log that this process still writes.
    copy = lake.with_name("airflow-home")
    subprocess.run(["cp", "-r", home, copy], check=True)
    assert find_canaries([lake, copy]) == []
    assert [leak for text in texts for leak in find_in(text)] == []


def assert_report(page: Any) -> None:
    assert page.status_code == 200
    assert "8 of 9 exported events are valid" in page.text
    policy = dict(
        part.strip().partition(" ")[::2] for part in page.headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert {"script-src", "connect-src", "img-src"} & set(policy) == set(), "default-src stands for them"
    assert {"sandbox", "base-uri", "form-action", "frame-ancestors"} <= set(policy)
    assert policy["sandbox"] == "", "which allows nothing"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Cache-Control"] == "private, no-store"
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"


def our_routes(app: Any) -> list[tuple[str, str]]:
    """Return method and path of every route that the plugin registers."""
    from mixpanel_aep_plugin import MixpanelAepPlugin

    found = []
    for registered in MixpanelAepPlugin.fastapi_apps:
        for route in registered["app"].routes:
            for method in sorted(route.methods):
                path = re.sub(
                    r"\{(partition|day)\}",
                    str(DAY),
                    re.sub(r"\{dag_id\}", "mixpanel_to_aep_hostile", route.path),
                )
                found.append((method, registered["url_prefix"] + path))
    return found


def test_every_route_requires_a_token_and_a_role(api: Api) -> None:
    """Airflow mounts a plugin's app without a login."""
    routes, dag_id = our_routes(api.app), "mixpanel_to_aep_hostile"
    board = ["", "/failed", f"/dag/{dag_id}", f"/run/{dag_id}", "/static/{name}"]
    board += [f"/{page}/{dag_id}/2026-07-01" for page in ("day", "report", "rows", "values")]
    assert routes[:2] == [
        ("GET", f"/mixpanel-aep/report/{dag_id}/2026-07-01"),
        ("GET", f"/mixpanel-aep/report/{dag_id}"),
    ]
    assert sorted(routes[2:]) == sorted(("GET", f"/mixpanel-aep/board{path}") for path in board)
    for method, path in routes:
        assert api.ask(method, path).status_code in (401, 403)
        assert api.ask(method, path, token="a.b.c").status_code in (401, 403)
        assert api.ask(method, path, role=None).status_code == 403
    for path in ("/docs", "/redoc", "/openapi.json", "/", "/report", "/report/../report/x/2026-07-01"):
        assert api.ask("GET", "/mixpanel-aep" + path).status_code in (401, 404), path
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert api.ask(method, routes[0][1], role="admin").status_code == 405, "it only reads"


@pytest.mark.parametrize(
    "partition", ["2026-13-01", "..", "2026-07-01%2F..", "%2e%2e", "x", "2026-07-01T01:00"]
)
def test_a_report_is_requested_by_its_day_only(api: Api, partition: str) -> None:
    answer = api.get(f"/mixpanel-aep/report/mixpanel_to_aep_hostile/{partition}", role="viewer")
    assert answer.status_code in (404, 422)
    assert answer.headers["Content-Type"].startswith("application/json")


@pytest.mark.parametrize("dag_id", ["<script>alert(1)</script>", "mixpanel_aep_setup", "..%2f..%2fetc"])
def test_an_unknown_pipeline_has_no_report(api: Api, dag_id: str) -> None:
    answer = api.get(f"/mixpanel-aep/report/{dag_id}/2026-07-01", role="admin")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("application/json")


@pytest.mark.case("M14")
@pytest.mark.parametrize(
    "conf",
    [{"reprocess": "all"}, {"reprocess": 1}, {"export_again": "yes"}, {"partition_date": 20260701},
     {"partition_date": "yesterday"}, {"partition_date": "x" * 1024 * 1024}, {"reprocess": ["replace"]}],
    ids=["M14-word", "M14-number", "M14-text-for-a-flag", "M14-number-for-a-day", "M14-no-day", "M14-a-megabyte",
         "M14-list"],
)  # fmt: skip
def test_a_conf_with_wrong_types_starts_no_run(api: Api, conf: dict[str, Any]) -> None:
    """Airflow's own check of the declared params, through its API."""
    body = {"logical_date": None, "conf": conf}
    answer = api.ask("POST", "/api/v2/dags/mixpanel_to_aep_hostile/dagRuns", role="admin", json=body)
    assert answer.status_code in (400, 422), answer.text[:300]

"""What each role of Airflow may do, according to Airflow's own API server; ``docs/security.md`` has the same table."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import tests.airflow.conftest  # noqa: F401 - gives Airflow a home before it is imported
from include.environment import ENVIRONMENT_VARIABLE
from include.errors import ConfigError
from include.http.sandbox_address import SANDBOXES_VARIABLE
from include.lake.allowed_lakes import LAKES_VARIABLE, VARIABLE_IN_ENVIRONMENT
from tests.support.pipeline_runner import PIPELINES

pytestmark = pytest.mark.airflow
ROLES = ("viewer", "user", "op", "admin")
_PAGE = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")
_RUN = "/api/v2/dags/mixpanel_to_aep_shop/dagRuns"
_TASK = f"{_RUN}/none/taskInstances/export"
_CONNECTION = {"connection_id": "roles", "conn_type": "mixpanel", "password": "a-stored-secret"}

ACTIONS: dict[str, list[tuple[str, str, Any]]] = {
    "see DAGs, runs, tasks, logs and XCom": [
        ("GET", "/api/v2/dags", None), ("GET", _RUN, None), ("GET", f"{_TASK}/logs/1", None),
        ("GET", f"{_TASK}/xcomEntries/report_link", None), ("GET", "/api/v2/pools", None),
    ],
    "open the report page": [("GET", "/mixpanel-aep/report/mixpanel_to_aep_none/2026-07-01", None)],
    "open the board: days, runs, reasons": [
        ("GET", "/mixpanel-aep/board", None), ("GET", "/mixpanel-aep/board/failed", None), ("GET", "/mixpanel-aep/board/dag/mixpanel_to_aep_none", None),
        ("GET", "/mixpanel-aep/board/day/mixpanel_to_aep_none/2026-07-01", None),
    ],
    "see quarantined events on the board, values hidden": [
        ("GET", "/mixpanel-aep/board/rows/mixpanel_to_aep_none/2026-07-01", None),
    ],
    "see the values of quarantined events": [
        ("GET", "/mixpanel-aep/board/values/mixpanel_to_aep_none/2026-07-01", None),
    ],
    "trigger, clear, backfill, pause": [
        ("POST", _RUN, {"logical_date": None}), ("PATCH", "/api/v2/dags/mixpanel_to_aep_shop", {"is_paused": True}),
        ("POST", "/api/v2/dags/mixpanel_to_aep_shop/clearTaskInstances", {"dry_run": True}),
        ("POST", "/api/v2/backfills", {"dag_id": "mixpanel_to_aep_shop", "from_date": "2026-07-01T00:00:00Z", "to_date": "2026-07-01T00:00:00Z"}),
        ("DELETE", f"{_RUN}/none", None),
    ],
    "change XCom": [
        ("POST", f"{_TASK}/xcomEntries", {"key": "report_link", "value": "x"}),
        ("PATCH", f"{_TASK}/xcomEntries/report_link", {"value": "x"}),
    ],
    "see variables": [("GET", "/api/v2/variables", None), ("GET", "/api/v2/variables/mixpanel_aep_lake", None)],
    "change variables": [
        ("POST", "/api/v2/variables", {"key": "roles", "value": "x"}),
        ("PATCH", "/api/v2/variables/mixpanel_aep_lake", {"key": "mixpanel_aep_lake", "value": "x"}),
        ("DELETE", "/api/v2/variables/roles", None),
    ],
    "see connections, without their secrets": [
        ("GET", "/api/v2/connections", None), ("GET", "/api/v2/connections/roles", None),
    ],
    "change and test connections": [
        ("POST", "/api/v2/connections", _CONNECTION), ("PATCH", "/api/v2/connections/roles", _CONNECTION),
        ("POST", "/api/v2/connections/test", {**_CONNECTION, "conn_type": "none"}),
        ("DELETE", "/api/v2/connections/roles", None),
    ],
    "change pools": [
        ("POST", "/api/v2/pools", {"name": "roles", "slots": 1}), ("DELETE", "/api/v2/pools/roles", None),
    ],
}  # fmt: skip


@dataclass
class Api:
    """Start Airflow's API server with this project's plugin."""

    client: Any

    def ask(self, method: str, path: str, body: Any = None, *, role: str | None) -> Any:
        from airflow.api_fastapi.app import get_auth_manager
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

        token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="someone", role=role))
        return self.client.request(method, path, json=body, headers={"Authorization": f"Bearer {token}"})


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    from airflow.api_fastapi.app import create_app
    from airflow.utils.db import initdb
    from starlette.testclient import TestClient

    patch = pytest.MonkeyPatch()
    patch.setenv("AIRFLOW__CORE__TEST_CONNECTION", "Enabled")
    logging.disable(logging.WARNING)
    initdb()
    logging.disable(logging.NOTSET)
    yield Api(TestClient(create_app(), raise_server_exceptions=False))
    patch.undo()


def documented() -> dict[str, dict[str, bool]]:
    """Return the table of roles in the documentation: action, then role, then whether it may."""
    section = _PAGE.partition("<!-- roles -->")[2].partition("\n\n")[0]
    head, _, *rows = re.findall(r"^\|(.*)\|$", section, re.MULTILINE)
    roles = [cell.strip() for cell in head.split("|")][1:]
    found = {}
    for row in rows:
        action, *cells = (cell.strip() for cell in row.split("|"))
        found[action] = {role: cell == "yes" for role, cell in zip(roles, cells, strict=True)}
    return found


def test_the_documentation_names_every_role_and_action() -> None:
    assert list(documented()) == list(ACTIONS)
    assert all(tuple(allowed) == ROLES for allowed in documented().values())


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_exactly_what_the_documentation_says(api: Api, role: str) -> None:
    for action, requests in ACTIONS.items():
        for method, path, body in requests:
            status = api.ask(method, path, body, role=role).status_code
            assert status not in (405, 500), (method, path)
            assert (status not in (401, 403)) is documented()[action][role], (
                role,
                action,
                method,
                path,
                status,
            )


def test_no_role_sees_the_configuration(api: Api) -> None:
    for role in ROLES:
        assert api.ask("GET", "/api/v2/config", role=role).status_code == 403


def test_no_role_sees_a_secret_of_a_connection(api: Api) -> None:
    extra = json.dumps({"query_account": "an-account", "query_secret": "another-stored-secret"})
    assert (
        api.ask("POST", "/api/v2/connections", _CONNECTION | {"extra": extra}, role="admin").status_code
        == 201
    )
    try:
        for role in ROLES:
            for path in ("/api/v2/connections", "/api/v2/connections/roles"):
                text = api.ask("GET", path, role=role).text
                assert "stored-secret" not in text
                assert ("an-account" in text) is (role in ("op", "admin"))
    finally:
        api.ask("DELETE", "/api/v2/connections/roles", role="admin")


@pytest.mark.parametrize("role", ["op", "admin"])
def test_a_lake_set_in_a_form_is_refused_unless_the_environment_allows_it(
    api: Api, role: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mixpanel_aep.lakes import open_lake

    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")  # Here this process may read the database.
    for name in (VARIABLE_IN_ENVIRONMENT, "MIXPANEL_AEP_LAKE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "production")
    variable = {"key": "mixpanel_aep_lake", "value": f"file://{tmp_path}/mine"}
    assert api.ask("POST", "/api/v2/variables", variable, role=role).status_code == 201
    try:
        with pytest.raises(ConfigError, match="is not allowed in this deployment"):
            open_lake(PIPELINES["hostile"])
        assert not (tmp_path / "mine").exists()
        monkeypatch.setenv(LAKES_VARIABLE, f"file://{tmp_path}")
        assert open_lake(PIPELINES["hostile"]).root == tmp_path / "mine"
    finally:
        api.ask("DELETE", "/api/v2/variables/mixpanel_aep_lake", role=role)


CONNECTIONS: dict[str, dict[str, Any]] = {
    "mixpanel": {"login": "account", "extra": {"project_id": 1, "region": "us", "sandbox": True}},
    "adobe_experience_platform": {
        "login": "client", "extra": {"org_id": "X@AdobeOrg", "aep_sandbox": "prod", "sandbox": True},
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", CONNECTIONS)
@pytest.mark.parametrize("role", ["op", "admin"])
def test_testing_a_changed_connection_sends_its_stored_secret_to_no_listener(
    api: Api, kind: str, role: str, listener: tuple[int, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SANDBOXES_VARIABLE, "http://127.0.0.1:8765")
    port, heard = listener
    given = CONNECTIONS[kind]
    stored = {"connection_id": "roles", "conn_type": kind, "login": given["login"], "host": "127.0.0.1", "port": 8765,
              "extra": json.dumps(given["extra"])}  # fmt: skip
    secret = {"password": "a-stored-secret"}
    assert api.ask("POST", "/api/v2/connections", stored | secret, role="admin").status_code == 201
    try:
        for place in ({"port": port}, {"host": "localhost", "port": port}):
            mask = "&".join(f"update_mask={name}" for name in place)
            answer = api.ask("PATCH", f"/api/v2/connections/roles?{mask}", stored | place, role=role)
            assert answer.status_code == 200
            tested = stored | place | {"password": "***"}
            answer = api.ask("POST", "/api/v2/connections/test", tested, role=role)
            assert answer.json()["status"] is False
            assert (
                "a sandbox that this deployment does not allow; no data was sent" in answer.json()["message"]
            )
        assert heard == []
    finally:
        api.ask("DELETE", "/api/v2/connections/roles", role="admin")

"""The report's route and the links to it: read-only, bounded, and derived only from the task's identity."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from airflow.dag_processing.dagbag import DagBag

from include.lake.keys import PartitionKey
from tests.airflow.test_end_to_end import Api

pytestmark = [pytest.mark.airflow, pytest.mark.case("M17")]
PROJECT = Path(__file__).parents[2]
DAG = "mixpanel_to_aep_hostile"
ROUTE = f"/mixpanel-aep/report/{DAG}/2026-07-01"
PAGE = PartitionKey("hostile", date(2026, 7, 1)).report("ab" * 16)


@pytest.fixture(scope="module")
def api() -> Api:
    from airflow.api_fastapi.app import create_app
    from airflow.utils.db import initdb
    from starlette.testclient import TestClient

    initdb()
    app = create_app()
    return Api(app, TestClient(app, raise_server_exceptions=False))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AIRFLOW_VAR_MIXPANEL_AEP_LAKE", f"file://{tmp_path}/lake")
    return tmp_path / "lake"


def put(root: Path, body: bytes, key: str = PAGE) -> Path:
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return path


def test_m17_the_newest_report_is_shown(api: Api, root: Path) -> None:
    put(root, b"old")
    os.utime(root / PAGE, (0, 0))
    put(root, b"<p>new</p>", PAGE.replace("ab", "cd"))
    answer = api.get(ROUTE, role="viewer")
    assert (answer.status_code, answer.text) == (200, "<p>new</p>")


@pytest.mark.parametrize("levels", [0, 1, 2, 3])
def test_m17_no_symbolic_link_is_followed(api: Api, root: Path, tmp_path: Path, levels: int) -> None:
    """A link replaces the page or one of its parent folders."""
    secret = put(tmp_path / "elsewhere", b"AIRFLOW__API_AUTH__JWT_SECRET")
    page = root / PAGE
    scenario, target = (
        (page, secret) if levels == 0 else (page.parents[levels - 1], secret.parents[levels - 1])
    )
    scenario.parent.mkdir(parents=True)
    scenario.symlink_to(target)
    answer = api.get(ROUTE, role="viewer")
    assert answer.status_code == 503
    assert "symbolic link" in answer.json()["detail"]
    assert "JWT" not in answer.text


def test_m17_a_file_with_another_name_is_not_shown(api: Api, root: Path) -> None:
    put(root, b"notes", PAGE.replace(".html", ".txt"))
    put(root, b"notes", f"hostile/2026-07-01/report/{'ab' * 16}/x.html")
    assert api.get(ROUTE, role="viewer").status_code == 404


def test_m17_a_page_that_is_too_large_is_refused_unread(api: Api, root: Path) -> None:
    with put(root, b"").open("r+b") as file:
        file.truncate(600 * 1024 * 1024)  # A sparse file occupies no space.
    import tracemalloc

    tracemalloc.start()
    answer = api.get(ROUTE, role="viewer")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.status_code == 413
    assert "629145600 bytes" in answer.json()["detail"]
    assert peak < 50 * 1024 * 1024


@pytest.mark.parametrize(
    ("url", "says"),
    [("ftp://x", "has the unknown scheme"), ("file://x/y", "must be an absolute path"), ("s3://u:p@b/x", "contains more than"),
     ("file:///etc/passwd/lake", "Could not open")],
)  # fmt: skip
def test_m17_an_invalid_lake_is_reported_in_one_sentence(
    api: Api, monkeypatch: pytest.MonkeyPatch, url: str, says: str
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_MIXPANEL_AEP_LAKE", url)
    answer = api.get(ROUTE, role="viewer")
    assert answer.status_code == 503
    assert says in answer.json()["detail"]
    assert "u:p" not in answer.text


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (ROUTE, "<p>Partition 2026-07-01 has no report yet.</p>"),
        (f"/mixpanel-aep/report/{DAG}?run_id=%3Cb%3E", "<p>This run of the DAG was not found.</p>"),
    ],
)
def test_a_browser_shows_a_sentence_in_place_of_a_report(api: Api, root: Path, path: str, says: str) -> None:
    headers = {**token("viewer"), "Accept": "text/html,*/*;q=0.8"}
    answer = api.client.request("GET", path, headers=headers)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert says in answer.text
    assert not root.exists()


def test_m17_reading_creates_no_folder(api: Api, root: Path) -> None:
    assert api.get(ROUTE, role="viewer").status_code == 404
    assert not root.exists()


ROLES = [(None, 403), ("viewer", 404), ("user", 404), ("op", 404), ("admin", 404)]
KEYS = [
    "x",
    "../../x",
    "%2e%2e%2f",
    "a/b",
    "'; drop table dag_run; --",
    "x" * 250,
    "javascript:alert(1)",
    "\u202ex",
]


@pytest.mark.parametrize("key", KEYS)
def test_m17_an_unknown_run_has_no_report(api: Api, root: Path, key: str) -> None:
    answer = api.client.request(
        "GET", f"/mixpanel-aep/report/{DAG}", params={"run_id": key}, headers=token("viewer")
    )
    assert (answer.status_code, answer.json()["detail"]) == (404, "This run of the DAG was not found.")
    assert not root.exists()


@pytest.mark.parametrize("key", [*KEYS, "2026-07-01/..", "2026-07-01%00", "02026-07-01"])
def test_m17_invalid_days_and_dags_are_refused(api: Api, root: Path, key: str) -> None:
    from urllib.parse import quote

    for path in (f"{DAG}/{quote(key, safe='')}", f"{quote(key, safe='')}/2026-07-01"):
        assert api.get(f"/mixpanel-aep/report/{path}", role="admin").status_code in (404, 422)
    assert not root.exists()


@pytest.mark.parametrize(("role", "status"), ROLES)
def test_m17_every_role_and_only_a_role_may_read(api: Api, root: Path, role: str | None, status: int) -> None:
    for path in (ROUTE, f"/mixpanel-aep/report/{DAG}?run_id=x"):
        assert api.ask("GET", path, role=role).status_code == status
        assert api.ask("GET", path).status_code in (401, 403)
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert api.ask(method, path, role="admin").status_code == 405
    assert not root.exists()


def token(role: str) -> dict[str, str]:
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    user = SimpleAuthManagerUser(username="someone", role=role)
    return {"Authorization": f"Bearer {get_auth_manager().generate_jwt(user)}"}


@pytest.fixture
def run_id() -> Iterator[str]:
    """Return a run with a partition key."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from airflow.utils.types import DagRunType

    name = "manual__2026-07-02T00:00:00+00:00"
    with create_session() as session:
        run = DagRun(DAG, run_id=name, run_type=DagRunType.MANUAL, partition_key="2026-07-01")
        run.run_after = datetime(2026, 7, 2, tzinfo=UTC)
        session.add(run)
    yield name
    with create_session() as session:
        session.delete(session.merge(run))


def test_m17_a_link_refers_to_the_report_of_its_run(api: Api, root: Path, run_id: str) -> None:
    from mixpanel_aep.links import ReportLink

    put(root, b"<p>the report</p>")
    link = ReportLink().get_link(None, ti_key=SimpleNamespace(dag_id=DAG, run_id=run_id))
    parts = urlsplit(link)
    assert (parts.scheme, parts.netloc) == ("", "")
    assert unquote(parts.path) == f"/mixpanel-aep/report/{DAG}"
    assert parse_qs(parts.query) == {"run_id": [run_id]}
    page = api.get(link, role="viewer")
    assert page.url.path == f"/mixpanel-aep/board/report/{DAG}/2026-07-01"
    assert f'src="{ROUTE}"' in page.text
    assert api.get(ROUTE, role="viewer").text == "<p>the report</p>"


FORGED = [
    "javascript:alert(1)", "https://evil.example/", "//evil.example/", "/logout", "", None, 7, {"a": 1},
    "https://experience.adobe.com.evil.example/#/sname:x/platform/batch/y",
    "https://experience.adobe.com/#/sname:x/platform/batch/y\n", "http://127.0.0.1:1/_sandbox/reset", "http://127.0.0.1:1/_sandbox/aep/batches/../reset/page",
    "http://evil.example/_sandbox/aep/batches/x/page",
    "https://experience.adobe.com@evil.example/#/sname:x/platform/batch/y", "data:text/html,x",
]  # fmt: skip
TRUE = [
    "https://experience.adobe.com/#/sname:prod/platform/batch/01K0ABC",
    "http://127.0.0.1:8123/_sandbox/aep/batches/01K0ABC/page",
]


@pytest.fixture(scope="module")
def task() -> Any:
    """Return tasks as the API server has them."""
    from airflow.serialization.serialized_objects import DagSerialization

    dag = DagBag(str(PROJECT / "dags")).dags[DAG]
    return DagSerialization.from_dict(DagSerialization.to_dict(dag)).get_task


@pytest.mark.parametrize("text", [*FORGED, *TRUE])
def test_m17_xcom_is_not_used_as_a_link(task: Any, monkeypatch: pytest.MonkeyPatch, text: Any) -> None:
    from airflow.serialization.definitions.operatorlink import XComOperatorLink

    monkeypatch.setattr(XComOperatorLink, "get_link", lambda *args, **named: text)
    found = SimpleNamespace(key=SimpleNamespace(dag_id=DAG, run_id="r/1", task_id="validate", map_index=-1))
    assert task("validate").get_extra_links(found, "Report") == f"/mixpanel-aep/report/{DAG}?run_id=r%2F1"
    assert task("ingest").get_extra_links(found, "AEP batch") == (text if text in TRUE else "")
    for name in ("validate", "ingest"):
        for link in task(name).extra_links:
            assert "evil" not in str(task(name).get_extra_links(found, link))


@pytest.mark.parametrize("url", [None, "http://127.0.0.1:8123"])
def test_m17_a_batch_link_has_the_expected_form(url: str | None) -> None:
    from mixpanel_aep.links import _BATCH, BatchLink

    settings: Any = SimpleNamespace(sandbox_url=url, aep_sandbox="prod")
    assert _BATCH.fullmatch(BatchLink.href(settings, "01K0ABCDEF"))

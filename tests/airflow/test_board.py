"""The board's routes: behind Airflow's login and permissions, escaped, read-only; every error has a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.utils.session import create_session

from include.board.days import State
from include.board.facts import BatchFacts, Counts, DayFacts
from include.board.source import FactsReader, PipelineFacts
from include.clock import Clock
from include.lake.history import Target
from include.lake.keys import PartitionKey
from include.lake.ledger import LedgerRecord
from mixpanel_aep.board import pages, readers, views
from mixpanel_aep.board.routes import router
from mixpanel_aep.board.runs import read_runs, runs_of_day
from tests.airflow.stored_runs import add_run, remove_runs
from tests.airflow.test_end_to_end import Api

pytestmark = pytest.mark.airflow
DAG, DAY = "mixpanel_to_aep_shop", date(2026, 7, 1)
BOARD = "/mixpanel-aep/board"
PAGES = ("", f"/dag/{DAG}", f"/day/{DAG}/{DAY}", f"/report/{DAG}/{DAY}", f"/rows/{DAG}/{DAY}", f"/values/{DAG}/{DAY}",
         f"/run/{DAG}?run_id=x", "/static/board.css", "/static/board.js", "/static/home.js", "/failed")  # fmt: skip
NOW = datetime(2026, 7, 2, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def api() -> Api:
    from airflow.api_fastapi.app import create_app
    from airflow.utils.db import initdb
    from starlette.testclient import TestClient

    initdb()
    app = create_app()
    return Api(app, TestClient(app, raise_server_exceptions=False, follow_redirects=False))


@pytest.fixture(autouse=True)
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty lake, readers without cached facts, and a clock on which the shop's 1 July was yesterday."""
    monkeypatch.setenv("AIRFLOW_VAR_MIXPANEL_AEP_LAKE", f"file://{tmp_path}/lake")
    monkeypatch.setattr(readers, "_readers", {})
    monkeypatch.setattr(views, "SYSTEM_CLOCK", Clock(NOW.timestamp))
    return tmp_path / "lake"


@pytest.fixture
def readable(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Set the DAGs that users may read."""
    from airflow.api_fastapi.app import get_auth_manager

    found = {DAG, "mixpanel_to_aep_hostile"}
    monkeypatch.setattr(type(get_auth_manager()), "get_authorized_dag_ids", lambda *_, **__: found)
    return found


@pytest.fixture
def runs(api: Api) -> Iterator[Any]:
    """Add a run of the shop to Airflow's database and remove it afterwards."""
    added: list[str] = []

    def add(run_id: str, state: str, problem: Any = None, key: str | None = str(DAY), **fields: Any) -> None:
        added.append(run_id)
        add_run(DAG, run_id, NOW, problem, state=state, partition_key=key, **fields)

    yield add
    remove_runs(added)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_requires_a_login(api: Api, page: str) -> None:
    assert api.ask("GET", BOARD + page).status_code == 401
    assert api.ask("GET", BOARD + page, token="forged").status_code == 403  # As Airflow's own API does.


@pytest.mark.parametrize("page", [page for page in PAGES if "/static" not in page])
def test_a_user_without_read_permission_sees_nothing_of_the_dag(
    api: Api, readable: set[str], page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.api_fastapi.app import get_auth_manager

    readable.clear()
    monkeypatch.setattr(type(get_auth_manager()), "is_authorized_dag", lambda *_, **__: False)
    answer = api.get(BOARD + page, role="admin")
    assert answer.status_code == 403
    assert "shop" not in answer.text


def test_the_overview_shows_the_readable_dags_only(api: Api, readable: set[str]) -> None:
    readable.remove(DAG)
    text = api.get(BOARD, role="viewer").text
    assert "mixpanel_to_aep_hostile" in text and DAG not in text


def test_values_require_more_permissions_than_rows_and_rows_more_than_the_day(api: Api) -> None:
    expected = {"viewer": (200, 403, 403), "user": (200, 200, 403), "op": (200, 200, 200)}
    for role, statuses in expected.items():
        pages = (f"/{page}/{DAG}/{DAY}" for page in ("day", "rows", "values"))
        assert tuple(api.get(BOARD + page, role=role).status_code for page in pages) == statuses


def test_the_board_has_no_route_that_writes() -> None:
    assert {method for route in router.routes for method in route.methods} == {"GET"}  # type: ignore[attr-defined]


def test_reading_creates_no_folder_in_the_lake(api: Api, scenario: Path, readable: set[str]) -> None:
    for page in PAGES:
        assert api.get(BOARD + page, role="admin").status_code in (200, 303, 404)
    assert not scenario.exists()


@pytest.mark.parametrize("url", ["ftp://x", "file://x/y", "s3://u:p@b/x", "file:///etc/passwd/lake"])
def test_an_invalid_lake_is_reported_in_one_sentence(
    api: Api, readable: set[str], monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_MIXPANEL_AEP_LAKE", url)
    for page in ("", f"/dag/{DAG}"):
        answer = api.get(BOARD + page, role="viewer")
        assert answer.status_code == 200
        assert "lake of this pipeline cannot be read" in answer.text
    answer = api.get(f"{BOARD}/day/{DAG}/{DAY}", role="viewer")
    assert answer.status_code == 503 and "cannot be shown" in answer.text
    assert "u:p" not in answer.text


def test_an_invalid_pipeline_file_is_reported_in_one_sentence(
    api: Api, readable: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bad.yaml").write_text("mixpanel: 1\n")
    monkeypatch.setenv("MIXPANEL_AEP_PIPELINES", str(tmp_path))
    answer = api.get(BOARD, role="viewer")
    assert answer.status_code == 200
    assert "A pipeline file cannot be read: bad.yaml" in answer.text


def test_a_damaged_index_or_history_is_reported_in_one_sentence(
    api: Api, readable: set[str], scenario: Path
) -> None:
    folder = scenario / "_histories" / ("ab" * 16)
    folder.mkdir(parents=True)
    (folder / "history.json").write_text("not JSON")
    answer = api.get(BOARD, role="viewer")
    assert answer.status_code == 200 and "not a readable description of a history" in answer.text


@pytest.mark.parametrize(
    "path",
    [f"/day/{DAG}/2020-01-01", "/day/other_dag/2026-07-01", "/dag/other_dag", f"/run/{DAG}?run_id=none"],
)
def test_a_missing_page_is_reported_in_one_sentence(api: Api, path: str) -> None:
    answer = api.get(BOARD + path, role="admin")
    assert answer.status_code == 404
    assert "This page cannot be shown" in answer.text


def test_other_dags_redirect_to_their_pipeline_which_checks_its_own_permissions(api: Api) -> None:
    answer = api.get(f"{BOARD}/dag/mixpanel_aep_reconcile_shop", role="viewer")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{BOARD}/dag/{DAG}")
    for page in ("day", "report", "rows", "values"):
        assert api.get(f"{BOARD}/{page}/mixpanel_aep_reconcile_shop/{DAY}", role="admin").status_code == 404


def test_a_day_links_to_its_neighbours_within_the_pipeline(api: Api) -> None:
    texts = [
        api.get(f"{BOARD}/day/{DAG}/{day}", role="viewer").text for day in ("2026-06-30", DAY, "2026-07-02")
    ]
    assert ["Day before" in text for text in texts] == [False, True, True]
    assert ["Day after" in text for text in texts] == [True, True, False]


def test_a_board_file_that_cannot_be_written_does_not_fail_the_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    from include.errors import LakeError
    from mixpanel_aep.operators.reconcile import AuditOperator
    from tests.support.pipeline_runner import PIPELINES

    def refuse(*_: Any) -> None:
        raise LakeError("The lake is away.")

    monkeypatch.setattr("include.board.index.write_board_index", refuse)
    audit: Any = None
    AuditOperator(task_id="audit", pipeline=PIPELINES["shop"])._write_board_index(audit, audit, NOW)


def test_the_form_for_several_days_has_the_selected_span(api: Api) -> None:
    text = api.get(f"{BOARD}/day/{DAG}/{DAY}?first=2026-06-30", role="admin").text
    assert 'name="from" value="2026-06-30"' in text and f'name="to" value="{DAY}"' in text


def test_a_run_redirects_to_its_day_and_a_run_without_a_day_to_the_pipeline(api: Api, runs: Any) -> None:
    runs("of-a-day", "success")
    runs("of-no-day", "success", key=None, conf={})
    targets = [
        api.get(f"{BOARD}/run/{DAG}?run_id={name}", role="viewer").headers["location"]
        for name in ("of-a-day", "of-no-day")
    ]
    assert targets == [f"{BOARD}/day/{DAG}/{DAY}", f"{BOARD}/dag/{DAG}"]


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}"])
def test_a_problem_in_xcom_is_shown_as_text_with_its_reason(api: Api, runs: Any, evil: str) -> None:
    runs("failed", "failed", {"sentence": f"Refused {evil}.", "hint": f"Mend {evil}."})
    answer = api.get(f"{BOARD}/day/{DAG}/{DAY}", role="viewer")
    assert "not in AEP: the run failed at the step validate." in answer.text
    assert "Refused" in answer.text and "49" not in re.sub(r"\d{4}-\d\d-\d\d.*?<", "", answer.text)
    assert evil not in answer.text or "<" not in evil


def test_the_overview_names_the_cause_of_each_listed_gap(api: Api, readable: set[str], runs: Any) -> None:
    runs("failed", "failed", {"sentence": "AEP refused <b> the batch.", "hint": ""}, key="2026-06-30")
    text = api.get(BOARD, role="viewer").text
    assert re.search(r"2026-06-30 \(failed\)</a>: AEP refused &lt;b&gt; the batch\.</li>", text)
    assert re.search(r"2026-07-01 \(never run\)</a>: No run was started\.</li>", text)


@pytest.mark.parametrize("problem", ["text", {"sentence": 1}, {}, [], {"sentence": "x", "hint": ["y"]}])
def test_other_xcom_is_ignored(api: Api, runs: Any, problem: Any) -> None:
    runs("failed", "failed", problem)
    assert api.get(f"{BOARD}/day/{DAG}/{DAY}", role="viewer").status_code == 200


def test_the_newest_run_and_active_runs_decide_the_state(api: Api, runs: Any) -> None:
    runs("first", "failed", {"sentence": "No.", "hint": ""})
    runs("second", "running", key=None, conf={"partition_date": str(DAY)})
    with create_session() as session:
        assert [run.run_id for run in runs_of_day(session, DAG, DAY)] == ["first", "second"]
        found = read_runs(session, {DAG: None})[DAG]
        assert {run.run_id for run in found} == {"first", "second"}
        runs("loaded", "success")
        later = datetime(2027, 1, 1, tzinfo=UTC)
        assert {run.run_id for run in read_runs(session, {DAG: later})[DAG]} == {"first", "second"}
    assert State.RUNNING.value in api.get(f"{BOARD}/day/{DAG}/{DAY}", role="viewer").text.lower()


def test_every_page_loads_only_its_own_files_and_has_no_inline_code(api: Api, readable: set[str]) -> None:
    for page in ("", f"/dag/{DAG}", f"/day/{DAG}/{DAY}", f"/rows/{DAG}/{DAY}"):
        answer = api.get(BOARD + page, role="admin")
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
        assert not re.search(r"<script(?! src=)|<style|\son[a-z]+=|style=|javascript:|https?:", answer.text)
    for name in pages._STATIC:
        assert not re.search(r"@import|url\(|https?:", (pages._HERE / "static" / name).read_text())


def test_the_report_is_below_the_outcome_of_the_day(api: Api, scenario: Path) -> None:
    page = scenario / PartitionKey("shop", DAY).report("ab" * 16)
    page.parent.mkdir(parents=True)
    page.write_text("<p>report</p>")
    answer = api.get(f"{BOARD}/report/{DAG}/{DAY}", role="viewer")
    assert "not in AEP: no run has loaded it." in answer.text
    (source,) = re.findall(r'<iframe[^>]* src="([^"]*)"', answer.text)
    assert api.get(source, role="viewer").text == "<p>report</p>"


LINKS = [
    (
        "http://127.0.0.1:8123/_sandbox/aep/batches",
        "http://127.0.0.1:8123/_sandbox/aep/batches/b%20%3C1%3E/page",
    ),
    ("", "https://experience.adobe.com/#/sname:prod%3Cx%3E/platform/batch/b%20%3C1%3E"),
]


@pytest.mark.parametrize(("link", "address"), LINKS)
def test_a_day_with_quarantine_has_a_replay_its_ledger_and_links_to_its_batches(
    api: Api, monkeypatch: pytest.MonkeyPatch, link: str, address: str
) -> None:
    batch = BatchFacts("b <1>", 8, NOW.isoformat(), "run")
    facts = DayFacts(1, NOW.isoformat(), counts=Counts(10, 0, 1, 9, 8, staged=9, refused=1), batches=(batch,))
    record = LedgerRecord(
        number=1, kind="active", run="<i>cli</i>", at=NOW.isoformat(), content="c", staged="s", batch=batch.id
    )
    known = PipelineFacts(Target("org", "prod<x>", "d"), properties={"<b>new": str(DAY), "old": "2026-06-30"})
    monkeypatch.setattr(FactsReader, "fresh_day", lambda *_: facts)
    monkeypatch.setattr(FactsReader, "ledger", lambda *_: [record])
    monkeypatch.setattr(FactsReader, "read", lambda *_: known)
    monkeypatch.setattr("mixpanel_aep.board.routes.batch_link", lambda *_: link)
    text = api.get(f"{BOARD}/day/{DAG}/{DAY}", role="op").text
    assert "9 events that" not in text and "those of the 2 events that are valid then" in text
    assert f'mixpanel-aep quarantine replay shop <span class="day">{DAY}</span>' in text
    assert f'href="{address}"' in text
    assert "the batch is active" in text and "&lt;i&gt;cli" in text
    assert "&lt;b&gt;new" in text and "<code>old</code>" not in text
    assert re.findall(r'<button type="submit" class="(\w+)">([^<]+)<', text) == [
        ("first", "Start the replay"), ("second", "Start the run"), ("second", "Start the backfill"),
    ]  # fmt: skip
    report = api.get(f"{BOARD}/report/{DAG}/{DAY}", role="op").text
    assert f'href="{address}"' in report and "Show the quarantined events" in report
    assert re.search(
        r"Active</th><td class=\"n\">8<.*\n.*Refused before.*<td class=\"n\">1<.*\n.*Refused by AEP.*<td class=\"n\">1<",
        report,
    )


def test_airflow_links_to_the_board_in_its_navigation_on_the_dag_and_on_the_run(api: Api) -> None:
    plugins = api.get("/api/v2/plugins", role="admin").json()["plugins"]
    (ours,) = [each for each in plugins if each["name"] == "mixpanel_aep"]
    assert {each["destination"] for each in ours["external_views"]} == {"nav", "dag", "dag_run"}


def test_the_board_and_the_task_link_a_batch_to_the_same_page() -> None:
    from mixpanel_aep.board.routes import batch_url
    from mixpanel_aep.links import _BATCH

    target: Any = SimpleNamespace(aep_sandbox="prod")
    for link in ("http://127.0.0.1:8765/_sandbox/aep/batches/01A/page", ""):
        assert _BATCH.fullmatch("01B".join(batch_url(link, target)))
    assert batch_url("", None) == ("", "")


@pytest.mark.parametrize("day", ["0001-01-01", "2020-01-01", "9999-12-31"])
@pytest.mark.parametrize("page", ["day", "report", "rows", "values"])
def test_a_day_that_the_pipeline_does_not_have_is_reported_in_one_sentence(
    api: Api, page: str, day: str
) -> None:
    answer = api.get(f"{BOARD}/{page}/{DAG}/{day}", role="admin")
    assert answer.status_code == 404
    assert "Pipeline shop does not have the day" in answer.text


def test_the_dag_of_one_day_and_its_runs_lead_to_the_pipeline_and_to_the_day(api: Api) -> None:
    """The board is a tab of every DAG and of every run."""
    own = "mixpanel_aep_day_shop"
    assert api.get(f"{BOARD}/dag/{own}", role="viewer").headers["location"] == f"{BOARD}/dag/{DAG}"
    conf = {"day": str(DAY), "reprocess": "replace"}
    for run_id, fields in (("good", conf), ("odd", {"day": "<b>"}), ("none", {})):
        add_run(own, run_id, NOW, None, state="success", partition_key=None, conf=fields)
    try:
        found = [
            api.get(f"{BOARD}/run/{own}?run_id={run_id}", role="viewer").headers["location"]
            for run_id in ("good", "odd", "none")
        ]
    finally:
        remove_runs(["good", "odd", "none"])
    assert found == [f"{BOARD}/day/{DAG}/{DAY}", f"{BOARD}/dag/{DAG}", f"{BOARD}/dag/{DAG}"]

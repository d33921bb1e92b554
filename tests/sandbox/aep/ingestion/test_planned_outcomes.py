"""Every state of a batch, and every outcome that a test can plan."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mixpanel_aep_sandbox.aep.core.constants import CATALOG, DEMO_ORG, EXPORT
from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.aep.ingestion.processing.worker import start
from tests.support.sandbox.aep_app import AepApp, aep_app, lines, row

pytestmark = pytest.mark.sandbox
NOON = 1_750_000_000.0


@pytest.fixture
def aep(tmp_path: Path) -> Iterator[AepApp]:
    """A frozen clock, and batches that take 100 seconds."""
    with aep_app(tmp_path, batch_seconds=100.0) as caller:
        caller.state.clock.set(NOON, frozen=True)
        caller.headers["Authorization"] = f"Bearer {caller.token()}"
        yield caller


def settings(aep: AepApp, **body: Any) -> None:
    response = aep.http.post("/_sandbox/aep/settings", json=body)
    assert response.status_code == 200, response.text


def sent(aep: AepApp, dataset: str, *keys: str, **more: Any) -> str:
    """Complete a batch with these rows, and wait until they were checked."""
    batch = aep.create(dataset, **more)
    aep.put(batch, dataset, lines(*(row(key) for key in keys)))
    complete(aep, batch)
    return batch


def complete(aep: AepApp, batch: str) -> None:
    """Complete a batch, and wait until its rows were checked."""
    assert aep.act(batch, "COMPLETE").status_code == 200
    assert start(AepSandboxScope(aep.state, DEMO_ORG, "prod"), batch).wait(20)


def seen(aep: AepApp, batch: str, *seconds: float) -> list[str]:
    """Return the batch's status after each number of seconds."""
    found = []
    for each in seconds:
        aep.state.clock.advance(each)
        aep.headers["Authorization"] = f"Bearer {aep.token()}"
        found.append(aep.batch(batch)["status"])
    return found


def path(*steps: tuple[str, float | None]) -> dict[str, Any]:
    shown = [{"status": word} | ({} if seconds is None else {"seconds": seconds}) for word, seconds in steps]
    return {"outcome": "path", "path": shown}


def test_a_batch_that_alternates_and_becomes_active_late(aep: AepApp) -> None:
    dataset = aep.ready()
    words = ("queued", 10), ("retrying", 10), ("processing", 10), ("retrying", 10), ("stalled", 3600)
    settings(aep, next_batches=[path(*words)])
    batch = sent(aep, dataset, "1")
    assert seen(aep, batch, 0, 10, 10, 10, 10, 3599, 1) == [
        *(word for word, _ in words),
        "stalled",
        "success",
    ]
    assert aep.active(dataset) == ["id1"]


def test_retrying_can_end_in_stalled(aep: AepApp) -> None:
    dataset = aep.ready()
    settings(aep, next_batches=[path(("retrying", 10), ("stalled", None))])
    batch = sent(aep, dataset, "1")
    assert seen(aep, batch, 9, 1, 10**6) == ["retrying", "stalled", "stalled"]
    assert aep.active(dataset) == []
    body = aep.http.post(f"/_sandbox/aep/batches/{batch}", json={"status": "success"}).json()
    assert (body["status"], aep.active(dataset)) == ("success", ["id1"])


def test_a_path_may_end_in_failure(aep: AepApp) -> None:
    dataset = aep.ready()
    settings(aep, next_batches=[path(("a word of tomorrow", 10))])
    batch = aep.create(dataset)
    aep.put(batch, dataset, b"{")
    complete(aep, batch)
    assert seen(aep, batch, 9, 1) == ["a word of tomorrow", "failed"]


def test_the_path_of_a_batch_can_be_planned(aep: AepApp) -> None:
    settings(aep, batch_path=["queued", "loaded", "staging", "staged"])
    batch = sent(aep, aep.ready(), "1")
    assert seen(aep, batch, 0, 25, 25) == ["queued", "loaded", "staging"]
    settings(aep, batch_path=["processing"])
    assert seen(aep, batch, 25, 25) == ["processing", "success"]


def test_the_outcome_of_a_reverted_batch_can_be_planned(aep: AepApp) -> None:
    settings(aep, retire_path=["retained", "archived", "deleted"], delete_seconds=10)
    dataset = aep.ready()
    batch = sent(aep, dataset, "1")
    seen(aep, batch, 100)
    aep.act(batch, "REVERT")
    assert seen(aep, batch, 0, 10, 10, 10) == ["inactive", "retained", "archived", "deleted"]
    assert aep.act(batch, "REVERT").status_code == 200
    assert aep.act(batch, "COMPLETE").status_code == 400


def test_the_outcomes_have_synonyms(aep: AepApp) -> None:
    settings(aep, active_status="active", failed_status="failure")
    dataset = aep.ready()
    good, bad = sent(aep, dataset, "1"), aep.create(dataset)
    complete(aep, bad)
    aep.state.clock.advance(100)
    assert [aep.ended(batch)["status"] for batch in (good, bad)] == ["active", "failure"]
    assert list(aep.ok("GET", f"{CATALOG}/batches", params={"status": "failure"})) == [bad]


def test_a_batch_in_progress_can_be_aborted_only_if_configured(aep: AepApp) -> None:
    dataset = aep.ready()
    batch = sent(aep, dataset, "1")
    assert aep.act(batch, "ABORT").status_code == 400
    settings(aep, abort_until="finalized")
    assert aep.act(batch, "ABORT").status_code == 200
    assert seen(aep, batch, 200) == ["aborted"] and aep.active(dataset) == []
    done = sent(aep, dataset, "2")
    seen(aep, done, 100)
    assert aep.act(done, "ABORT").status_code == 400


def test_an_external_id_is_unique_only_if_configured(aep: AepApp) -> None:
    dataset = aep.ready()
    aep.create(dataset, externalId="day-1")
    aep.create(dataset, externalId="day-1")
    settings(aep, external_ids="unique")
    body = {"datasetId": dataset, "inputFormat": {"format": "json"}, "externalId": "day-1"}
    assert aep.request("POST", "/data/foundation/import/batches", json=body).status_code == 400
    aep.create(dataset, externalId="day-2")


def test_ingested_content_is_a_duplicate_only_if_configured(aep: AepApp) -> None:
    dataset = aep.ready()
    first = sent(aep, dataset, "1")
    seen(aep, first, 100)
    assert seen(aep, sent(aep, dataset, "1"), 100) == ["success"]
    settings(aep, duplicates="refused")
    again, other = sent(aep, dataset, "1"), sent(aep, dataset, "2")
    aep.state.clock.advance(100)
    body = aep.ended(again)
    assert (body["status"], body["errors"][0]["code"]) == ("failed", "140")
    assert first in body["errors"][0]["description"] and "duplicate" in body["errors"][0]["description"]
    assert aep.ended(other)["status"] == "success"
    aep.act(first, "REVERT")
    assert aep.active(dataset) == ["id1", "id2"]


def test_a_duplicate_can_be_planned(aep: AepApp) -> None:
    settings(aep, next_batches=[{"outcome": "duplicate"}])
    batch = sent(aep, aep.ready(), "1")
    assert seen(aep, batch, 100) == ["failed"]
    assert aep.batch(batch)["errors"][0]["code"] == "140"


@pytest.mark.parametrize("shown", [True, False])
def test_metrics_of_a_failed_batch_are_shown_or_not(aep: AepApp, shown: bool) -> None:
    settings(aep, metrics_of_failed="shown" if shown else "hidden")
    dataset = aep.ready()
    batch = aep.create(dataset)
    aep.put(batch, dataset, lines({"_id": "1"}))
    complete(aep, batch)
    seen(aep, batch, 100)
    assert (aep.batch(batch).get("metrics", {}).get("failedRecordCount") == 1) is shown
    assert aep.batch(batch)["failedBatchLocation"]


def test_a_predecessor_completed_after_its_successor_does_not_become_active(aep: AepApp) -> None:
    dataset = aep.ready()
    old = aep.create(dataset, externalId="day-1")
    aep.put(old, dataset, lines(row("1")))
    new = sent(aep, dataset, "2", replay={"predecessorsByExternalId": ["$day-1"], "reason": "replace"})
    seen(aep, new, 100)
    complete(aep, old)
    assert seen(aep, old, 100) == ["inactive"] and aep.active(dataset) == ["id2"]


def test_a_lagging_catalog_lists_nothing_either(aep: AepApp) -> None:
    settings(aep, catalog_lag_seconds=30)
    dataset = aep.ready()
    batch = sent(aep, dataset, "1")
    for address in (
        f"{CATALOG}/batches/{batch}",
        f"{CATALOG}/batch/{batch}",
        f"{EXPORT}/batches/{batch}/files",
    ):
        assert aep.request("GET", address).status_code == 404
    assert aep.ok("GET", f"{CATALOG}/batches") == {} and aep.ok("GET", f"{CATALOG}/lastBatches") == {}
    assert seen(aep, batch, 30, 70) == ["staging", "success"]


def test_a_deleted_dataset_deletes_its_batches(aep: AepApp) -> None:
    dataset = aep.ready()
    done = sent(aep, dataset, "1")
    seen(aep, done, 100)
    waiting, loading = sent(aep, dataset, "2"), aep.create(dataset)
    aep.ok("DELETE", f"{CATALOG}/dataSets/{dataset}")
    assert [aep.batch(batch)["status"] for batch in (done, waiting, loading)] == [
        "inactive",
        "aborted",
        "aborted",
    ]
    assert aep.put(loading, dataset, b"x").status_code == 404
    assert aep.request("GET", f"{EXPORT}/datasets/{dataset}/preview").status_code == 404


@pytest.mark.parametrize(
    "plan",
    [
        5,
        {"outcome": "path"},
        {"outcome": "path", "path": []},
        {"outcome": "path", "path": [{"seconds": 1}]},
        {"outcome": "path", "path": [{"status": "a"}, {"status": "b"}]},
        {"outcome": "path", "path": [{"status": "a", "seconds": -1}]},
        {"outcome": "stalled", "seconds": True},
        {"outcome": "delay", "seconds": 1e300},
        {"outcome": "partial", "rows": "1"},
        {"outcome": "failed", "errors": {}},
        {"outcome": "failed", "external_id": 5},
    ],
)
def test_invalid_plans_are_refused(aep: AepApp, plan: Any) -> None:
    assert aep.http.post("/_sandbox/aep/settings", json={"next_batches": [plan]}).status_code == 400


@pytest.mark.parametrize(("percent", "state"), [(None, "failed"), (49, "failed"), (50, "success")])
def test_rows_refused_as_planned_count_toward_the_threshold_and_are_in_the_diagnostics(
    aep: AepApp, percent: int | None, state: str
) -> None:
    dataset = aep.ready()
    settings(aep, next_batches=[{"outcome": "refused", "rows": 1}])
    more = {} if percent is None else {"partialIngestionPercent": percent}
    batch = sent(aep, dataset, "a", "b", enableErrorDiagnostics=True, **more)
    assert seen(aep, batch, 105) == [state]
    body = aep.batch(batch)
    active = ["b"] if state == "success" else []
    counts = [body["metrics"][f"{name}RecordCount"] for name in ("input", "output", "failed")]
    assert (counts, aep.active(dataset)) == ([2, len(active), 1], [row(key)["_id"] for key in active])
    assert [error["code"] for error in body["errors"]] == ["INGEST-1212-400", "INGEST-1554-400"]
    path = f"{EXPORT}/batches/{batch}/meta"
    found = aep.request("GET", path, params={"path": "row_errors/validation_errors_0.json"})
    assert row("a")["_id"] in found.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"batch_seconds": -1},
        {"batch_seconds": 1e300},
        {"active_status": "done"},
        {"batch_path": []},
        {"batch_path": ["a", 5]},
        {"retire_path": "deleted"},
        {"most_files": None},
        {"batches_per_minute": "many"},
        {"duplicates": "perhaps"},
        {"complete_file_status": 500},
        {"next_batches": {}},
        {"next_batches": None},
    ],
)
def test_invalid_settings_are_refused(aep: AepApp, wrong: dict[str, Any]) -> None:
    assert aep.http.post("/_sandbox/aep/settings", json=wrong).status_code == 400
    body = b'{"batch_seconds": NaN}'
    assert aep.http.post("/_sandbox/aep/settings", content=body).status_code == 400


@pytest.mark.parametrize("body", [{"status": 5}, {"status": "failed", "errors": "x"}, {"status": "success"}])
def test_impossible_actions_on_a_batch_are_refused(aep: AepApp, body: dict[str, Any]) -> None:
    batch = aep.create(aep.ready())
    aep.act(batch, "ABORT")
    assert aep.http.post(f"/_sandbox/aep/batches/{batch}", json=body).status_code == 400
    assert aep.http.get("/_sandbox/aep/batches", params={"sandbox": "none"}).status_code == 400


def test_another_user_completes_a_batch(aep: AepApp) -> None:
    dataset = aep.ready()
    batch = aep.create(dataset)
    aep.put(batch, dataset, lines(row("1")))
    body = aep.http.post(f"/_sandbox/aep/batches/{batch}", json={"status": "active"}).json()
    assert (body["status"], aep.active(dataset)) == ("success", ["id1"])
    body = aep.http.post(f"/_sandbox/aep/batches/{batch}", json={"status": "inactive"}).json()
    assert (body["status"], aep.active(dataset)) == ("inactive", [])

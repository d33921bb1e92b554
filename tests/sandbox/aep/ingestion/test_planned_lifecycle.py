"""Settings and plans that change the life cycle of a batch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mixpanel_aep_sandbox.aep.core.constants import CATALOG
from tests.support.sandbox.aep_app import AepApp, aep_app, lines, row
from tests.support.sandbox.timed_batches import sent, settings, status

pytestmark = pytest.mark.sandbox


def test_planned_ends(aep: AepApp) -> None:
    dataset = aep.ready()
    settings(
        aep,
        next_batches=[{"outcome": "failed", "external_id": "day-*"}, {"outcome": "stalled", "seconds": 50}],
    )
    stalled = sent(aep, dataset, "1")
    failed = sent(aep, dataset, "2", externalId="day-1")
    normal = sent(aep, dataset, "3", externalId="day-2")
    aep.state.clock.advance(100)
    assert [status(aep, batch) for batch in (stalled, failed, normal)] == ["stalled", "failed", "success"]
    assert aep.batch(failed)["errors"] and aep.active(dataset) == ["id3"]
    aep.state.clock.advance(50)
    assert (status(aep, stalled), aep.active(dataset)) == ("success", ["id1", "id3"])
    assert settings(aep)["next_batches"] == []


def test_planned_messages_and_losses(aep: AepApp) -> None:
    dataset = aep.ready()
    plans = [
        {"outcome": "status", "status": "quarantining"},
        {"outcome": "retrying", "seconds": 10},
        {"outcome": "partial", "rows": 1},
        {"outcome": "partial", "rows": 1, "silent": True},
    ]
    settings(aep, next_batches=plans)
    word, retrying, partial, silent = (sent(aep, dataset, f"{n}a", f"{n}b") for n in range(4))
    aep.state.clock.advance(105)
    assert [status(aep, batch) for batch in (word, retrying)] == ["quarantining", "retrying"]
    aep.state.clock.advance(1000)
    assert [status(aep, batch) for batch in (word, retrying)] == ["quarantining", "success"]
    for batch, failed in ((partial, 1), (silent, 0)):
        body = aep.batch(batch)
        counts = [body["metrics"][f"{name}RecordCount"] for name in ("input", "output", "failed")]
        assert (body["status"], counts, bool(body["errors"])) == ("success", [2, 1, failed], bool(failed))
    assert aep.active(dataset) == ["id1a", "id1b", "id2b", "id3b"]


@pytest.mark.parametrize(
    "body",
    [
        {"batch_seconds": "soon"},
        {"batch_seconds": True},
        {"nothing": 1},
        {"next_batches": [{"outcome": "explode"}]},
        {"next_batches": [{"outcome": "status"}]},
        {"next_batches": [{"outcome": "delay"}]},
    ],
)
def test_invalid_settings_change_nothing(aep: AepApp, body: dict[str, Any]) -> None:
    before = settings(aep)
    assert aep.http.post("/_sandbox/aep/settings", json={"token_seconds": 5, **body}).status_code == 400
    assert settings(aep) == before


def test_actions_of_other_users_on_a_batch(aep: AepApp) -> None:
    dataset = aep.ready()
    batch = aep.create(dataset)
    assert aep.http.post(f"/_sandbox/aep/batches/{batch}", json={"status": "aborted"}).status_code == 200
    assert status(aep, batch) == "aborted"
    aep.http.post(f"/_sandbox/aep/batches/{batch}", json={"vanished": True})
    assert aep.request("GET", f"{CATALOG}/batches/{batch}").status_code == 404
    assert aep.ok("GET", f"{CATALOG}/batches") == {}
    aep.http.post(f"/_sandbox/aep/batches/{batch}", json={"vanished": False})
    assert status(aep, batch) == "aborted"
    assert aep.http.post("/_sandbox/aep/batches/none", json={}).status_code == 400
    summary = aep.http.get("/_sandbox/aep/batches").json()["batches"]
    assert [(each["id"], each["status"]) for each in summary] == [(batch, "aborted")]


def test_catalog_can_lag(aep: AepApp) -> None:
    settings(aep, catalog_lag_seconds=30)
    batch = aep.create(aep.ready())
    assert aep.request("GET", f"{CATALOG}/batches/{batch}").status_code == 404
    aep.state.clock.advance(30)
    assert status(aep, batch) == "loading"


def test_settings_survive_a_restart_and_end_with_a_reset(tmp_path: Path) -> None:
    with aep_app(tmp_path, batch_seconds=3.0) as first:
        settings(first, batch_seconds=7, abandon_seconds=60)
    with aep_app(tmp_path, batch_seconds=3.0) as second:
        assert (settings(second)["batch_seconds"], settings(second)["abandon_seconds"]) == (7, 60)
        second.ready()
        second.state.store.clear()
        for forget in second.state.on_reset:
            forget()
        assert settings(second)["batch_seconds"] == 3.0
        second.headers["Authorization"] = f"Bearer {second.token()}"
        assert second.ok("GET", f"{CATALOG}/dataSets") == {}
        second.ready()


def test_active_rows_are_found_by_name_and_id(tmp_path: Path) -> None:
    with aep_app(tmp_path) as aep:
        dataset = aep.ready()
        batch = aep.load(dataset, lines(row("1"), row("2")))["id"]
        by_name = aep.http.get("/_sandbox/aep/active", params={"dataset": "Events"}).text
        assert by_name == aep.http.get("/_sandbox/aep/active", params={"dataset": dataset}).text
        assert json.loads(by_name.split("\n")[0]) == {"_id": "id1", "batch": batch}
        assert aep.http.get("/_sandbox/aep/active", params={"dataset": "none"}).status_code == 400
        where = {"dataset": dataset, "sandbox": "dev"}
        assert aep.http.get("/_sandbox/aep/active", params=where).status_code == 400
        assert (
            len(
                aep.http.get("/_sandbox/aep/rows", params={"dataset": dataset, "limit": "1"}).text.split("\n")
            )
            == 2
        )

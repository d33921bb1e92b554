"""A batch's states over the sandbox's time: nothing is readable before success, and time decides, not requests."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from mixpanel_aep_sandbox.aep.core.constants import CATALOG, DEMO_ORG, EXPORT
from mixpanel_aep_sandbox.aep.core.scope import BATCHES, AepSandboxScope
from mixpanel_aep_sandbox.aep.ingestion.files import result_path
from mixpanel_aep_sandbox.aep.ingestion.processing import worker as jobs
from tests.support.sandbox.aep_app import AepApp, aep_app, lines, row
from tests.support.sandbox.timed_batches import NOON, sent, settings, status, stop

pytestmark = pytest.mark.sandbox


def test_states_in_order_and_nothing_readable_before_success(aep: AepApp) -> None:
    dataset = aep.ready()
    batch = sent(aep, dataset, "1")
    seen = []
    for _ in range(10):
        body = aep.batch(batch)
        seen.append(body["status"])
        assert "metrics" not in body and "errors" not in body
        assert aep.active(dataset) == [] and aep.rows(dataset) == []
        assert aep.ok("GET", f"{EXPORT}/batches/{batch}/files")["data"] == []
        assert aep.ok("GET", f"{EXPORT}/datasets/{dataset}/preview")["data"] == []
        aep.state.clock.advance(10)
    assert list(dict.fromkeys(seen)) == ["loaded", "staging", "processing", "staged"]
    body = aep.batch(batch)
    assert (body["status"], aep.active(dataset)) == ("success", ["id1"])
    assert (body["started"], body["completed"]) == (int(NOON * 1000), int((NOON + 100) * 1000))
    assert body["tags"]["acp_finalized_time"] == [str(int(NOON * 1000))]


def test_loading_until_completed(aep: AepApp) -> None:
    dataset = aep.ready()
    batch = aep.create(dataset)
    aep.put(batch, dataset, lines(row()))
    aep.state.clock.advance(6 * 86400)
    stop(aep, aep.state.clock.seconds())
    assert (status(aep, batch), aep.active(dataset)) == ("loading", [])
    aep.state.clock.advance(2 * 86400)
    stop(aep, aep.state.clock.seconds())
    assert status(aep, batch) == "abandoned"
    assert aep.act(batch, "COMPLETE").status_code == 400


def test_a_late_write_is_refused_with_catalogs_state(aep: AepApp) -> None:
    dataset = aep.ready()
    batch = sent(aep, dataset, "1")
    refused = aep.put(batch, dataset, lines(row("2")))
    assert (refused.status_code, status(aep, batch)) == (400, "loaded")
    assert refused.json()["detail"] == f"Batch {batch} is loaded: no file can be written to it."


def test_complete_is_idempotent_and_later_calls_change_no_time(aep: AepApp) -> None:
    dataset = aep.ready()
    batch = sent(aep, dataset, "1")
    before = aep.batch(batch)
    aep.state.clock.advance(50)
    assert aep.act(batch, "complete").status_code == 200
    assert aep.batch(batch)["started"] == before["started"]
    aep.state.clock.advance(50)
    assert aep.act(batch, "COMPLETE").status_code == 200
    assert (status(aep, batch), aep.active(dataset)) == ("success", ["id1"])


@pytest.mark.parametrize(
    ("done", "then", "code", "ends"),
    [
        ([], "ABORT", 200, "aborted"),
        (["ABORT"], "abort", 200, "aborted"),
        (["ABORT"], "COMPLETE", 400, "aborted"),
        (["ABORT"], "REVERT", 400, "aborted"),
        ([], "FAIL", 200, "failed"),
        (["FAIL"], "ABORT", 400, "failed"),
        (["FAIL"], "REVERT", 400, "failed"),
        ([], "REVERT", 400, "loading"),
        ([], "EXPLODE", 400, "loading"),
        (["COMPLETE"], "ABORT", 400, "loaded"),
        (["COMPLETE"], "FAIL", 400, "loaded"),
        (["COMPLETE"], "REVERT", 400, "loaded"),
        (["COMPLETE", ""], "ABORT", 400, "success"),
        (["COMPLETE", ""], "REVERT", 200, "inactive"),
        (["COMPLETE", "", "REVERT"], "REVERT", 200, "inactive"),
        (["COMPLETE", "", "REVERT"], "COMPLETE", 400, "inactive"),
    ],
)
def test_actions(aep: AepApp, done: list[str], then: str, code: int, ends: str) -> None:
    dataset = aep.ready()
    batch = aep.create(dataset)
    aep.put(batch, dataset, lines(row()))
    for action in done:
        if action:
            assert aep.act(batch, action).status_code == 200
        else:
            settled(aep, batch)
    response = aep.act(batch, then)
    assert (response.status_code, status(aep, batch)) == (code, ends)
    assert code != 200 or response.content == b""
    if code == 400 and then != "EXPLODE":
        assert f"Batch {batch} is {ends} and cannot be" in response.json()["detail"]
    assert aep.active(dataset) == (["id1"] if ends == "success" else [])


def settled(aep: AepApp, batch: str) -> None:
    aep.state.clock.advance(101)
    assert aep.ended(batch)["status"] == "success"


def test_actions_on_nothing(aep: AepApp) -> None:
    assert aep.act("none", "COMPLETE").status_code == 404
    assert aep.act(aep.create(aep.ready()), "").status_code == 400


def test_reverted_rows_disappear_at_once_and_the_batch_later(aep: AepApp) -> None:
    dataset = aep.ready()
    batch = sent(aep, dataset, "1")
    settled(aep, batch)
    aep.act(batch, "REVERT")
    assert aep.active(dataset) == []
    aep.state.clock.advance(86399)
    stop(aep, aep.state.clock.seconds())
    assert status(aep, batch) == "inactive"
    aep.state.clock.advance(1)
    assert status(aep, batch) == "deleted"
    assert not list(aep.state.store.folder.joinpath("files").rglob("*/ids"))


@pytest.mark.parametrize(
    "replay",
    [
        {"predecessors": ["OLD"], "reason": "replace"},
        {"predecessors": ["$OLD"], "reason": "replace"},
        {"predecessors": ["${OLD}"], "reason": "replace"},
        {"predecessorsByExternalId": ["old"], "reason": "replace"},
    ],
)
def test_replay_replaces_only_when_the_new_batch_succeeds(aep: AepApp, replay: dict[str, Any]) -> None:
    dataset = aep.ready()
    old = sent(aep, dataset, "1", "2", externalId="old")
    other = sent(aep, dataset, "9")
    settled(aep, old)
    replay = json.loads(json.dumps(replay).replace("OLD", old))
    bad = aep.create(dataset, replay=replay)
    aep.put(bad, dataset, lines({"_id": "x"}))
    aep.act(bad, "COMPLETE")
    aep.state.clock.advance(101)
    assert aep.ended(bad)["status"] == "failed"
    assert aep.active(dataset) == ["id1", "id2", "id9"]
    new = sent(aep, dataset, "2", "3", replay=replay)
    assert aep.batch(new)["replay"]["reason"] == "replace"
    assert aep.batch(new)["replay"].get("predecessors", [old]) == [old]
    assert aep.active(dataset) == ["id1", "id2", "id9"]
    aep.state.clock.advance(101)
    # The new batch was not read before: reading the rows is enough.
    assert aep.active(dataset) == ["id9", "id2", "id3"]
    assert (status(aep, old), status(aep, other), status(aep, new)) == ("inactive", "success", "success")


def test_a_predecessor_in_progress_does_not_become_active_later(aep: AepApp) -> None:
    dataset = aep.ready()
    settings(aep, next_batches=[{"outcome": "delay", "seconds": 500}])
    old = sent(aep, dataset, "1")
    new = sent(aep, dataset, "2", replay={"predecessors": [old], "reason": "replace"})
    settled(aep, new)
    assert aep.active(dataset) == ["id2"]
    aep.state.clock.advance(1000)
    assert (status(aep, old), aep.active(dataset)) == ("inactive", ["id2"])


def test_predecessors_of_another_dataset_are_ignored(aep: AepApp) -> None:
    dataset = aep.ready()
    schema = aep.ok("GET", f"{CATALOG}/dataSets/{dataset}")[dataset]["schemaRef"]["id"]
    batch = sent(aep, dataset, "1", externalId="mine")
    settled(aep, batch)
    elsewhere = aep.dataset(schema, "Other")
    new = sent(aep, elsewhere, "2", replay={"predecessorsByExternalId": ["mine"], "reason": "replace"})
    settled(aep, new)
    assert (aep.active(dataset), aep.active(elsewhere)) == (["id1"], ["id2"])


def test_a_restart_in_the_middle(tmp_path: Path) -> None:
    """Unchecked rows are checked after the restart, and uploaded files are still there."""
    with aep_app(tmp_path, batch_seconds=100.0) as first:
        stop(first)
        dataset = first.ready()
        open_batch = first.create(dataset)
        first.put(open_batch, dataset, lines(row("2")), "a.json")
        waiting = sent(first, dataset, "1")
        settings(first, active_status="active")
        # As if the process had ended before the rows were checked.
        first.state.store.delete("aep/DEMO0000@AdobeOrg/prod/outcomes", waiting)
    with aep_app(tmp_path, batch_seconds=100.0) as second:
        stop(second, NOON + 200)
        assert second.ended(waiting)["status"] == "active"
        assert second.put(open_batch, dataset, lines(row("3")), "a.json").status_code == 200
        second.act(open_batch, "COMPLETE")
        second.state.clock.advance(101)
        assert second.ended(open_batch)["status"] == "active"
        assert second.active(dataset) == ["id3", "id1"]


def test_without_a_delay_the_batch_ends_at_once(tmp_path: Path) -> None:
    with aep_app(tmp_path, batch_seconds=0.0) as aep:
        dataset = aep.ready()
        batch = aep.create(dataset)
        aep.put(batch, dataset, lines(row()))
        aep.act(batch, "COMPLETE")
        assert (status(aep, batch), aep.active(dataset)) == ("success", ["id1"])


def test_two_concurrent_completes_are_one(tmp_path: Path) -> None:
    with aep_app(tmp_path, batch_seconds=0.0) as aep:
        dataset = aep.ready()
        batch = aep.create(dataset)
        aep.put(batch, dataset, lines(row()))
        answers: list[int] = []
        threads = [
            threading.Thread(target=lambda: answers.append(aep.act(batch, "COMPLETE").status_code))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [200] * 8
        assert aep.active(dataset) == ["id1"]


def test_rows_are_checked_once(aep: AepApp) -> None:
    """For any number of callers: a second check would overwrite what the first is read from."""
    batch = sent(aep, aep.ready(), "1")
    scope = AepSandboxScope(aep.state, DEMO_ORG, "prod")
    ids = result_path(scope, batch, "ids")
    before = ids.stat()
    assert jobs.start(scope, batch).wait(10)
    assert (ids.stat().st_ino, ids.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_batch_deleted_while_its_rows_are_read_is_not_an_error(
    aep: AepApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reset of the sandbox deletes the files with the batch, without an error."""
    scope, ended = AepSandboxScope(aep.state, DEMO_ORG, "prod"), threading.Event()
    scope.put(BATCHES, "going", {"state": "promoting"})

    def reset(scope: AepSandboxScope, batch: dict[str, Any]) -> None:
        scope.delete(BATCHES, "going")
        ended.set()
        raise FileNotFoundError

    monkeypatch.setattr("mixpanel_aep_sandbox.aep.ingestion.processing.process_batch.process_batch", reset)
    assert jobs.start(scope, "going").wait(10)
    assert ended.is_set()
    assert scope.get(jobs.BATCH_RESULTS, "going") is None

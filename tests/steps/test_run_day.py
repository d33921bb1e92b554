"""The five steps against the sandbox, without Airflow: complete, once, no phantom, honest, explained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import requests

from include.errors import BadManifest, BatchFailed, CountMismatch, PipelineError, Terminal, Transient
from include.lake.keys import HISTORIES
from include.lake.lake import Lake
from include.steps.ingest.step import PendingBatch
from mixpanel_aep_sandbox.core.server import SandboxServer
from scripts.demo.evidence import Comparison, Sandbox
from tests.support.pipeline_runner import CONNECTIONS, PIPELINES, PipelineRunner, quick_sandbox

pytestmark = pytest.mark.sandbox
NONE = Comparison(0, 0, 0)
HOSTILE_DAY, TUTORIAL_DAY = date(2026, 7, 1), date(2022, 5, 17)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SandboxServer]:
    with quick_sandbox(tmp_path / "sandbox") as server:
        yield server


@pytest.fixture
def hostile(server: SandboxServer, tmp_path: Path) -> PipelineRunner:
    runner = PipelineRunner(server.url, Lake(f"file://{tmp_path}/lake"), PIPELINES["hostile"])
    runner.setup()
    return runner


def calls(runner: PipelineRunner) -> Counter[str]:
    return Sandbox(runner.url).calls()


def test_a_hostile_day_arrives_complete_and_once(hostile: PipelineRunner) -> None:
    result = hostile.run_partition(HOSTILE_DAY)
    assert (result.exported, result.duplicates, result.quarantined, result.active) == (9, 1, 0, 8)
    assert hostile.compare(HOSTILE_DAY) == NONE


def test_a_second_run_requests_nothing_new(hostile: PipelineRunner) -> None:
    before = hostile.run_partition(HOSTILE_DAY)
    asked = calls(hostile)
    assert hostile.run_partition(HOSTILE_DAY) == before
    assert calls(hostile) == asked
    kinds = [r.kind for r in hostile.records(HOSTILE_DAY)]
    assert kinds == ["claimed", "created", "completing", "active"]


def test_a_second_setup_changes_nothing(hostile: PipelineRunner) -> None:
    assert hostile.setup() == []


def test_adobes_sample_keeps_its_instants(server: SandboxServer, tmp_path: Path) -> None:
    """Its project counts wall-clock time in Los Angeles; read as UTC its rows would be seven hours early."""
    runner = PipelineRunner(server.url, Lake(f"file://{tmp_path}/lake"), PIPELINES["adobe-tutorial"])
    runner.setup()
    assert runner.run_partition(TUTORIAL_DAY).active == 1
    answer = requests.get(
        f"{server.url}/_sandbox/aep/rows", params={"dataset": runner.pipeline.aep.dataset}, timeout=10
    )
    assert "2022-05-18T05:05:48" in answer.text
    assert runner.compare(TUTORIAL_DAY) == NONE


def test_an_empty_day_is_an_explicit_result_without_a_batch(hostile: PipelineRunner) -> None:
    day = date(2026, 6, 30)
    result = hostile.ingest(day, hostile.stage(day))
    assert (result.batch_id, result.active) == (None, 0)
    assert calls(hostile)["batch"] == 0
    assert [r.kind for r in hostile.records(day)] == ["empty"]


def test_json_lines_are_accepted_as_parquet_is(hostile: PipelineRunner) -> None:
    aep = hostile.pipeline.aep.model_copy(update={"file_format": "json"})
    hostile.pipeline = hostile.pipeline.model_copy(update={"aep": aep})
    assert hostile.run_partition(HOSTILE_DAY).active == 8
    assert hostile.compare(HOSTILE_DAY) == NONE


def test_the_sandbox_refuses_what_disabled_validation_lets_through(
    server: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sandbox is independent of the pipeline: it checks the uploaded bytes with its own code."""
    from include.quality.suite import Screen

    rows = [{"source": "event", "destination": "_{TENANT_ID}.mixpanel.currency"}]
    monkeypatch.setattr("include.steps.transform.step.read_mapping_file", lambda name: rows)
    monkeypatch.setattr(Screen, "failed", lambda self: set())
    runner = PipelineRunner(server.url, Lake(f"file://{tmp_path}/lake"), PIPELINES["shop"])
    runner.setup()
    day = date(2026, 6, 30)
    with pytest.raises(BatchFailed, match=r"AEP refused batch .* of partition 2026-06-30: .*currency"):
        runner.ingest(day, runner.stage(day))
    assert list(Sandbox(runner.url).active(runner.pipeline.aep.dataset)) == []
    assert runner.records(day)[-1].kind == "failed"


def test_fewer_rows_than_staged_are_never_green(
    hostile: PipelineRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged = hostile.stage(HOSTILE_DAY)
    more = staged.model_copy(update={"files": (staged.files[0].model_copy(update={"rows": 9}),)})
    with pytest.raises(BadManifest, match="has 8 rows, but its manifest states 9"):
        hostile.ingest(HOSTILE_DAY, more)
    assert hostile.records(HOSTILE_DAY)[-1].kind == "claimed", "no batch was made"
    monkeypatch.setattr("include.steps.ingest.batch_upload.require_rows_of_day", lambda *_: None)
    with pytest.raises(CountMismatch, match="succeeded with 8 rows and 0 failed ones, but 9 were staged"):
        hostile.ingest(HOSTILE_DAY, more)


def test_other_content_of_an_active_partition_is_not_loaded_in_addition(hostile: PipelineRunner) -> None:
    hostile.run_partition(HOSTILE_DAY)
    hostile.pipeline = hostile.pipeline.model_copy(update={"unmapped": "drop"})
    assert hostile.ingest(HOSTILE_DAY, hostile.stage(HOSTILE_DAY)).again
    assert calls(hostile)["batch"] == 1
    assert hostile.compare(HOSTILE_DAY) == NONE


def test_a_run_that_died_before_complete_is_continued_with_the_same_batch(
    hostile: PipelineRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    from include.aep.batches import Batches

    staged = hostile.stage(HOSTILE_DAY)
    for moment in ("upload", "complete"):
        with monkeypatch.context() as patch:
            patch.setattr(Batches, moment, _die)
            with pytest.raises(KeyboardInterrupt):
                hostile.ingest(HOSTILE_DAY, staged)
    assert hostile.ingest(HOSTILE_DAY, staged).active == 8
    assert calls(hostile)["batch"] == 1
    assert hostile.compare(HOSTILE_DAY) == NONE


def test_a_batch_with_a_lost_id_is_found_again(
    hostile: PipelineRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    from include.steps.ingest.batch_loader import BatchLoader

    staged = hostile.stage(HOSTILE_DAY)
    record = BatchLoader.record
    with monkeypatch.context() as patch:
        patch.setattr(
            BatchLoader,
            "record",
            lambda self, kind, *a, **k: _die() if kind == "created" else record(self, kind, *a, **k),
        )
        with pytest.raises(KeyboardInterrupt):
            hostile.ingest(HOSTILE_DAY, staged)
    assert hostile.ingest(HOSTILE_DAY, staged).active == 8
    assert calls(hostile)["batch"] == 1


def test_a_batch_removed_in_aep_is_loaded_again(hostile: PipelineRunner) -> None:
    """Also with other content: this is how a corrected mapping reaches a loaded day."""
    first = hostile.run_partition(HOSTILE_DAY)
    hostile.aep.batches.revert(first.batch)
    hostile.pipeline = hostile.pipeline.model_copy(update={"unmapped": "drop"})
    again = hostile.run_partition(HOSTILE_DAY)
    assert again.active == 8
    assert hostile.compare(HOSTILE_DAY) == NONE


def test_corrected_content_is_loaded_after_aep_refused_the_batch_before(hostile: PipelineRunner) -> None:
    settings = {"next_batches": [{"outcome": "failed"}], "batch_seconds": 60}
    requests.post(f"{hostile.url}/_sandbox/aep/settings", json=settings, timeout=10).raise_for_status()
    died_watching = hostile.advance(HOSTILE_DAY, hostile.stage(HOSTILE_DAY), "run that died watching")
    assert isinstance(died_watching, PendingBatch)
    requests.post(
        f"{hostile.url}/_sandbox/clock", json={"advance_seconds": 60}, timeout=10
    ).raise_for_status()
    requests.post(
        f"{hostile.url}/_sandbox/aep/settings", json={"batch_seconds": 0}, timeout=10
    ).raise_for_status()
    hostile.pipeline = hostile.pipeline.model_copy(update={"unmapped": "drop"})
    assert hostile.run_partition(HOSTILE_DAY).active == 8
    assert hostile.compare(HOSTILE_DAY) == NONE
    kinds = [r.kind for r in hostile.records(HOSTILE_DAY)]
    assert kinds == [
        "claimed",
        "created",
        "completing",
        "failed",
        "claimed",
        "created",
        "completing",
        "active",
    ]


def test_a_success_without_counts_is_polled_again(
    hostile: PipelineRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from include.aep.batches import Batches

    staged, find = hostile.stage(HOSTILE_DAY), Batches.find
    with monkeypatch.context() as patch:
        patch.setattr(Batches, "find", lambda self, batch: replace(find(self, batch), output_records=None))
        with pytest.raises(Transient, match="not its number of rows yet"):
            hostile.ingest(HOSTILE_DAY, staged)
    assert hostile.ingest(HOSTILE_DAY, staged).active == 8


def test_a_new_batch_is_filled_before_the_catalog_lists_it(hostile: PipelineRunner) -> None:
    lag = {"catalog_lag_seconds": 3600}
    requests.post(f"{hostile.url}/_sandbox/aep/settings", json=lag, timeout=10).raise_for_status()
    hostile.advance(HOSTILE_DAY, hostile.stage(HOSTILE_DAY))
    kinds = [r.kind for r in hostile.records(HOSTILE_DAY)]
    assert kinds == ["claimed", "created", "completing"]


def _die(*_args: object, **_kwargs: object) -> None:
    """An exception that no handler of the product catches, as a kill."""
    raise KeyboardInterrupt


WRONG = {
    "secret": ({"password": "wrong"}, r"connection|credentials", "mixpanel_hostile"),
    "project": ({"extra": {"project_id": 999}}, r"project", "999|mixpanel_hostile"),
    "region": ({"extra": {"region": "us"}}, r"region|cluster|residency", "us"),
}


@pytest.mark.parametrize("name", WRONG)
def test_invalid_mixpanel_connections_are_named_in_one_sentence(hostile: PipelineRunner, name: str) -> None:
    changes, says, names = WRONG[name]
    hostile.connection = changes
    with pytest.raises(Terminal, match=f"(?i){says}") as refused:
        hostile.export(HOSTILE_DAY)
    assert_readable(refused.value, hostile)
    assert pytest.importorskip("re").search(names, str(refused.value))


def test_an_expired_service_account_is_named(hostile: PipelineRunner) -> None:
    row = CONNECTIONS["mixpanel_hostile"]
    account = {
        "username": row["conn_login"],
        "secret": row["conn_password"],
        "expires": "2026-01-01T00:00:00Z",
    }
    project = {"id": hostile.project_id, "accounts": [account]}
    requests.post(f"{hostile.url}/_sandbox/mixpanel/projects", json=project, timeout=10).raise_for_status()
    with pytest.raises(Terminal, match=r"(?i)mixpanel_hostile.*expire|expire.*mixpanel_hostile") as refused:
        hostile.export(HOSTILE_DAY)
    assert_readable(refused.value, hostile)


def test_a_wrong_client_secret_is_named(hostile: PipelineRunner) -> None:
    raw = hostile.export(HOSTILE_DAY)
    hostile.aep_connection = {"password": "wrong-secret"}
    with pytest.raises(Terminal, match="aep_default") as refused:
        hostile.transform(HOSTILE_DAY, raw)
    assert_readable(refused.value, hostile)


def test_an_unknown_dataset_is_named_with_what_to_do(server: SandboxServer, tmp_path: Path) -> None:
    runner = PipelineRunner(server.url, Lake(f"file://{tmp_path}/lake"), PIPELINES["hostile"])
    with pytest.raises(Terminal, match=r"'Mixpanel Hostile Events'.*setup DAG") as refused:
        runner.transform(HOSTILE_DAY, runner.export(HOSTILE_DAY))
    assert_readable(refused.value, runner)


def test_a_read_only_lake_is_named_before_a_request_to_mixpanel(
    hostile: PipelineRunner, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    asked = calls(hostile)
    with pytest.raises(PipelineError, match=r"lake file://.*/file/lake") as refused:
        hostile.lake = Lake(f"file://{tmp_path}/file/lake")
        hostile.export(HOSTILE_DAY)
    assert calls(hostile) == asked
    assert "\n" not in str(refused.value)


def assert_readable(error: PipelineError, runner: PipelineRunner) -> None:
    """Assert one line, no secret, and nothing partly published."""
    text = str(error)
    assert "\n" not in text
    assert "Traceback" not in text
    assert "not-real" not in text
    assert list(runner.lake.keys(HISTORIES)) == []

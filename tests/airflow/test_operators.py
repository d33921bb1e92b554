"""Operators defer and report, the trigger only polls."""

from __future__ import annotations

import asyncio
import re
import runpy
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import time_machine
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    TaskDeferred,
)

from include.config.model import Pipeline
from include.errors import AccessDenied, Throttled
from include.lake.keys import PartitionKey
from include.lake.lake import Lake
from include.steps.ingest.step import IngestResult
from include.steps.workspace import Workspace
from mixpanel_aep.operators.clean import CleanOperator
from mixpanel_aep.operators.export import MixpanelExportOperator
from mixpanel_aep.operators.ingest import AepIngestOperator, dataset_asset
from mixpanel_aep.operators.reconcile import (
    ReconcileCloseOperator,
    ReconcileRefreshOperator,
)
from mixpanel_aep.operators.transform import XdmTransformOperator
from mixpanel_aep.triggers.batch import BatchTrigger
from tests.airflow.task_context import task_context as context
from tests.support.pipeline_runner import PIPELINES, PipelineRunner

pytestmark = pytest.mark.airflow
DAY = date(2026, 7, 1)
PROJECT = Path(__file__).parents[2]


@time_machine.travel(datetime(2026, 7, 2, 3, tzinfo=UTC), tick=False)
def test_the_export_of_an_unsettled_day_defers(url: str) -> None:
    operator = MixpanelExportOperator(task_id="export", pipeline=PIPELINES["hostile"])
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context())
    assert deferred.value.trigger.moment == datetime(2026, 7, 2, 6, tzinfo=UTC)


@time_machine.travel(datetime(2026, 7, 1, 23, 59, tzinfo=UTC), tick=False)
def test_a_day_that_has_not_ended_is_refused_at_once(url: str) -> None:
    operator = MixpanelExportOperator(task_id="export", pipeline=PIPELINES["hostile"])
    with pytest.raises(AirflowFailException, match="Partition 2026-07-01 has not ended in UTC"):
        operator.execute(context())


def test_an_exhausted_budget_defers(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def used_up(self: object) -> None:
        raise Throttled("used up.", wait_seconds=600)

    monkeypatch.setattr("include.mixpanel.export_budget.ExportBudget.acquire", used_up)
    operator = MixpanelExportOperator(task_id="export", pipeline=PIPELINES["hostile"])
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context())
    assert deferred.value.trigger.moment > datetime.now(UTC) + timedelta(seconds=500)


def test_ingest_defers_on_the_batch_and_its_deadline_survives_the_trigger(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mixpanel_aep.operators.ingest._POLL_SECONDS", ())
    requests.post(f"{url}/_sandbox/aep/settings", json={"batch_seconds": 3600}, timeout=10).raise_for_status()
    pipeline = PIPELINES["hostile"]
    runner = PipelineRunner(url, Lake(f"file://{tmp_path}/lake"), pipeline)
    runner.setup()
    digest = runner.stage(DAY).digest
    operator = AepIngestOperator(task_id="ingest", pipeline=pipeline)
    run = context()
    run["ti"].xcom = {("stage", "return_value"): {"digest": digest}}
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(run)
    deadline = deferred.value.kwargs["deadline"]
    assert deferred.value.trigger.deadline == deadline > time.time() + 5 * 3600
    with pytest.raises(TaskDeferred) as again:
        operator.look_again(run, {"status": "loaded", "in_time": True}, deadline)
    assert again.value.kwargs["deadline"] == deadline
    with pytest.raises(AirflowException, match="no second batch is created"):
        operator.look_again(run, {"status": "loaded", "in_time": False}, deadline)


def test_the_trigger_serializes_its_init_and_reports_the_end(url: str, tmp_path: Path) -> None:
    runner = PipelineRunner(url, Lake(f"file://{tmp_path}/lake"), PIPELINES["hostile"])
    runner.setup()
    batch = runner.run_partition(DAY).batch
    path, kwargs = BatchTrigger("aep_default", batch, time.time() + 60).serialize()
    assert path == "mixpanel_aep.triggers.batch.BatchTrigger"
    assert BatchTrigger(**kwargs).serialize() == (path, kwargs)
    started = time.monotonic()
    event = asyncio.run(anext(BatchTrigger(**{**kwargs, "poll_seconds": 0.3}).run()))
    assert event.payload == {"status": "success", "in_time": True}
    assert time.monotonic() - started >= 0.3, "it waits before its first poll"


def test_the_trigger_ends_at_its_deadline_also_when_aep_is_unavailable(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger = BatchTrigger("aep_default", "01NONE", deadline=time.time() + 0.3, poll_seconds=0.05)
    event = asyncio.run(anext(trigger.run()))
    assert event.payload["in_time"] is False


def test_the_trigger_ends_when_aep_rejects_its_credentials(url: str) -> None:
    """For example because the secret was replaced in the meantime: the operator polls with the current connection."""
    requests.post(
        f"{url}/_sandbox/aep/settings", json={"secrets": ["another"]}, timeout=10
    ).raise_for_status()
    trigger = BatchTrigger("aep_default", "01NONE", time.time() + 60, poll_seconds=0.05)
    event = asyncio.run(anext(trigger.run()))
    assert event.payload == {"status": "unknown (CredentialsRejected)", "in_time": True}


@pytest.mark.parametrize("operator", [XdmTransformOperator, AepIngestOperator])
def test_a_step_defers_while_aep_asks_to_wait(url: str, tmp_path: Path, operator: Any) -> None:
    pipeline = PIPELINES["hostile"]
    runner = PipelineRunner(url, Lake(f"file://{tmp_path}/lake"), pipeline)
    runner.setup()
    done = {"export": runner.export(DAY).digest, "stage": runner.stage(DAY).digest}
    busy = {"match": {"path": "/data/*"}, "action": {"do": "answer", "status": 429, "retry_after": 900}}
    requests.post(f"{url}/_sandbox/faults", json=busy, timeout=10).raise_for_status()
    run = context()
    run["ti"].xcom = {(step, "return_value"): {"digest": digest} for step, digest in done.items()}
    with pytest.raises(TaskDeferred) as deferred:
        operator(task_id="step", pipeline=pipeline).execute(run)
    wait = deferred.value.trigger.moment - datetime.now(UTC)
    assert timedelta(seconds=800) < wait <= timedelta(seconds=900)


def test_transform_reports_how_often_it_set_which_column_to_null(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = PIPELINES["hostile"]
    runner = PipelineRunner(url, Lake(f"file://{tmp_path}/lake"), pipeline)
    runner.setup()
    odd = {"time": 1782907300, "distinct_id": "u", "$insert_id": "odd", "$screen_width": "wide"}
    body = {"events": [{"event": "Odd", "properties": odd}]}
    requests.post(
        f"{url}/_sandbox/mixpanel/projects/{runner.project_id}/events", json=body, timeout=10
    ).raise_for_status()
    run = context()
    run["ti"].xcom = {("export", "return_value"): {"digest": runner.export(DAY).digest}}
    reported: list[str] = []
    log = SimpleNamespace(info=lambda text, *values: reported.append(text % values))
    log.warning = log.info
    monkeypatch.setattr(XdmTransformOperator, "log", log)
    counts = XdmTransformOperator(task_id="transform", pipeline=pipeline).execute(run)["counts"]
    (warned,) = (text for text in reported if "set to null" in text)
    assert sum(int(number) for number in re.findall(r"=(\d+)", warned)) == counts["warnings"] > 0
    assert any(f"warnings={counts['warnings']}" in text for text in reported)


def test_one_asset_represents_one_dataset() -> None:
    assets = {dataset_asset(pipeline).uri for pipeline in PIPELINES.values()}
    assert len(assets) == len(PIPELINES)


def reconcile_dag(pipeline: Pipeline) -> Any:
    """Return the reconcile DAG of a pipeline without a file."""
    return runpy.run_path(str(PROJECT / "dags/mixpanel_aep_reconcile.py"))["build"](pipeline)


def test_reconcile_refreshes_loads_late_events_and_reports_orphans(url: str, tmp_path: Path) -> None:
    pipeline = PIPELINES["hostile"].model_copy(update={"late_days": 2, "end_date": None})
    runner = PipelineRunner(url, Lake(f"file://{tmp_path}/lake"), pipeline)
    runner.setup()
    with time_machine.travel(datetime(2026, 7, 2, 12, tzinfo=UTC), tick=True):
        first = runner.ingest(DAY, runner.stage(DAY), "earlier")
        late = {
            "time": 1782907300,
            "distinct_id": "u",
            "$insert_id": "late",
            "mp_processing_time_ms": 1782907400000,
        }
        body = {"events": [{"event": "Late", "properties": late}]}
        requests.post(
            f"{url}/_sandbox/mixpanel/projects/{runner.project_id}/events", json=body, timeout=10
        ).raise_for_status()
        run = context(None)
        days = ReconcileRefreshOperator(task_id="refresh", pipeline=pipeline).execute(run)
        assert days == ["2026-06-30", "2026-07-01"]
        events: dict[Any, Any] = {dataset_asset(pipeline): SimpleNamespace(add_partitions=lambda key: None)}
        mapped = reconcile_dag(pipeline).get_task("day")
        for day in days:
            summary = mapped.unmap({"day": day}).execute({**run, "outlet_events": events})
        assert summary["counts"] == {
            "staged": 1,
            "active": first.active + 1,
            "refused": 0,
            "late": 1,
            "changed": 0,
            "vanished": 0,
        }
        closed = ReconcileCloseOperator(task_id="close", pipeline=pipeline).execute(run)
        assert closed == {"swept": [], "late_beyond_window": {}}


def test_ingest_reports_the_rows_of_forgotten_people_that_aep_still_has(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lines: list[str] = []
    log = SimpleNamespace(info=lambda text, *values: lines.append(text % values))
    monkeypatch.setattr(AepIngestOperator, "log", log)
    task = AepIngestOperator(task_id="ingest", pipeline=PIPELINES["hostile"])
    event = SimpleNamespace(add_partitions=lambda key: None)
    given: Any = {"outlet_events": {dataset_asset(PIPELINES["hostile"]): event}}
    place = Workspace.of(Lake(f"file://{tmp_path}"), PIPELINES["hostile"], DAY)

    def counts(**staged: int) -> Any:
        manifest: Any = SimpleNamespace(
            digest="d", counts={"staged": 0, "changed": 1, "vanished": 2, **staged}
        )
        return task._summarize_load(
            place, given, manifest, IngestResult(("b",), 5, 0, late=True, again=False)
        )["counts"]

    assert counts(forgotten=3)["forgotten"] == 3
    assert "forgotten" not in counts()
    assert [line.partition("1 changed, ")[2] for line in lines] == [
        "2 vanished, 3 forgotten",
        "2 vanished, 0 forgotten",
    ]


def test_a_lake_that_forbids_deletions_skips_cleaning_unless_the_pipeline_requires_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = f"file://{tmp_path}/lake"
    usual = PIPELINES["hostile"].model_copy(update={"lake": lake})
    asked = Pipeline.model_validate({**usual.model_dump(by_alias=True), "retention": {"report_days": 1}})
    partition = PartitionKey("hostile", DAY)
    key = partition.report("ab" * 16)
    for each in (key, f"{partition.output('transform', 'ab' * 16)}/part-00000.parquet"):
        Lake(lake).create(each, b"x")

    def forbid(self: Lake, key: str) -> None:
        raise AccessDenied("This worker has no permission to remove it.", "Give its role that right.")

    def clean(pipeline: Pipeline) -> Any:
        return CleanOperator(task_id="clean", pipeline=pipeline).execute(context(None))

    with time_machine.travel(datetime.now(UTC) + timedelta(days=30), tick=True):
        with monkeypatch.context() as patch:
            patch.setattr(Lake, "remove_object", forbid)
            with pytest.raises(AirflowSkipException, match="may not remove objects"):
                clean(usual)
            with pytest.raises(AirflowFailException, match="may not remove objects"):
                clean(asked)
        assert Lake(lake).has(key)
        assert clean(asked)["counts"]["removed_reports"] == 1
    assert not Lake(lake).has(key)

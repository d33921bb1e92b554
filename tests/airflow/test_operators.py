"""Hooks build clients and mask secrets, operators defer and translate errors, the trigger only polls."""

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

from include.clock import SYSTEM_CLOCK
from include.config.loader import load_pipeline
from include.config.model import Pipeline
from include.errors import AccessDenied, ConfigError, Conflict, Terminal, Throttled, Transient
from include.lake.keys import PartitionKey
from include.lake.lake import Lake
from include.steps.ingest.step import IngestResult
from include.steps.workspace import Workspace
from mixpanel_aep import hooks
from mixpanel_aep.context import partition_of, requested_refresh, should_replace
from mixpanel_aep.errors import FailNow, TryAgain, translate_errors
from mixpanel_aep.hooks.aep import AepHook
from mixpanel_aep.hooks.mixpanel import MixpanelHook
from mixpanel_aep.operators.base import day_run
from mixpanel_aep.operators.clean import CleanOperator
from mixpanel_aep.operators.export import MixpanelExportOperator
from mixpanel_aep.operators.ingest import AepIngestOperator, dataset_asset
from mixpanel_aep.operators.reconcile import (
    ReconcileCloseOperator,
    ReconcileRefreshOperator,
)
from mixpanel_aep.operators.transform import XdmTransformOperator
from mixpanel_aep.triggers.batch import BatchTrigger
from tests.airflow.connections import connection_variables
from tests.airflow.task_context import FakeTaskInstance
from tests.airflow.task_context import task_context as context
from tests.support.pipeline_runner import PIPELINES, PipelineRunner, quick_sandbox

pytestmark = pytest.mark.airflow
DAY = date(2026, 7, 1)
PROJECT = Path(__file__).parents[2]


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with quick_sandbox(tmp_path / "sandbox") as server:
        for name, value in connection_variables(server.url).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AIRFLOW_VAR_MIXPANEL_AEP_LAKE", f"file://{tmp_path}/lake")
        yield server.url


def test_the_connection_tests_answer_in_one_sentence(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ok, sentence = MixpanelHook("mixpanel_adobe_tutorial").test_connection()
    assert ok
    assert "America/Los_Angeles" in sentence
    ok, sentence = AepHook("aep_default").test_connection()
    assert ok
    assert "'prod'" in sentence
    monkeypatch.setenv(
        "AIRFLOW_CONN_AEP_DEFAULT",
        connection_variables(url)["AIRFLOW_CONN_AEP_DEFAULT"].replace("not-real", "wrong"),
    )
    ok, sentence = AepHook("aep_default").test_connection()
    assert not ok
    assert "wrong-0001" not in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("hook", [MixpanelHook("mixpanel_shop"), AepHook("aep_default")])
def test_the_connection_tests_fail_fast_on_a_closed_port_and_name_it(
    hook: MixpanelHook | AepHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in connection_variables("http://127.0.0.1:1").items():
        monkeypatch.setenv(name, value)
    waits: list[float] = []
    monkeypatch.setitem(vars(SYSTEM_CLOCK), "sleep", waits.append)
    ok, sentence = hook.test_connection()
    assert not ok
    assert "(ConnectionError at 127.0.0.1:1)" in sentence
    assert len(waits) == 1


def test_every_secret_is_masked_at_once(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    masked: list[str] = []
    monkeypatch.setattr(hooks.aep, "mask_secret", masked.append)
    monkeypatch.setattr(hooks.mixpanel, "mask_secret", masked.append)
    AepHook("aep_default").get_conn().registry.tenant_id()
    MixpanelHook("mixpanel_shop").settings()
    assert "demo-secret-not-real-0001" in masked
    assert "demo-secret-not-real-0000" in masked
    assert any(len(secret) > 20 and "demo" not in secret for secret in masked), "the bearer token"


@pytest.mark.parametrize(
    ("key", "conf", "says"),
    [
        (None, None, "no partition"),
        ("2026-13-01", None, "is not a valid day"),
        ("2026-07-01", {"partition": "x", "sql": "drop"}, "unknown keys: partition, sql"),
    ],
)
def test_a_run_without_a_day_is_refused_with_a_sentence(key, conf, says) -> None:
    with pytest.raises(ConfigError, match=says):
        partition_of(context(key, conf))


@pytest.mark.parametrize("conf", [None, {}, {"partition_date": None}, {"partition_date": "2026-07-01"}])
def test_the_partition_is_the_key_or_the_conf(conf: dict[str, Any] | None) -> None:
    assert partition_of(context("2026-07-01", conf)) == DAY
    assert partition_of(context(None, {"partition_date": "2026-07-01"})) == DAY


def test_a_contradicting_key_and_partition_date_are_refused_with_both_days() -> None:
    asked = context("2026-07-01", {"partition_date": "2026-06-30"})
    with pytest.raises(ConfigError) as refused:
        partition_of(asked)
    assert "partition key 2026-07-01" in str(refused.value)
    assert "partition_date is 2026-06-30" in str(refused.value)
    with pytest.raises(AirflowFailException, match="partition_date is 2026-06-30"):
        MixpanelExportOperator(task_id="export", pipeline=PIPELINES["hostile"]).execute(asked)


def test_a_run_of_a_day_after_the_end_date_is_refused(url: str) -> None:
    with pytest.raises(AirflowFailException, match="Partition 2026-08-01 is after the end_date 2026-07-31"):
        MixpanelExportOperator(task_id="export", pipeline=PIPELINES["hostile"]).execute(context("2026-08-01"))


def test_a_retry_keeps_its_refresh_id_and_a_cleared_task_gets_a_new_one() -> None:
    asked = {"export_again": True}
    first = requested_refresh(context(conf=asked, ti=FakeTaskInstance(max_tries=4)))
    assert requested_refresh(context(conf=asked, ti=FakeTaskInstance(max_tries=4))) == first
    assert requested_refresh(context(conf=asked, ti=FakeTaskInstance(max_tries=5))) != first


@pytest.mark.parametrize(
    ("error", "becomes"),
    [
        (Terminal("a."), FailNow),
        (Transient("a."), TryAgain),
        (Conflict("a."), TryAgain),
    ],
)
def test_only_errors_that_may_pass_are_retried(error, becomes) -> None:
    with pytest.raises(becomes) as raised, translate_errors():
        raise error
    assert type(raised.value) is becomes
    assert isinstance(raised.value, AirflowFailException) is isinstance(error, Terminal)


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


def test_the_day_of_a_pipeline_knows_those_of_other_connections_to_its_aep_sandbox(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AEP_OTHER", connection_variables(url)["AIRFLOW_CONN_AEP_DEFAULT"])
    folder = tmp_path / "pipelines"
    folder.mkdir()
    text = (PROJECT / "include/pipelines/hostile.yaml").read_text()
    for name, conn_id in {"own": "aep_default", "other": "aep_other", "unread": "aep_missing"}.items():
        mine = text.replace("aep_default", conn_id).replace("Hostile Events", f"{name} Events")
        (folder / f"{name}.yaml").write_text(mine)
    pipeline = load_pipeline(folder / "own.yaml")
    workspace = Workspace.of(Lake(f"file://{tmp_path}/lake"), pipeline, DAY)
    found = day_run(pipeline, workspace, "dag/run", backfill=True).neighbours()
    assert ([each.name for each in found.pipelines], found.unread) == (["other"], ("unread",))


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


def test_an_unexpected_error_is_reported_by_type_and_place_without_row_values(
    caplog: pytest.LogCaptureFixture,
) -> None:
    value = "kari@example.com"
    with (
        pytest.raises(AirflowException, match="A defect of mixpanel-aep: ValueError") as raised,
        translate_errors(),
    ):
        int(value)
    assert "kari" not in caplog.text + str(raised.value)
    assert "test_hooks_and_operators" in caplog.text


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
        days = ReconcileRefreshOperator(task_id="look", pipeline=pipeline).execute(run)
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


@pytest.mark.parametrize(
    "conf", [{"reprocess": "all"}, {"reprocess": 1}, {"export_again": "yes"}, {"replace": True}]
)
def test_an_invalid_conf_is_refused(conf: dict[str, Any]) -> None:
    asked = context(conf=conf)
    with pytest.raises(ConfigError, match="This run's"):
        (partition_of(asked), should_replace(asked), requested_refresh(asked))


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


def test_options_of_a_run_are_read_from_its_conf() -> None:
    assert (should_replace(context()), requested_refresh(context())) == (False, None)
    asked = context(conf={"reprocess": "replace", "export_again": True})
    assert (partition_of(asked), should_replace(asked), requested_refresh(asked)) == (DAY, True, "d/r/4")


@pytest.mark.parametrize(("run_type", "ahead"), [("backfill", True), ("scheduled", False), ("manual", False)])
def test_only_a_run_of_a_backfill_exports_other_days_too(
    url: str, tmp_path: Path, run_type: str, ahead: bool
) -> None:
    pipeline = PIPELINES["hostile"]
    operator = MixpanelExportOperator(task_id="export", pipeline=pipeline)
    place = Workspace.of(Lake(f"file://{tmp_path}/lake"), pipeline, date(2026, 7, 1))
    steps = operator.steps(place, context(run_type=run_type))
    assert (steps.ahead is not None) is ahead

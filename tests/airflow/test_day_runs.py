"""What a run of a day reads from Airflow: its partition, its options and its neighbours; and how it reports errors."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
)

from include.config.loader import load_pipeline
from include.errors import ConfigError, Conflict, Terminal, Transient
from include.lake.lake import Lake
from include.steps.workspace import Workspace
from mixpanel_aep.context import partition_of, requested_refresh, should_replace
from mixpanel_aep.errors import FailNow, TryAgain, translate_errors
from mixpanel_aep.operators.base import day_run
from mixpanel_aep.operators.export import MixpanelExportOperator
from tests.airflow.connections import connection_variables
from tests.airflow.task_context import FakeTaskInstance
from tests.airflow.task_context import task_context as context
from tests.support.pipeline_runner import PIPELINES

pytestmark = pytest.mark.airflow

DAY = date(2026, 7, 1)
PROJECT = Path(__file__).parents[2]


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
    assert "test_day_runs" in caplog.text


@pytest.mark.parametrize(
    "conf", [{"reprocess": "all"}, {"reprocess": 1}, {"export_again": "yes"}, {"replace": True}]
)
def test_an_invalid_conf_is_refused(conf: dict[str, Any]) -> None:
    asked = context(conf=conf)
    with pytest.raises(ConfigError, match="This run's"):
        (partition_of(asked), should_replace(asked), requested_refresh(asked))


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

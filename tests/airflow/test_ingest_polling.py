"""A task waits for a batch that becomes active quickly; otherwise it defers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from airflow.sdk.exceptions import TaskDeferred

from include.clock import SYSTEM_CLOCK
from include.lake.lake import Lake
from mixpanel_aep.operators.base import PipelineOperator
from mixpanel_aep.operators.ingest import AepIngestOperator, dataset_asset
from tests.airflow.connections import connection_variables
from tests.airflow.processes import wait_for
from tests.airflow.task_context import FakeTaskInstance, task_context
from tests.support.pipeline_runner import PIPELINES, PipelineRunner, quick_sandbox

pytestmark = pytest.mark.airflow
DAY = date(2026, 7, 1)
PIPELINE = PIPELINES["hostile"]
HEARTBEAT_SECONDS = 5
"""Airflow's default ``[workers] min_heartbeat_interval``."""


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PipelineRunner]:
    with quick_sandbox(tmp_path / "sandbox") as server:
        for name, value in connection_variables(server.url).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AIRFLOW_VAR_MIXPANEL_AEP_LAKE", f"file://{tmp_path}/lake")
        runner = PipelineRunner(server.url, Lake(f"file://{tmp_path}/lake"), PIPELINE)
        runner.setup()
        yield runner


@pytest.fixture
def waits(runner: PipelineRunner, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Record the operator's waits, which advance only the sandbox's clock."""
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        post(runner, "clock", advance_seconds=seconds)

    monkeypatch.setitem(vars(SYSTEM_CLOCK), "sleep", sleep)
    return waited


def post(runner: PipelineRunner, path: str, **body: Any) -> None:
    requests.post(f"{runner.url}/_sandbox/{path}", json=body, timeout=10).raise_for_status()


def statuses(runner: PipelineRunner) -> set[str]:
    batches = requests.get(f"{runner.url}/_sandbox/aep/batches", timeout=10).json()["batches"]
    return {batch["status"] for batch in batches}


def ingest(runner: PipelineRunner) -> Any:
    staged = {("stage", "return_value"): {"digest": runner.stage(DAY).digest}}
    context = task_context(ti=FakeTaskInstance(xcom=staged))
    context["outlet_events"] = {dataset_asset(PIPELINE): SimpleNamespace(add_partitions=lambda key: None)}
    return AepIngestOperator(task_id="ingest", pipeline=PIPELINE).execute(context)


def test_a_batch_that_is_active_after_three_seconds_does_not_defer_its_task(
    runner: PipelineRunner, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    post(runner, "aep/settings", batch_seconds=3)
    advance = SYSTEM_CLOCK.sleep

    def sleep(seconds: float) -> None:
        """The sandbox reads the rows in its own thread, in real time."""
        advance(seconds)
        wait_for(lambda: sum(waits) < 3 or statuses(runner) == {"success"})

    monkeypatch.setitem(vars(SYSTEM_CLOCK), "sleep", sleep)
    assert ingest(runner)["counts"]["active"] == 8
    assert 3 <= sum(waits) <= 8


def test_a_batch_that_takes_longer_defers_its_task_after_eight_seconds(
    runner: PipelineRunner, waits: list[float]
) -> None:
    post(runner, "aep/settings", batch_seconds=60)
    with pytest.raises(TaskDeferred) as deferred:
        ingest(runner)
    assert sum(waits) == 8
    assert deferred.value.trigger.poll_seconds > HEARTBEAT_SECONDS


def test_an_unreachable_aep_during_polling_costs_no_try(
    runner: PipelineRunner, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    post(runner, "aep/settings", batch_seconds=60)
    sleep = SYSTEM_CLOCK.sleep

    def away(seconds: float) -> None:
        fault = {"match": {"path": "/data/foundation/catalog/*"}, "action": {"do": "answer", "status": 503}}
        post(runner, "faults", **fault)
        sleep(seconds)

    monkeypatch.setitem(vars(SYSTEM_CLOCK), "sleep", away)
    with pytest.raises(TaskDeferred):
        ingest(runner)


def test_no_deferral_is_shorter_than_a_supervisors_delay(runner: PipelineRunner) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        PipelineOperator(task_id="step", pipeline=PIPELINE).defer_until(SYSTEM_CLOCK.now())
    wait = deferred.value.trigger.moment - SYSTEM_CLOCK.now()
    assert wait.total_seconds() > HEARTBEAT_SECONDS

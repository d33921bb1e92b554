"""The section ``airflow:`` of a pipeline file: what it says reaches the DAGs, and what it does not say stays as it was."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization

from include.config.airflow import TASKS
from include.config.loader import load_pipeline
from mixpanel_aep.pods import SIZES, PodSize, executor_config, pod_mutation_hook, pod_size
from tests.airflow.conftest import PROJECT

pytestmark = pytest.mark.airflow
SECTION = {
    "owner": "web-analytics",
    "tags": ["team-web"],
    "schedule": None,
    "reconcile_schedule": "30 5 * * 1",
    "max_active_runs": 9,
    "retries": 7,
    "retry_delay_seconds": 10,
    "max_retry_delay_seconds": 60,
    "priority": 3,
    "tasks": {
        "export": {"pool": "night", "retries": 1, "timeout_hours": 4, "priority": 20, "queue": "large"},
        "day": {"pool": "night", "timeout_hours": 1.5},
    },
}


def parse(folder: Path, monkeypatch: pytest.MonkeyPatch, section: dict[str, Any]) -> dict[str, Any]:
    data = yaml.safe_load((PROJECT / "include/pipelines/shop.yaml").read_text(encoding="utf-8"))
    (folder / "shop.yaml").write_text(yaml.safe_dump({**data, "airflow": section}), encoding="utf-8")
    monkeypatch.setenv("MIXPANEL_AEP_PIPELINES", str(folder))
    bag = DagBag(str(PROJECT / "dags"))
    assert bag.import_errors == {}
    # As the scheduler has them.
    return {name: DagSerialization.from_dict(DagSerialization.to_dict(dag)) for name, dag in bag.dags.items()}


def test_what_the_file_says_reaches_every_dag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dags = parse(tmp_path, monkeypatch, SECTION)
    assert len(dags) == 5
    for dag in dags.values():
        for task in dag.tasks:
            assert (task.owner, task.priority_weight >= 3) == ("web-analytics", True), task.task_id
            assert task.retries == (1 if task.task_id == "export" else 7)
            assert (task.retry_delay, task.max_retry_delay) == (timedelta(seconds=10), timedelta(seconds=60))
            assert task.retry_exponential_backoff == 2.0
        assert ("team-web" in dag.tags) == (dag.dag_id != "mixpanel_aep_setup")
    daily, reconcile = dags["mixpanel_to_aep_shop"], dags["mixpanel_aep_reconcile_shop"]
    assert daily.max_active_runs == 9
    assert daily.timetable.summary == "days of UTC, on request"
    assert reconcile.timetable.summary == "30 5 * * 1"
    export, day = daily.get_task("export"), reconcile.get_task("day")
    assert (export.pool, export.queue, export.priority_weight) == ("night", "large", 20)
    assert export.execution_timeout == timedelta(hours=4)
    assert (day.pool, day.execution_timeout) == ("night", timedelta(hours=1.5))
    assert daily.get_task("ingest").pool == "aep_ingest"


def test_an_empty_section_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dags = parse(tmp_path, monkeypatch, {})
    daily = dags["mixpanel_to_aep_shop"]
    assert (daily.max_active_runs, daily.timetable.summary) == (4, "daily, UTC")
    assert dags["mixpanel_aep_reconcile_shop"].timetable.summary == "0 7 * * *"
    for dag in dags.values():
        for task in dag.tasks:
            name: Any = "setup" if dag.dag_id == "mixpanel_aep_setup" else task.task_id
            made = TASKS[name]
            assert (task.owner, task.retries, task.pool) == ("data-platform", made.retries, made.pool)
            assert task.execution_timeout == timedelta(hours=made.timeout_hours)
            assert (task.queue, task.priority_weight, task.executor_config) == ("default", 1, {})


def test_a_missing_pool_of_a_pipeline_file_is_reported_and_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from airflow.models import Pool
    from airflow.utils.db import initdb

    from mixpanel_aep.pools import add_missing_pools, missing_pools

    parse(tmp_path, monkeypatch, SECTION)
    initdb()
    add_missing_pools()
    assert missing_pools() == ["night"]
    assert any("no pool night, which a pipeline file names" in line for line in caplog.messages)
    assert Pool.get_pool("night") is None


@pytest.mark.parametrize(
    ("chosen", "size"),
    [
        ({}, SIZES["transform"]),
        ({"memory": "1536Mi"}, PodSize("1", "1536Mi", "2", "2Gi")),
        ({"memory": "4Gi", "cpu": "3"}, PodSize("3", "4Gi", "3", "4Gi")),
        ({"max_memory": "512Mi", "max_cpu": "500m"}, PodSize("500m", "512Mi", "500m", "512Mi")),
    ],
)
def test_a_pod_never_requests_more_than_its_limit(chosen: dict[str, str], size: PodSize) -> None:
    assert pod_size("transform", chosen) == size


def test_the_pods_size_comes_with_the_task_and_the_hook_leaves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's classes are stood in for; tests/deploy tests the hook with the real ones."""

    class Made(SimpleNamespace):
        pass

    client, models = ModuleType("kubernetes.client"), ModuleType("kubernetes.client.models")
    for name in ("V1ResourceRequirements", "V1Container", "V1ObjectMeta", "V1PodSpec", "V1Pod"):
        setattr(models, name, type(name, (Made,), {}))
    client.models = models  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "kubernetes.client", client)
    monkeypatch.setattr("mixpanel_aep.pods.find_spec", lambda name: object())
    made = executor_config("transform", {"memory": "4Gi"})["pod_override"]
    made.metadata.labels = {"dag_id": "mixpanel_to_aep_shop", "task_id": "transform"}
    pod_mutation_hook(made)
    (container,) = made.spec.containers
    assert container.resources.requests == {"cpu": "1", "memory": "4Gi"}
    assert container.resources.limits == {"cpu": "2", "memory": "4Gi"}
    assert executor_config("transform", {}) == {}


def test_a_file_with_the_section_is_read(tmp_path: Path) -> None:
    data = yaml.safe_load((PROJECT / "include/pipelines/shop.yaml").read_text(encoding="utf-8"))
    (tmp_path / "shop.yaml").write_text(yaml.safe_dump({**data, "airflow": SECTION}), encoding="utf-8")
    settings = load_pipeline(tmp_path / "shop.yaml").airflow
    assert settings.pools == {"night"}
    assert (settings.schedule, settings.reconcile_schedule) == (None, "30 5 * * 1")

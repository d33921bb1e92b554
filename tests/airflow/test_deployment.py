"""What a deployment may lack or have in an old version: pools, versions; and pipelines set up concurrently."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from include.cli.airflow_deployment import AirflowDeployment
from include.cli.checks import _check_airflow
from include.cli.local_airflow import Airflow
from include.cli.settings_lookup import LakeSetting
from include.config.airflow import TASKS
from include.config.pools import POOLS
from include.errors import AlreadyExists, ConfigError
from tests.support.pipeline_runner import PIPELINES

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def pools() -> Iterator[Any]:
    """Airflow's table of pools, without those of this project."""
    from airflow.models import Pool
    from airflow.utils.db import initdb
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    initdb()

    def clear() -> None:
        with create_session() as session:
            session.execute(delete(Pool).where(Pool.pool.in_([pool.name for pool in POOLS])))

    clear()
    yield Pool
    clear()


@pytest.mark.airflow
def test_a_starting_component_adds_missing_pools_and_keeps_the_others(pools: Any) -> None:
    from airflow.jobs.job import Job
    from airflow.listeners.listener import get_listener_manager

    import mixpanel_aep.pools

    pools.create_or_update_pool("aep_ingest", 32, "our own", include_deferred=False)
    manager = get_listener_manager()
    assert manager.has_listeners
    assert manager.pm.is_registered(mixpanel_aep.pools), "by the plugin"
    Job()  # As the scheduler does at its start.
    found = {
        pool.name: (pools.get_pool(pool.name).slots, pools.get_pool(pool.name).description) for pool in POOLS
    }
    expected = {pool.name: (pool.slots, pool.description) for pool in POOLS} | {"aep_ingest": (32, "our own")}
    assert found == expected
    assert mixpanel_aep.pools.add_missing_pools() == []


@pytest.mark.airflow
def test_a_starting_task_does_not_use_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.execution_time.task_runner import TaskRunnerMarker

    import mixpanel_aep.pools

    monkeypatch.setattr(mixpanel_aep.pools, "add_missing_pools", lambda: pytest.fail("the database was used"))
    mixpanel_aep.pools.on_starting(TaskRunnerMarker())


@pytest.mark.airflow
def test_the_command_line_reports_missing_pools(pools: Any) -> None:
    from airflow import __version__

    from mixpanel_aep.cli_bridge import _deployment
    from mixpanel_aep.pools import add_missing_pools

    missing = [pool.name for pool in POOLS]
    assert _deployment() == {"airflow": __version__, "missing_pools": missing, "heartbeat_seconds": 1.0}
    add_missing_pools()
    assert _deployment()["missing_pools"] == []


@pytest.mark.unit
def test_files_and_dags_name_the_same_pools() -> None:
    for name in ("airflow_pools.yaml", "airflow_settings.yaml"):
        rows = yaml.safe_load((PROJECT / name).read_text(encoding="utf-8"))["airflow"]["pools"]
        assert [(row["pool_name"], row["pool_slot"], row["pool_description"]) for row in rows] == [
            (pool.name, pool.slots, pool.description) for pool in POOLS
        ]
    used = {task.pool for task in TASKS.values()} - {"default_pool"}
    assert used == {pool.name for pool in POOLS}


@pytest.mark.unit
def test_an_incomplete_airflow_is_refused_with_instructions() -> None:
    assert AirflowDeployment("3.3.2", (), 1.0).require_usable().startswith("version 3.3.2, with every pool")
    assert "MIN_HEARTBEAT_INTERVAL is 5: set it to 1" in AirflowDeployment("3.3.0", (), 5.0).require_usable()
    for version in ("3.2.1", "3.4.0", "2.11.0", "4.0.0"):
        with pytest.raises(ConfigError, match=f"Airflow {re.escape(version)} is not supported"):
            AirflowDeployment(version, (), 1.0).require_usable()
    with pytest.raises(ConfigError, match="no pool aep_query: tasks that use the pool are never scheduled"):
        AirflowDeployment("3.3.2", ("aep_query",), 1.0).require_usable()


@pytest.mark.unit
@pytest.mark.parametrize(
    ("lake_setting", "connections", "said"),
    [
        (LakeSetting("s3://x", "Airflow's variable"), None, "no pool aep_query"),
        (LakeSetting("s3://x", "--lake"), None, "no pool aep_query"),
        (LakeSetting("s3://x", "--lake"), Path("c.yaml"), "not checked"),
    ],
)
def test_check_uses_the_airflow_that_runs_the_tasks(
    lake_setting: LakeSetting, connections: Path | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = {"airflow": "3.3.2", "missing_pools": ["aep_query"], "heartbeat_seconds": 1.0}
    monkeypatch.setattr(Airflow, "is_configured", True)
    monkeypatch.setattr(Airflow, "_output", answers)
    project: Any = SimpleNamespace(airflow=Airflow(()), lake_setting=lake_setting, connections=connections)
    try:
        found = _check_airflow(project)
    except ConfigError as error:
        found = str(error)
    assert said in found


@pytest.mark.unit
def test_the_supported_airflow_is_the_one_of_the_requirements() -> None:
    (bounds,) = re.findall(
        r"^apache-airflow(\S+)", (PROJECT / "requirements.in").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert bounds == ">=3.3,<3.4"


@pytest.mark.airflow
def test_unrelated_pipelines_are_set_up_concurrently(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import runpy

    for name, dataset, group in (
        ("a", "A", "shop.json"), ("b", "B", "shop.json"), ("c", "C", "mixpanel-defaults.json"), ("d", "D", None),
    ):  # fmt: skip
        data = PIPELINES["hostile"].model_dump(
            mode="json", by_alias=True, exclude={"name"}, exclude_none=True
        )
        data["mixpanel"]["conn_id"] = f"mixpanel_{name}"
        data["aep"] |= {"dataset": dataset, "schema": f"Schema {name}", "field_groups": ["Web Details"]}
        data["aep"].pop("field_group")
        if group:
            data["aep"]["field_group"] = group
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(data))
    monkeypatch.setenv("MIXPANEL_AEP_PIPELINES", str(tmp_path))
    dag = runpy.run_path(str(PROJECT / "dags" / "mixpanel_aep_setup.py"))["dag"]
    assert {task.task_id: task.upstream_task_ids for task in dag.tasks} == {
        "a": set(),
        "b": {"a"},
        "c": set(),
        "d": set(),
    }


@pytest.mark.airflow
@pytest.mark.parametrize("taken", [1, 3, 4])
def test_a_namespace_created_by_a_concurrent_setup_is_planned_again(
    taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import include.aep.setup as setup
    from mixpanel_aep.operators.setup import AepSetupOperator

    calls: list[str] = []

    def plan(*given: Any) -> Any:
        calls.append("plan")
        return SimpleNamespace(changes=[], notes=[])

    def apply(*given: Any) -> Any:
        calls.append("apply")
        if calls.count("apply") <= taken:
            raise AlreadyExists("AEP could not create namespace X: it already exists.")
        return SimpleNamespace(dataset_id="d", schema_id="s", changes=[])

    monkeypatch.setattr(setup, "plan_pipeline", plan)
    monkeypatch.setattr(setup, "apply_plan", apply)
    for name in ("AepHook", "MixpanelHook", "open_lake"):
        monkeypatch.setattr(f"mixpanel_aep.operators.setup.{name}", lambda *given: _Anything())
    operator = AepSetupOperator(task_id="x", pipeline=PIPELINES["shop"])
    context = {"dag_run": SimpleNamespace(conf={})}
    if taken == 4:
        from airflow.sdk.exceptions import AirflowException

        with pytest.raises(AirflowException, match="it already exists"):
            operator.execute(context)
    else:
        assert operator.execute(context)["dataset"] == "d"
    assert calls == ["plan", "apply"] * min(taken + 1, 4)


class _Anything:
    def __getattr__(self, name: str) -> Any:
        return lambda *given: _Anything()

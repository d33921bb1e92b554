"""A pipeline with ``shard_events`` through Airflow: mapped tasks validate a large day, and are skipped for a small one."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import requests
from airflow.dag_processing.dagbag import DagBag
from airflow.models.taskinstance import TaskInstance
from airflow.sdk.api.datamodels._generated import TaskInstance as TaskOfSdk
from airflow.sdk.definitions.mappedoperator import MappedOperator
from airflow.sdk.exceptions import AirflowSkipException
from airflow.sdk.execution_time.supervisor import run_task_in_process
from airflow.utils.session import create_session
from airflow.utils.state import TaskInstanceState
from sqlalchemy import select, update

from include.config.model import Pipeline, Quality
from include.lake.lake import Lake
from include.lake.manifest import Manifest
from include.lake.manifests import manifests_of
from include.steps.transform import schema_and_mapping, transform_partition
from include.steps.validate.shard_step import unchecked_shards
from include.steps.validate.step import validate_partition
from include.steps.workspace import Workspace
from scripts.demo.evidence import Comparison, Sandbox
from tests.airflow.connections import connection_variables
from tests.support.pipeline_runner import PIPELINES, PipelineRunner, quick_sandbox
from tests.support.s3_server import s3_environment, s3_server

pytestmark = pytest.mark.airflow
PROJECT = Path(__file__).parents[2]
SMALL_DAY, LARGE_DAY = date(2026, 7, 1), date(2026, 7, 2)
EVENTS, HOSTILE_PROJECT = 1_500, 3000001
WITH_SHARDS = ["export", "transform", "shards", "validate_shard", "validate", "stage", "ingest"]


@pytest.fixture(scope="module")
def pipelines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the hostile pipeline, whose days are divided into shards of a thousand events."""
    folder = tmp_path_factory.mktemp("pipelines")
    text = (PROJECT / "include/pipelines/hostile.yaml").read_text()
    (folder / "hostile.yaml").write_text(f"{text}shard_events: 1000\n")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("MIXPANEL_AEP_PIPELINES", str(folder))
        yield folder


@pytest.fixture(scope="module", params=["file", "s3"])
def lake(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an empty lake: a folder, or a bucket that is reached over HTTP."""
    if request.param == "file":
        yield f"file://{tmp_path_factory.mktemp('lake')}"
        return
    with s3_server("shards") as url, pytest.MonkeyPatch.context() as patched:
        for name, value in s3_environment(url).items():
            patched.setenv(name, value)
        yield "s3://shards/prefix"


@pytest.fixture(scope="module")
def runner(pipelines: Path, lake: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PipelineRunner]:
    from airflow.utils.db import initdb

    logging.disable(logging.WARNING)
    initdb()
    logging.disable(logging.NOTSET)
    folder = tmp_path_factory.mktemp("shards")
    with quick_sandbox(folder / "sandbox") as server, pytest.MonkeyPatch.context() as patched:
        _add_events(server.url)
        patched.setenv("AIRFLOW_VAR_MIXPANEL_AEP_LAKE", lake)
        for name, value in connection_variables(server.url).items():
            patched.setenv(name, value)
        runner = PipelineRunner(server.url, Lake(lake), PIPELINES["hostile"])
        runner.setup()
        yield runner


def _add_events(url: str) -> None:
    """Put events into Mixpanel that are spread over the large day."""
    midnight = int(datetime(LARGE_DAY.year, LARGE_DAY.month, LARGE_DAY.day, tzinfo=UTC).timestamp())
    events = [
        {
            "event": "Seen",
            "properties": {"time": midnight + 57 * n, "distinct_id": f"u-{n}", "$insert_id": f"i-{n}"},
        }
        for n in range(EVENTS)
    ]
    path = f"{url}/_sandbox/mixpanel/projects/{HOSTILE_PROJECT}/events"
    requests.post(path, json={"events": events}, timeout=60).raise_for_status()


@pytest.fixture(scope="module")
def dag(pipelines: Path) -> Any:
    bag = DagBag(str(PROJECT / "dags"))
    assert bag.import_errors == {}
    return bag.dags["mixpanel_to_aep_hostile"]


def load(dag: Any, day: date) -> tuple[str, str, Counter[tuple[str, str]]]:
    """Load a day; return the run's id and state, and the number of its task instances by name and state."""
    run = dag.test(run_conf={"partition_date": str(day)})
    found = Counter((task.task_id, str(task.state)) for task in tasks_of(run.run_id))
    return run.run_id, str(run.state), found


def tasks_of(run_id: str) -> list[TaskInstance]:
    with create_session() as session:
        return list(session.scalars(select(TaskInstance).where(TaskInstance.run_id == run_id)))


def one_each(*but: str) -> Counter[tuple[str, str]]:
    return Counter((name, "success") for name in WITH_SHARDS if name not in but)


def test_the_dag_has_two_more_tasks_only_with_the_setting(dag: Any) -> None:
    assert [task.task_id for task in dag.topological_sort()] == WITH_SHARDS
    assert "shards, validate_shard | a day with more than 1,000 rows" in dag.doc_md
    mapped = dag.get_task("validate_shard")
    assert isinstance(mapped, MappedOperator)
    made: Any = mapped.unmap({"shard": "0-1"})
    assert (made.shard, made.pool, made.retries) == ("0-1", mapped.pool, mapped.retries)
    assert dag.get_task("validate").upstream_task_ids == {"transform", "validate_shard"}


def test_a_large_day_is_validated_by_mapped_tasks_and_loaded_once(dag: Any, runner: PipelineRunner) -> None:
    run_id, state, found = load(dag, LARGE_DAY)
    assert state == "success"
    assert found == one_each("validate_shard") + Counter({("validate_shard", "success"): 2})
    result = runner.result(LARGE_DAY)
    assert (result.exported, result.quarantined, result.active) == (EVENTS, 0, EVENTS)
    assert runner.compare(LARGE_DAY) == Comparison(0, 0, 0)
    partition = runner.workspace(LARGE_DAY).partition
    (valid,) = manifests_of(runner.lake, partition, "validate")
    shards = manifests_of(runner.lake, partition, "validate_shard")
    assert sum(shard.counts["mapped"] for shard in shards) == valid.counts["mapped"] == EVENTS
    report = runner.lake.read(valid.details["report"])
    assert report is not None
    assert b"1,500 of 1,500 exported events are valid" in report
    calls = Sandbox(runner.url).calls()
    clear_and_run(dag, run_id, "validate_shard", "validate", "stage", "ingest")
    assert manifests_of(runner.lake, partition, "validate_shard") == shards
    assert runner.result(LARGE_DAY) == result
    _, state, found = load(dag, LARGE_DAY)
    assert (state, found) == (
        "success",
        one_each("validate_shard") + Counter({("validate_shard", "skipped"): 1}),
    )
    assert Sandbox(runner.url).calls() == calls


def clear_and_run(dag: Any, run_id: str, *names: str) -> None:
    """Run tasks of a finished run again, as after they were cleared: every instance of a mapped one."""
    for name in names:
        for task in (each for each in tasks_of(run_id) if each.task_id == name):
            with create_session() as session:
                values = {"state": TaskInstanceState.QUEUED, "try_number": task.try_number + 1}
                session.execute(update(TaskInstance).where(TaskInstance.id == task.id).values(**values))
            again = TaskOfSdk(
                id=UUID(str(task.id)), dag_version_id=UUID(str(task.dag_version_id)), task_id=name, dag_id=dag.dag_id,
                run_id=run_id, try_number=task.try_number + 1, map_index=task.map_index,
            )  # fmt: skip
            run_task_in_process(ti=again, task=dag.get_task(name))
    states = Counter((task.task_id, str(task.state)) for task in tasks_of(run_id) if task.task_id in names)
    shards = {("validate_shard", "skipped"): 2}  # the day is validated
    assert states == Counter(
        {**shards, **{(name, "success"): 1 for name in names if name != "validate_shard"}}
    )


def test_a_small_day_skips_the_mapped_tasks_and_is_green(dag: Any, runner: PipelineRunner) -> None:
    _, state, found = load(dag, SMALL_DAY)
    assert (state, found) == (
        "success",
        one_each("validate_shard") + Counter({("validate_shard", "skipped"): 1}),
    )
    assert runner.compare(SMALL_DAY) == Comparison(0, 0, 0)
    assert runner.result(SMALL_DAY).active == 8


def test_a_shard_that_does_not_exist_is_skipped(dag: Any, runner: PipelineRunner) -> None:
    """A user may edit XCom: a name that is not one of the day's shards reads nothing."""
    made = dag.get_task("validate_shard").unmap({"shard": "../../x"})
    place, mapped = not_validated(made.pipeline, runner)
    assert len(unchecked_shards(place, mapped)) == 2
    made.upstream_digest = lambda *_: mapped.digest
    with pytest.raises(AirflowSkipException, match=r"has no shard '\.\./\.\./x' to validate"):
        made.run_step(place, {})


@pytest.mark.parametrize(("shard_events", "limit"), [(None, 0.3), (EVENTS, 0.4)])
def test_a_shard_of_an_earlier_setting_is_skipped_and_the_day_is_validated_as_a_whole(
    dag: Any, runner: PipelineRunner, shard_events: int | None, limit: float
) -> None:
    """The setting was changed between two tries of a run: XCom lists the shards of before."""
    made = dag.get_task("validate_shard").unmap({"shard": "0-0"})
    listed, mapped = not_validated(made.pipeline, runner, limit)
    assert [shard.name for shard in unchecked_shards(listed, mapped)] == ["0-0", "1-1"]
    made.upstream_digest = lambda *_: mapped.digest
    changed = replace(listed, pipeline=listed.pipeline.model_copy(update={"shard_events": shard_events}))
    with pytest.raises(AirflowSkipException, match="shard_events was changed"):
        made.run_step(changed, {})
    before = manifests_of(runner.lake, listed.partition, "validate_shard")
    assert validate_partition(changed, mapped).counts["valid"] == EVENTS
    assert manifests_of(runner.lake, listed.partition, "validate_shard") == before


def not_validated(
    pipeline: Pipeline, runner: PipelineRunner, limit: float = 0.1
) -> tuple[Workspace, Manifest]:
    """Return the large day, mapped, under other rules, by which it is not validated yet."""
    other_rules = pipeline.model_copy(update={"quality": Quality(max_quarantined=limit)})
    place = Workspace.of(runner.lake, other_rules, LARGE_DAY)
    schema, mapping = schema_and_mapping(place.pipeline, runner.aep)
    return place, transform_partition(place, runner.export(LARGE_DAY), schema, mapping)

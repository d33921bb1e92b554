"""docs/examples: an own DAG from the operators, and a DAG that waits for a day, each run in Airflow as it ships."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from sqlalchemy import select, update

from tests.airflow.airflow_runner import BUNDLE, Airflow, AirflowRun
from tests.airflow.conftest import PROJECT
from tests.faults.process_run import DAYS

pytestmark = [pytest.mark.airflow, pytest.mark.sandbox]
EXAMPLES = PROJECT / "docs/examples"


def parse(name: str, airflow: Airflow, folder: Path, **replaced: str) -> Any:
    """An example for the pipeline of the test, as Airflow has parsed it; it is not paused."""
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    for old, new in {'NAME = "shop"': f'NAME = "{airflow.scenario.pipeline.name}"', **replaced}.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    bag = DagBag(str(folder / name), bundle_path=folder, bundle_name=BUNDLE)
    assert bag.import_errors == {}
    sync_bag_to_db(bag, BUNDLE, None)
    (dag,) = bag.dags.values()
    with create_session() as session:
        session.execute(update(DagModel).where(DagModel.dag_id == dag.dag_id).values(is_paused=False))
    return dag


def runs_for_partitions() -> None:
    """As the scheduler does in each of its rounds."""
    from airflow.jobs.job import Job
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner

    with create_session() as session:
        job = Job()
        session.add(job)
        session.flush()
        SchedulerJobRunner(job)._create_dagruns_for_partitioned_asset_dags(session)


@pytest.mark.parametrize("name", [path.name for path in sorted(EXAMPLES.glob("*.py"))])
def test_every_example_loads_as_it_ships(name: str) -> None:
    assert DagBag(str(EXAMPLES / name)).import_errors == {}


def test_an_own_dag_loads_a_day_with_the_settings_of_the_pipeline_file(
    airflow: Airflow, tmp_path: Path
) -> None:
    airflow.dag = parse("own_dag.py", airflow, tmp_path / "own")
    assert airflow.dag.get_task("export").pool == "mixpanel_export"
    run = airflow.run("own")
    for step in ("export", "transform", "validate", "stage", "require_enough_events", "ingest"):
        assert run.attempt(step) == "success", step
    airflow.exact()


def test_its_own_task_stops_a_day_before_anything_is_loaded(airflow: Airflow, tmp_path: Path) -> None:
    airflow.dag = parse("own_dag.py", airflow, tmp_path / "own", **{"LEAST_EVENTS = 3": "LEAST_EVENTS = 4"})
    run = airflow.run("own")
    for step in ("export", "transform", "validate", "stage"):
        assert run.attempt(step) == "success", step
    assert run.attempt("require_enough_events") == "failed"
    assert airflow.scenario.batches() == []


def test_a_dag_waits_for_the_partition_of_a_day_and_hears_its_counts(
    airflow: Airflow, tmp_path: Path
) -> None:
    waiting = parse("after_a_day.py", airflow, tmp_path / "after")
    consumer = Airflow.__new__(Airflow)
    consumer.dag = waiting
    airflow.run("loads").run_partition("stage")
    runs_for_partitions()
    assert consumer.runs() == [], "the day is not active yet"
    day: date = DAYS[0]
    airflow.runs()[0].run_partition()
    runs_for_partitions()
    with create_session() as session:
        query = select(DagRun.run_id, DagRun.partition_key).where(DagRun.dag_id == waiting.dag_id)
        (made,) = session.execute(query).all()
    assert made.partition_key == str(day)
    run = AirflowRun(SimpleNamespace(dag=waiting), made.run_id)  # type: ignore[arg-type]
    assert run.attempt("use_the_day") == "success"
    found = run.xcom("use_the_day")
    (batch,) = airflow.scenario.batches()
    assert found == {
        "day": str(day),
        "batch": found["batch"],
        "staged": 3,
        "active": 3,
        "refused": 0,
        "late": 0,
    }
    assert found["batch"]
    assert batch

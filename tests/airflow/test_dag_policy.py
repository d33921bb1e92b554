"""What Airflow does to every DAG, task and trigger before their code runs, applied to all of them."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import runpy
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow._shared.module_loading import import_string
from airflow.dag_processing.dagbag import DagBag
from airflow.models.trigger import Trigger
from airflow.sdk import BaseOperator
from airflow.sdk.definitions.mappedoperator import MappedOperator
from airflow.serialization.encoders import encode_timetable
from airflow.serialization.serialized_objects import DagSerialization
from airflow.triggers.base import BaseTrigger

import mixpanel_aep.triggers
from include.errors import ConfigError
from include.version import VERSION, require_package_version
from mixpanel_aep.triggers.batch import BatchTrigger

pytestmark = pytest.mark.airflow
PROJECT = Path(__file__).parents[2]
DAGS = dict(
    sorted(DagBag(str(PROJECT / "dags")).dags.items())
)  # The same order in every worker of a test run.
TASKS = [pytest.param(task, id=f"{dag.dag_id}.{task.task_id}") for dag in DAGS.values() for task in dag.tasks]
TRIGGERS = [BatchTrigger("aep_default", "01BATCH", 1_782_907_200.0, 6.0)]
POOLS = {
    row["pool_name"]
    for row in yaml.safe_load((PROJECT / "airflow_settings.yaml").read_text())["airflow"]["pools"]
}


@pytest.mark.parametrize("task", TASKS)
def test_every_operator_can_be_constructed_as_a_worker_does(task: Any) -> None:
    """``partial`` passes every argument of BaseOperator to the constructor, also those that were not given."""
    if isinstance(task, MappedOperator):
        values = dict.fromkeys(task.expand_input.value, "2026-07-01")
        made = task.unmap(values)
        assert {name: getattr(made, name) for name in values} == values
    else:
        made = task.prepare_for_execution()
    assert isinstance(made, BaseOperator)
    # The scheduler knows the outlets of the task in the DAG; the worker knows those of the task that it unmaps.
    assert [outlet.uri for outlet in made.outlets] == [outlet.uri for outlet in task.outlets]
    for name in ("owner", "retries", "retry_delay", "execution_timeout", "pool", "trigger_rule"):
        assert getattr(made, name) == getattr(task, name), name


def test_there_is_a_mapped_task_with_an_outlet() -> None:
    mapped = [param.values[0] for param in TASKS if isinstance(param.values[0], MappedOperator)]
    assert {task.task_id for task in mapped} == {"day"}
    assert all(task.outlets for task in mapped)


@pytest.mark.parametrize("dag", DAGS.values(), ids=DAGS)
def test_every_dag_survives_serialization(dag: Any) -> None:
    text = DagSerialization.to_dict(dag)
    again = DagSerialization.from_dict(text)
    for name in ("dag_id", "doc_md", "catchup", "max_active_runs", "dagrun_timeout", "tags"):
        assert getattr(again, name) == getattr(dag, name), name
    for task in dag.tasks:
        for name in ("owner", "retries", "execution_timeout", "pool", "trigger_rule", "is_mapped"):
            assert getattr(again.get_task(task.task_id), name) == getattr(task, name), (task.task_id, name)
    assert encode_timetable(again.timetable) == text["dag"]["timetable"]
    assert {task.task_id: task.downstream_task_ids for task in again.tasks} == {
        task.task_id: task.downstream_task_ids for task in dag.tasks
    }
    assert "not-real" not in str(text), "a secret"


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_an_owner_retries_a_timeout_and_a_shipped_pool(task: Any) -> None:
    assert task.owner == "data-platform"
    assert task.retries >= 2
    assert timedelta() < task.execution_timeout <= timedelta(hours=12)
    assert task.pool in POOLS | {"default_pool"}
    assert task.weight_rule == "upstream", "days in progress are finished before new ones begin"


@pytest.mark.parametrize("dag", DAGS.values(), ids=DAGS)
def test_every_dag_has_documentation_and_a_timeout(dag: Any) -> None:
    assert len(dag.doc_md) > 300
    assert "{" not in dag.doc_md, "a field that was not filled in"
    assert dag.dagrun_timeout
    assert dag.max_active_runs <= 4


def trigger_classes() -> Iterator[type[BaseTrigger]]:
    for module in pkgutil.iter_modules(mixpanel_aep.triggers.__path__, "mixpanel_aep.triggers."):
        for _, found in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(found, BaseTrigger) and found.__module__ == module.name:
                yield found


def test_every_trigger_is_covered_by_the_serialization_test() -> None:
    assert set(trigger_classes()) == {type(trigger) for trigger in TRIGGERS}


@pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda trigger: type(trigger).__name__)
def test_every_trigger_survives_serialization(trigger: BaseTrigger) -> None:
    """Through the metadata database, as Airflow stores it; every argument of the constructor is restored."""
    stored = Trigger.from_object(trigger)
    again = import_string(stored.classpath)(**stored.kwargs)
    assert again.serialize() == trigger.serialize()
    assert set(trigger.serialize()[1]) == set(inspect.signature(type(trigger)).parameters)


@pytest.mark.parametrize("newer", ["0.1.1", "0.10.0", "1.0.0"])
@pytest.mark.parametrize("file", sorted((PROJECT / "dags").glob("*.py")), ids=lambda path: path.stem)
def test_dag_files_newer_than_the_package_are_refused_with_both_versions(
    tmp_path: Path, file: Path, newer: str
) -> None:
    text, changed = re.subn(rf'dags="{re.escape(VERSION)}"', f'dags="{newer}"', file.read_text())
    assert changed == 1
    (tmp_path / file.name).write_text(text)
    bag = DagBag(str(tmp_path))
    (error,) = bag.import_errors.values()
    assert f"version {newer}" in error.splitlines()[-1]
    assert f"older version {VERSION}" in error.splitlines()[-1]
    assert bag.dags == {}


def test_the_version_is_checked_before_other_imports(tmp_path: Path) -> None:
    for file in (PROJECT / "dags").glob("*.py"):
        head = file.read_text().partition("require_package_version(dags=")[0]
        assert re.findall(r"^(?:from|import) (\S+)", head, re.M) == ["__future__", "include.version"], (
            file.name
        )


def test_dag_files_of_this_and_of_an_older_version_are_accepted() -> None:
    require_package_version(dags=VERSION)
    require_package_version(dags="0.0.9")
    with pytest.raises(ConfigError):
        require_package_version(dags="0.1.1")


def test_one_version_is_stated_everywhere() -> None:
    from mixpanel_aep.provider import get_provider_info

    assert get_provider_info()["versions"] == [VERSION]
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    assert "version" in project["project"]["dynamic"]
    path = PROJECT / project["tool"]["hatch"]["version"]["path"]
    assert runpy.run_path(str(path))["VERSION"] == VERSION
    assert f"## [{VERSION}]" in (PROJECT / "CHANGELOG.md").read_text()

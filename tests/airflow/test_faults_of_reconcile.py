"""Reconcile, clear, retry, backfill and replace through a real scheduler, on one Airflow for the whole module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.airflow.scheduler import Project, running_airflow

# One Airflow, so one worker of pytest-xdist.
pytestmark = [pytest.mark.airflow, pytest.mark.xdist_group("scheduler")]
PIPELINES = {"retried": {}, "late": {}, "replaced": {}, "quiet": {"late_days": 0}}


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Project]]:
    with running_airflow(tmp_path_factory.mktemp("scheduler"), PIPELINES) as found:
        yield found


@pytest.fixture(scope="module")
def retried(projects: dict[str, Project]) -> tuple[Project, str]:
    """A reconcile run whose first export is cut off; Airflow waits half a minute before it tries again."""
    project = projects["retried"]
    project.add(project.days[0], "a", "b")
    match = {"path": "/api/2.0/export", "query": f"project_id={project.project_id}"}
    project.post("/faults", {"match": match, "action": {"do": "cut", "after_lines": 1}})
    return project, project.scheduled_reconcile()


def test_late_changed_and_vanished_events_go_through_the_scheduler(
    retried: tuple[Project, str], projects: dict[str, Project]
) -> None:
    project = projects["late"]
    first, last = project.days
    project.add(first, "a", "b", "c")
    project.add(last, "d")
    assert project.backfill() == ["success", "success"]
    before = project.active()
    assert len(before) == 4
    project.delete("b", "c")
    project.add(first, "b", plan="changed")
    project.add(first, "late-1", "late-2")
    project.add(last, "late-3")
    run = project.scheduled_reconcile()
    assert project.finish(project.reconcile_id, run) == "success"
    tasks = project.tasks(run)
    assert {task: found["state"] for task, found in tasks.items()} == dict.fromkeys(
        ("look", str(first), str(last), "close"), "success"
    )
    assert project.result(run, first)["counts"] == {
        "staged": 2, "active": 5, "late": 2, "changed": 1, "vanished": 1,
    }  # fmt: skip
    assert project.result(run, last)["counts"]["late"] == 1
    active = project.active()
    assert len(active) == len(set(active)) == 7
    assert set(before) < set(active)

    again = project.trigger(project.reconcile_id)
    batches = project.batches()
    assert project.finish(project.reconcile_id, again) == "success"
    assert all(project.result(again, day)["again"] for day in project.days)
    assert project.active() == active
    assert project.batches() == batches


def test_a_cleared_mapped_task_repeats_its_day_and_a_cleared_look_asks_again(
    projects: dict[str, Project],
) -> None:
    project = projects["late"]
    day = project.days[0]
    run = project.api.runs(project.reconcile_id)[0]["dag_run_id"]
    index = project.tasks(run)[str(day)]["map_index"]
    active, exports = project.active(), project.exports()
    project.add(day, "later")
    project.clear(project.reconcile_id, run, ("day", index))
    assert project.finish(project.reconcile_id, run) == "success"
    assert project.tasks(run)[str(day)]["try_number"] == 2
    assert (project.active(), project.exports()) == (active, exports)
    project.clear(project.reconcile_id, run, "look", downstream=True)
    assert project.finish(project.reconcile_id, run) == "success"
    assert project.exports() > exports
    assert project.result(run, day)["counts"]["late"] == 1
    assert len(project.active()) == len(active) + 1


def test_a_replaced_day_is_there_once_and_a_cleared_run_exports_it_again(
    projects: dict[str, Project],
) -> None:
    project = projects["replaced"]
    day = project.days[0]
    project.add(day, "a", "b")
    first = project.trigger(project.dag_id, partition_key=str(day))
    assert project.finish(project.dag_id, first) == "success"
    project.delete("b")
    project.add(day, "c")
    conf = {"reprocess": "replace", "export_again": True}
    run = project.trigger(project.dag_id, partition_key=str(day), conf=conf)
    assert project.finish(project.dag_id, run) == "success"
    assert len(project.active()) == 2
    exports = project.exports()
    project.clear(project.dag_id, run, "transform", downstream=True)
    assert project.finish(project.dag_id, run) == "success"
    assert project.exports() == exports, "only export asks Mixpanel"
    project.add(day, "d")
    project.clear(project.dag_id, run, "export", downstream=True)
    assert project.finish(project.dag_id, run) == "success"
    assert project.exports() == exports + 1
    active = project.active()
    assert len(active) == len(set(active)) == 3


def test_a_pipeline_without_late_days_reconciles_no_day_and_is_green(projects: dict[str, Project]) -> None:
    project = projects["quiet"]
    run = project.scheduled_reconcile()
    assert project.finish(project.reconcile_id, run) == "success"
    states = {task: found["state"] for task, found in project.tasks(run).items()}
    assert states == {"look": "success", "day": "skipped", "close": "success"}


def test_a_look_whose_export_was_cut_off_is_retried_and_loads_every_event_once(
    retried: tuple[Project, str],
) -> None:
    project, run = retried
    assert project.finish(project.reconcile_id, run) == "success"
    assert project.tasks(run)["look"]["try_number"] == 2
    active = project.active()
    assert len(active) == len(set(active)) == 2

"""Reconcile, clear, retry, backfill and replace through a real scheduler, on one Airflow for the whole module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.airflow.scheduler import Project, running_airflow

# They share one Airflow, therefore one worker of pytest-xdist.
pytestmark = [pytest.mark.airflow, pytest.mark.xdist_group("scheduler")]
PIPELINES = {"retried": {}, "late": {}, "quiet": {"late_days": 0, "missing_grace_hours": 240}}


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Project]]:
    with running_airflow(tmp_path_factory.mktemp("scheduler"), PIPELINES) as found:
        yield found


@pytest.fixture(scope="module")
def retried(projects: dict[str, Project]) -> tuple[Project, str]:
    """Start a reconcile run whose first export is truncated; Airflow waits half a minute before the retry."""
    project = projects["retried"]
    project.add(project.days[0], "a", "b")
    match = {"path": "/api/2.0/export", "query": f"project_id={project.project_id}"}
    project.post("/faults", {"match": match, "action": {"do": "cut", "after_lines": 1}})
    return project, project.scheduled_reconcile()


@pytest.fixture(scope="module")
def reconciled(projects: dict[str, Project], retried: tuple[Project, str]) -> tuple[Project, str]:
    """Return two days loaded by a backfill, and the scheduler's reconcile run after one of them changed."""
    project = projects["late"]
    first, last = project.days
    project.add(first, "a", "b", "c")
    project.add(last, "d")
    assert project.backfill() == ["success", "success"]
    assert len(project.active()) == 4
    project.delete("b", "c")
    project.add(first, "b", plan="changed")
    project.add(first, "late-1", "late-2")
    project.add(last, "late-3")
    run = project.scheduled_reconcile()
    assert project.finish(project.reconcile_id, run) == "success"
    return project, run


def test_late_changed_and_vanished_events_of_a_backfill_are_processed_by_the_scheduler(
    reconciled: tuple[Project, str],
) -> None:
    project, run = reconciled
    first, last = project.days
    tasks = {name: task["state"] for name, task in project.tasks(run).items()}
    assert tasks == dict.fromkeys(
        ("refresh", str(first), str(last), "close", "audit", "clean", "finish"), "success"
    )
    assert project.result(run, first)["counts"] == {
        "staged": 2, "active": 5, "refused": 0, "late": 2, "changed": 1, "vanished": 1,
    }  # fmt: skip
    assert project.result(run, last)["counts"]["late"] == 1
    active = project.active()
    assert len(active) == len(set(active)) == 7


def test_a_cleared_day_repeats_itself_and_a_cleared_refresh_exports_again(
    reconciled: tuple[Project, str],
) -> None:
    project, run = reconciled
    day = project.days[0]
    active, exports, batches = project.active(), project.exports(), project.batches()
    project.add(day, "later")
    tries = project.tasks(run)[str(day)]["try_number"]
    project.clear(project.reconcile_id, run, ("day", project.tasks(run)[str(day)]["map_index"]))
    assert project.finish(project.reconcile_id, run) == "success"
    assert project.tasks(run)[str(day)]["try_number"] == tries + 1
    assert project.result(run, day)["again"] is True
    assert (project.active(), project.exports(), project.batches()) == (active, exports, batches)
    project.clear(project.reconcile_id, run, "refresh", downstream=True)
    assert project.finish(project.reconcile_id, run) == "success"
    assert project.exports() > exports
    assert project.result(run, day)["counts"]["late"] == 1
    assert len(project.active()) == len(active) + 1


def test_a_second_reconcile_run_changes_nothing(reconciled: tuple[Project, str]) -> None:
    project, _ = reconciled
    active, batches = project.active(), project.batches()
    run = project.trigger(project.reconcile_id)
    assert project.finish(project.reconcile_id, run) == "success"
    assert all(project.result(run, day)["again"] for day in project.days)
    assert (project.active(), project.batches()) == (active, batches)


def test_a_refresh_with_a_truncated_export_is_retried_and_loads_every_event_once(
    retried: tuple[Project, str],
) -> None:
    project, run = retried
    assert project.finish(project.reconcile_id, run) == "success"
    assert project.tasks(run)["refresh"]["try_number"] == 2
    active = project.active()
    assert len(active) == len(set(active)) == 2


def test_a_replaced_day_is_loaded_once_and_a_cleared_run_exports_it_again(
    retried: tuple[Project, str],
) -> None:
    project, loaded = retried
    assert project.finish(project.reconcile_id, loaded) == "success"
    day = project.days[0]
    project.delete("b")
    project.add(day, "c")
    conf = {"reprocess": "replace", "export_again": True}
    run = project.trigger(project.dag_id, partition_key=str(day), conf=conf)
    assert project.finish(project.dag_id, run) == "success"
    assert len(project.active()) == 2
    exports = project.exports()
    project.clear(project.dag_id, run, "transform")
    assert project.finish(project.dag_id, run) == "success"
    assert project.exports() == exports, "only a cleared export asks Mixpanel"
    project.add(day, "d")
    project.clear(project.dag_id, run, "export", downstream=True)
    assert project.finish(project.dag_id, run) == "success"
    assert project.exports() == exports + 1
    active = project.active()
    assert len(active) == len(set(active)) == 3


def test_without_late_days_the_reconcile_dag_exports_no_day_and_succeeds(
    projects: dict[str, Project],
) -> None:
    project = projects["quiet"]
    exports = project.exports()
    run = project.scheduled_reconcile()
    assert project.finish(project.reconcile_id, run) == "success"
    states = {task: found["state"] for task, found in project.tasks(run).items()}
    assert states.pop("day") == "skipped"
    assert states == dict.fromkeys(("refresh", "close", "audit", "clean", "finish"), "success")
    assert project.exports() == exports + 1, (
        "close requests what arrived after its day was exported, and no day"
    )

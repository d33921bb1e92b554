"""A hostile day refreshed from its differences only, through all steps, cleanings and replacements."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.lake.manifest import Manifest
from include.steps.export import compare_exports
from include.steps.history.open_history import open_history
from include.steps.verify import verify
from scripts.demo.evidence import Comparison, newest_manifests
from tests.support.aging_project import DAY, AgingProject, aging_project

pytestmark = pytest.mark.sandbox
EXACT = Comparison(0, 0, 0)
STEPS = ("export", "transform", "validate")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AgingProject]:
    monkeypatch.setattr(compare_exports, "SMALL_LINES", 0)
    monkeypatch.setattr(compare_exports, "MOST_CHANGED", 1000)
    with aging_project(tmp_path) as found:
        yield found


def newest(project: AgingProject) -> dict[str, Manifest]:
    return newest_manifests(project.lake, project.workspace(DAY).partition)


def deltas(project: AgingProject) -> set[str]:
    return {step for step, manifest in newest(project).items() if manifest.delta is not None}


def refresh(project: AgingProject, name: str) -> int:
    """Refresh the day and return how many rows were loaded."""
    time.sleep(0.005)  # Manifests are in the order of their milliseconds.
    return project.load(name, refresh=True).loaded


def require_verified(project: AgingProject) -> None:
    """Assert that AEP's data lake equals the ledger."""
    aep = project.aep
    opened = open_history(project.lake, project.pipeline, aep, project.source, all_days=True)
    with aep.lake_reader() as reader:
        verify(
            opened.history, opened.dataset, reader, aep, project.pipeline, [DAY], project.clock
        ).require_equal()


def test_only_late_and_deleted_events_of_a_hostile_day_are_read(project: AgingProject) -> None:
    first = project.load("one")
    exported = newest(project)["export"].rows
    project.add("late-1", "late-2")
    assert (refresh(project, "two"), deltas(project)) == (2, set(STEPS))
    found = newest(project)
    assert {found[step].rows_in_files for step in STEPS} == {2}
    assert found["export"].rows == exported + 2
    assert found["validate"].counts["valid"] == first.active + 2
    assert project.compare(DAY) == EXACT
    project.add("late-3")
    assert (refresh(project, "three"), deltas(project)) == (1, set(STEPS))
    assert newest(project)["export"].rows_in_files == 3, "always in addition to a whole export"
    project.delete("late-1")
    assert refresh(project, "four") == 0
    assert newest(project)["stage"].counts["vanished"] == 1
    assert project.compare(DAY) == EXACT
    require_verified(project)
    replaced = project.load("five", replace=True)
    assert (replaced.active, len(replaced.batches)) == (first.active + 2, 1)
    require_verified(project)
    assert refresh(project, "six") == replaced.active
    assert project.compare(DAY).lost == 1, "the deleted event, which an export had returned"


def test_the_inputs_of_a_delta_are_cleaned_with_it_and_recreated_from_raw(project: AgingProject) -> None:
    project.load("one")
    project.add("late-1")
    refresh(project, "two")
    batches = project.load("three").batches
    project.wait(days=8)
    project.clean_for_good()
    assert project.steps_with_files() == {"export"}
    assert len([key for key in project.lake.keys(f"hostile/{DAY}/raw") if key.endswith(".gz")]) == 2
    calls = project.calls()
    assert project.load("four").batches == batches
    project.remap("drop")
    assert len(project.load("five", replace=True).batches) == 1
    assert project.calls()["export"] == calls["export"], "of the export and what came in addition"
    project.remap("keep")
    project.add("late-2")
    assert refresh(project, "six") == 1
    assert project.compare(DAY) == EXACT
    project.wait(days=8)
    project.clean_for_good()
    assert project.load("seven", refresh=True).again
    assert project.clean().counts["days"] == 0


@pytest.mark.parametrize("step", STEPS)
def test_a_base_removed_by_a_person_is_not_needed(project: AgingProject, step: str) -> None:
    first = project.load("one")
    base = newest(project)[step]
    project.add("late-1")
    refresh(project, "two")
    for key in base.keys:
        (Path(str(project.lake.root)) / key).unlink(missing_ok=True)
    assert project.load("three").again
    project.add("late-2")
    assert refresh(project, "four") == 1
    assert project.load("five", replace=True).active == first.active + 2
    assert project.compare(DAY) == EXACT


def test_merged_users_are_a_change_and_not_other_events(project: AgingProject) -> None:
    project.add("merged-1", "merged-2")
    first = project.load("one")
    rewrites = {"from": "u", "to": "u-merged"}
    project.control(f"/mixpanel/projects/{project.project_id}/rewrites", rewrites)
    assert refresh(project, "two") == 0
    found = newest(project)
    assert found["stage"].counts["changed"] == 2
    assert found["export"].delta is not None
    assert found["export"].delta.without is not None
    assert found["transform"].rows == found["validate"].counts["mapped"] >= first.active
    assert project.compare(DAY) == EXACT
    assert project.load("three", replace=True).active == first.active
    require_verified(project)

"""Promise 6, bounded: the lake is kept within its retention without breaking a promise about a day."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from include.errors import FilesRemoved
from include.lake.lake import Lake
from include.lake.manifests import manifest_keys
from include.steps.ingest.step import IngestResult
from scripts.demo.evidence import Comparison
from tests.support.aging_project import DAY, NOON, AgingProject, aging_project

pytestmark = pytest.mark.sandbox
EXACT = Comparison(0, 0, 0)
ROWS = {"transform", "validate", "stage"}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[AgingProject]:
    with aging_project(tmp_path) as found:
        yield found


def test_copies_of_a_loaded_day_are_removed_in_two_steps_and_the_day_stays_green(
    project: AgingProject,
) -> None:
    first = project.load("one")
    project.wait(days=6)
    assert project.clean().counts["days"] == 0
    project.wait(days=2)
    before, calls = project.protected(), project.calls()
    planned = project.clean(dry_run=True)
    assert project.protected() == before
    ended = project.clean()
    assert (ended.counts, ended.ended) == (planned.counts, {"superseded_days": 3})
    assert ended.removed.total() == 0
    assert project.steps_with_files() & ROWS, "a run that began before may be reading them"
    project.wait(hours=17)
    assert project.clean().counts["days"] == 0
    project.wait(hours=2)
    done = project.clean()
    assert done.removed["files"] >= 2
    assert done.bytes == ended.ended_bytes
    assert project.steps_with_files() == {"export"}
    assert before.items() <= project.protected().items()
    again = project.load("two")
    assert (again.again, again.batches, project.calls()) == (True, first.batches, calls)
    assert project.clean().counts["days"] == 0
    assert project.compare(DAY) == EXACT


def test_a_day_in_shards_is_cleaned_and_stays_green(project: AgingProject) -> None:
    project.pipeline = project.pipeline.model_copy(update={"shard_events": 4})
    for hours in (-9, -3, 3, 9):
        project.add(f"seen-{hours}", at=NOON + 3600 * hours)
    first = project.load("one")
    shards = manifest_keys(project.lake, project.workspace(DAY).partition, "validate_shard")
    assert len(shards) > 1
    project.wait(days=8)
    ended = project.clean()
    assert ended.ended["superseded_days"] == 3 + len(shards)
    project.wait(days=1)
    project.clean()
    assert project.steps_with_files() == {"export"}
    calls = project.calls()
    again = project.load("two")
    assert (again.again, again.batches, project.calls()) == (True, first.batches, calls)
    assert project.load("three", replace=True).active == first.active, "its files are made again"
    assert project.compare(DAY) == EXACT


def test_late_events_are_loaded_into_a_day_whose_copies_were_removed(project: AgingProject) -> None:
    first = project.load("one")
    project.wait(days=8)
    project.clean_for_good()
    project.add("late-1")
    second = project.load("two", refresh=True)
    assert (second.loaded, second.active) == (1, first.active + 1)
    project.wait(days=8)
    project.clean_for_good()
    files = [key for key in project.lake.keys(f"hostile/{DAY}/raw") if key.endswith(".gz")]
    assert len(files) == 1, "the export before is superseded"
    assert project.load("three", refresh=True).again
    assert project.compare(DAY) == EXACT


def test_a_steps_missing_input_is_recreated_from_raw_without_an_export(project: AgingProject) -> None:
    first = project.load("one")
    project.wait(days=8)
    project.clean_for_good()
    calls = project.calls()
    project.pipeline = project.pipeline.model_copy(
        update={"quality": project.pipeline.quality.model_copy(update={"max_quarantined": 0.3})}
    )
    assert project.load("two").batches == first.batches
    assert project.calls() == calls
    replaced = project.load("three", replace=True)
    project.remap("drop")
    other = project.load("four", replace=True)
    assert len({replaced.batches, other.batches}) == 2
    assert project.calls()["export"] == calls["export"]
    assert project.compare(DAY) == EXACT


def test_a_removed_export_is_repeated_only_when_it_is_needed(project: AgingProject) -> None:
    project.keep(raw_days=10)
    first = project.load("one")
    project.wait(days=11)
    project.clean_for_good()
    assert project.steps_with_files() == set()
    calls = project.calls()
    assert project.load("two").batches == first.batches
    assert project.calls() == calls
    project.add("late-1")
    project.remap("drop")
    replaced = project.load("three", replace=True)
    assert replaced.active == first.active + 1, "made of what Mixpanel holds now"
    assert project.calls()["export"] == calls["export"] + 1
    project.wait(days=11)
    project.clean_for_good()
    assert project.steps_with_files() == set()
    assert project.load("four", replace=True).batches == replaced.batches
    assert project.load("five", refresh=True).batches == replaced.batches
    assert project.compare(DAY) == EXACT


@pytest.mark.parametrize("folders", [("xdm",), ("valid", "staged"), ("raw", "xdm", "valid", "staged")])
def test_files_removed_by_a_person_are_recreated_too(project: AgingProject, folders: tuple[str, ...]) -> None:
    first = project.load("one")
    for folder in folders:
        for path in Path(str(project.lake.root)).glob(f"hostile/{DAY}/{folder}/*/*"):
            if path.name != "manifest.json":
                path.unlink()
    assert project.load("two").batches == first.batches
    project.remap("drop")
    assert project.load("three", replace=True).active == first.active
    assert project.load("four").again
    assert project.compare(DAY) == EXACT


def test_outputs_of_an_unfinished_run_stay_whatever_their_age(project: AgingProject) -> None:
    project.keep(raw_days=1, quarantine_days=1, report_days=1)
    staged = project.stage(DAY)
    project.wait(days=100)
    project.clean_for_good()
    assert project.steps_with_files() >= {"export", "transform"}
    calls = project.calls()
    assert isinstance(project.ingest(DAY, staged), IngestResult)
    assert project.calls()["export"] == calls["export"]
    project.wait(days=8)
    project.clean_for_good()
    assert project.steps_with_files() == set()
    assert project.load("two").again


def test_the_newest_outputs_of_an_unloaded_day_stay(project: AgingProject) -> None:
    project.stage(DAY)
    old = set(project.lake.keys(f"hostile/{DAY}/xdm"))
    project.remap("drop")
    project.wait(days=1)
    staged = project.stage(DAY)
    project.wait(days=8)
    project.clean_for_good()
    left = {key for key in project.lake.keys(f"hostile/{DAY}/xdm") if key.endswith(".parquet")}
    assert left
    assert not left & old
    calls = project.calls()
    project.ingest(DAY, staged)
    assert project.calls()["export"] == calls["export"]


def test_a_task_cleared_much_later_recreates_its_input(project: AgingProject) -> None:
    """The task ingest gets the digest of rows that were staged before the cleaning."""
    first = project.load("one")
    project.remap("drop")
    staged = project.stage(DAY, replace=True)
    project.wait(days=8)
    project.clean()
    with pytest.raises(FilesRemoved, match="Clear the task stage"):
        project.workspace(DAY).local_files(staged, Path("/nowhere"))
    assert project.ingest(DAY, staged, "two", replace=True).active == first.active
    assert project.compare(DAY) == EXACT


def test_an_interrupted_cleaning_is_completed_by_the_next_one(
    project: AgingProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = project.load("one")
    project.wait(days=8)
    for method in ("create", "remove_object"):
        deaths = 0
        while _dies_after(project, monkeypatch, method, deaths % 2 + (method == "remove_object")):
            deaths += 1
            assert project.load(f"{method}-{deaths}").batches == first.batches
        assert deaths >= 2
        project.wait(days=1)
    assert project.steps_with_files() == {"export"}
    project.remap("drop")
    project.load("last", replace=True)
    assert project.compare(DAY) == EXACT


def _dies_after(project: AgingProject, monkeypatch: pytest.MonkeyPatch, method: str, calls: int) -> bool:
    """Clean; return whether the process ended at a call of a lake method, after a number of them."""
    left, plain = [calls], getattr(Lake, method)

    def dying(self: Lake, *args: object) -> object:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return plain(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(Lake, method, dying)
        try:
            project.clean()
        except KeyboardInterrupt:
            return True
    return False


def test_quarantine_and_reports_expire_only_if_the_pipeline_file_says_so(
    project: AgingProject,
) -> None:
    project.load("one")
    project.lake.create(project.workspace(DAY).partition.quarantine("validate", "ab" * 16), b"rows")
    keys = {kind: list(project.lake.keys(f"hostile/{DAY}/{kind}")) for kind in ("quarantine", "report")}
    assert all(keys.values())
    project.wait(days=400)
    project.clean()
    assert all(project.lake.has(key) for found in keys.values() for key in found)
    project.keep(quarantine_days=300)
    assert project.clean().removed == {"quarantine": len(keys["quarantine"])}
    assert not any(map(project.lake.has, keys["quarantine"]))
    project.keep(report_days=401)
    assert project.clean().removed.total() == 0
    project.keep(report_days=399)
    assert project.clean().removed == {"reports": len(keys["report"])}
    assert project.load("two").again


def without_tickets(project: AgingProject) -> list[str]:
    """Return the keys of the lake except tickets of rate budgets, which need no setting to be removed."""
    return [key for key in project.lake.keys("") if not key.startswith("_budget/")]


def test_without_a_retention_nothing_is_removed(project: AgingProject) -> None:
    project.keep(superseded_days=None)
    project.load("one")
    before = set(without_tickets(project))
    project.wait(days=4000)
    project.clean_for_good()
    assert set(project.lake.keys("")) == before


def test_the_outputs_of_another_pipeline_stay(project: AgingProject) -> None:
    project.load("one")
    root = Path(str(project.lake.root))
    shutil.copytree(root / "hostile", root / "hostile-2")
    shutil.copytree(root / "hostile", root / "hostile2")
    before = {key for key in without_tickets(project) if not key.startswith("hostile/")}
    project.wait(days=8)
    project.clean_for_good()
    assert project.steps_with_files() == {"export"}
    assert {key for key in project.lake.keys("") if not key.startswith("hostile/")} == before


def test_each_day_is_cleaned_by_its_own_load(project: AgingProject) -> None:
    project.load("one")
    project.wait(days=7)
    later = DAY + timedelta(days=1)
    project.add("a", day=later)
    project.load("two", day=later)
    project.wait(days=1)
    project.clean_for_good()
    assert (project.steps_with_files(), project.steps_with_files(later) >= {"transform"}) == (
        {"export"},
        True,
    )

"""After a person is forgotten, a loaded day stays loaded: nothing is exported, loaded or reported as lost because of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from include.errors import Conflict
from include.lake.keys import parse_key
from include.lake.lake import Lake
from include.steps.forget import Forgetting, Forgotten, GivenIds
from include.steps.history.open_history import open_history
from include.steps.recover import recover
from include.steps.retention import clean
from include.steps.verify import Verification, verify
from tests.support.aging_project import DAY, NOON, AgingProject
from tests.support.forgotten_people import ANNA, ANNAS_PHONE, BERT, named_in
from tests.support.pipeline_runner import PIPELINES, quick_sandbox

pytestmark = [pytest.mark.sandbox, pytest.mark.case("M19")]
ANNAS = (ANNA, ANNAS_PHONE)


class Loaded(AgingProject):
    """A project with loaded days, in which people are forgotten."""

    def happen(self, *events: tuple[str, str | None, str | None]) -> None:
        """Return events by key, user and device."""
        rows = [
            {
                "event": "Seen",
                "properties": {
                    "time": NOON,
                    "$insert_id": key,
                    "distinct_id": user or f"$device:{device}",
                    **({"$user_id": user} if user else {}),
                    **({"$device_id": device} if device else {}),
                },
            }
            for key, user, device in events
        ]
        self.control(f"/mixpanel/projects/{self.project_id}/events", {"events": rows})

    def forget(self, *ids: str) -> Forgotten:
        forgetting = Forgetting(self.lake, self.pipeline, self.project_id, self.clock)
        return forgetting.apply(forgetting.plan(GivenIds(frozenset(ids))), "test/me@here")

    def verify(self) -> Verification:
        aep = self.aep
        opened = open_history(self.lake, self.pipeline, aep, self.source, all_days=True)
        with aep.lake_reader() as reader:
            found = verify(opened.history, opened.dataset, reader, aep, self.pipeline, None, self.clock)
        found.require_equal()
        return found

    def recover(self) -> None:
        aep = self.aep
        opened = open_history(self.lake, self.pipeline, aep, self.source, any_lake=True, all_days=True)
        with aep.lake_reader() as reader:
            recover(opened.history, opened.dataset, reader, aep, self.pipeline, None, self.clock)

    @property
    def root(self) -> Path:
        return Path(str(self.lake.root))


@contextmanager
def project_in(folder: Path) -> Iterator[Loaded]:
    with quick_sandbox(folder / "sandbox") as server:
        found = Loaded(server.url, Lake(f"file://{folder}/lake"), PIPELINES["hostile"])
        limits = {"per_hour": 100_000, "per_second": 1000}
        found.control("/mixpanel/projects", {"id": found.project_id, "limits": limits})
        found.setup()
        found.happen(("a1", ANNA, ANNAS_PHONE), ("a2", None, ANNAS_PHONE), ("b1", BERT, None))
        yield found


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Loaded]:
    with project_in(tmp_path) as found:
        yield found


def test_a_later_run_of_the_day_exports_and_loads_nothing(project: Loaded) -> None:
    first = project.load("one")
    project.forget(ANNA)
    assert named_in(project.root, ANNAS) == []
    calls = project.calls()
    again = project.load("two")
    assert (again.again, again.batches, again.active) == (True, first.batches, first.active)
    assert project.calls() == calls
    assert project.steps_with_files() == {"export"}, "nothing was mapped again"


def test_a_refresh_stores_nothing_of_the_person_and_counts_the_events_separately(project: Loaded) -> None:
    first = project.load("one")
    project.forget(ANNA)
    staged = project.stage(DAY, "refresh")
    assert {name: staged.counts.get(name, 0) for name in ("staged", "vanished", "forgotten", "changed")} == {
        "staged": 0, "vanished": 0, "forgotten": 2, "changed": 0,
    }  # fmt: skip
    assert project.ingest(DAY, staged, "two").batches == first.batches
    project.happen(("b2", BERT, None), ("a3", ANNA, None))
    assert project.load("three", refresh=True).loaded == 1
    assert named_in(project.root, ANNAS) == []


def test_rows_are_recreated_without_an_export_and_without_the_person(project: Loaded) -> None:
    first = project.load("one")
    project.forget(ANNA)
    calls = project.calls()["export"]
    project.remap("drop")
    replaced = project.load("two", replace=True)
    assert replaced.active == first.active - 2
    assert project.calls()["export"] == calls
    assert named_in(project.root, ANNAS) == []


def test_an_unloaded_day_is_loaded_without_the_person(project: Loaded) -> None:
    staged = project.stage(DAY)
    project.forget(ANNA)
    calls = project.calls()["export"]
    done = project.load("one")
    assert done.active == staged.counts["staged"] - 2
    assert project.calls()["export"] == calls
    assert named_in(project.root, ANNAS) == []
    assert project.verify().forgotten == {}


def test_verify_counts_what_aep_still_holds_and_what_it_deleted(project: Loaded) -> None:
    project.load("one")
    project.happen(("a3", ANNA, None), ("a4", ANNA, None))
    late = project.load("two", refresh=True)
    ids = project.verify().counts["ids"]
    project.forget(ANNA)
    found = project.verify()
    assert found.counts["ids"] == ids
    assert found.forgotten == {"deleted": 0, "to_delete": 4}
    assert "of forgotten people 0 are deleted in AEP, 4 are not deleted yet" in str(found)
    project.aep.batches.revert(late.batches[-1])  # These rows are the person's only.
    found = project.verify()
    assert (found.counts["lost"], found.forgotten) == (0, {"deleted": 2, "to_delete": 2})


def test_a_missing_row_of_another_person_is_still_lost(project: Loaded) -> None:
    project.load("one")
    project.happen(("a3", ANNA, None), ("b2", BERT, None))
    late = project.load("two", refresh=True)
    project.forget(ANNA)
    project.aep.batches.revert(late.batches[-1])
    with pytest.raises(Exception, match="lost 1, duplicate 0"):
        project.verify()


def test_a_removed_batch_is_loaded_again_without_the_person(project: Loaded) -> None:
    first = project.load("one")
    project.forget(ANNA)
    project.aep.batches.revert(first.batches[0])
    calls = project.calls()["export"]
    assert project.load("two").active == first.active - 2
    assert project.calls()["export"] == calls
    assert named_in(project.root, ANNAS) == []


def test_cleaning_keeps_rewritten_exports_as_long_as_others(project: Loaded) -> None:
    project.load("one")
    project.forget(ANNA)
    files = [key for key in project.lake.keys(f"hostile/{DAY}/raw") if key.endswith(".gz")]
    assert len(files) == 1
    for _ in range(2):
        project.wait(days=30)
        clean(project.lake, project.pipeline, project.clock.now())
    assert [key for key in project.lake.keys(f"hostile/{DAY}/raw") if key.endswith(".gz")] == files
    project.load("two", refresh=True)
    for _ in range(2):
        project.wait(days=30)
        project.clean_for_good()
    assert [key for key in project.lake.keys(f"hostile/{DAY}/raw") if key.endswith(".gz")] == files


def test_days_recovered_from_aep_restore_no_row(project: Loaded) -> None:
    project.load("one")
    project.forget(ANNA)
    for path in sorted(project.root.glob("_histories/*/ledger/*/*.json")):
        path.unlink()
    project.recover()
    assert named_in(project.root, ANNAS) == []
    assert project.verify().forgotten == {"deleted": 0, "to_delete": 2}
    project.load("two", refresh=True)
    assert named_in(project.root, ANNAS) == []


def test_a_day_that_is_being_loaded_is_refused_with_the_run(
    project: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged = project.stage(DAY)
    monkeypatch.setattr(
        "include.aep.batches.Batches.complete", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    with pytest.raises(KeyboardInterrupt):
        project.advance(DAY, staged, "scheduled/2026-07-01")
    monkeypatch.undo()
    before = sorted(project.lake.keys("hostile"))
    with pytest.raises(Conflict, match="Run scheduled/2026-07-01 is loading partition 2026-07-01"):
        project.forget(ANNA)
    assert sorted(project.lake.keys("hostile")) == before
    assert not list(project.lake.keys("_suppressed"))
    project.ingest(DAY, staged, "scheduled/2026-07-01")
    project.forget(ANNA)
    assert named_in(project.root, ANNAS) == []


def test_two_people_in_succession(project: Loaded) -> None:
    first = project.load("one")
    project.forget(ANNA)
    project.forget(BERT)
    assert named_in(project.root, [*ANNAS, BERT]) == []
    calls = project.calls()["export"]
    project.remap("drop")
    assert project.load("two", replace=True).active == first.active - 3
    assert project.calls()["export"] == calls
    raw = [key for key in project.lake.keys(f"hostile/{DAY}/raw") if key.endswith(".gz")]
    assert len(raw) == 1
    found = parse_key(raw[0])
    assert found is not None
    counts = json.loads(project.lake.read(f"hostile/{DAY}/raw/{found.digest}/manifest.json") or b"")["counts"]
    assert counts["suppressed"] == 3

"""Any sequence of runs, refreshes, replacements, mapping changes, crashes and cleanings keeps every promise."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from include.lake.ledger_state import active_records
from include.lake.manifest import Manifest
from scripts.demo.evidence import Sandbox, line_id
from tests.support.aging_project import AgingProject, aging_project

pytestmark = pytest.mark.sandbox
PLANS = int(os.environ.get("CLEAN_PLANS", "4"))
FIRST_DAY = date(2025, 6, 1)


@dataclass
class Played:
    """A day of the project, and the results of an interrupted run."""

    project: AgingProject
    day: date
    staged: list[tuple[Manifest, bool]] = field(default_factory=list)
    names: Iterator[int] = field(default_factory=count)
    """Runs and events, each with a name of its own."""

    held: set[str] = field(default_factory=set)
    """The events that Mixpanel has now, by ``$insert_id``."""

    def name(self) -> str:
        return f"{self.day}-{next(self.names)}"

    def event(self) -> str:
        name = self.name()
        self.project.add(name, day=self.day)
        self.held.add(name)
        return name

    def vanishing(self) -> None:
        name = self.event()
        self.run(refresh=True)
        self.project.delete(name)
        self.held.remove(name)

    def active(self) -> list[str]:
        """Return the ``$insert_id``s of the day's active events at AEP, with duplicates."""
        sandbox, project_id = Sandbox(self.project.url), self.project.project_id
        names = {
            line_id(project_id, line): json.loads(line)["properties"]["$insert_id"]
            for line in sandbox.returned(project_id)
            if f'"$insert_id":"{self.day}-'.encode() in line
        }
        batches = {str(record.batch) for record in active_records(self.project.records(self.day))}
        rows = list(sandbox.active(self.project.pipeline.aep.dataset))
        assert {batch for identity, batch in rows if identity in names} <= batches
        return sorted(names[identity] for identity, batch in rows if batch in batches)

    def run(self, *, refresh: bool = False, replace: bool = False) -> None:
        self.project.load(self.name(), day=self.day, refresh=refresh, replace=replace)

    def begin(self, *, replace: bool = False) -> None:
        """Run all but the last task, which may be cleared at any later time."""
        self.staged.append((self.project.stage(self.day, self.name(), replace=replace), replace))

    def end(self) -> None:
        if self.staged:
            staged, replace = self.staged.pop()
            self.project.ingest(self.day, staged, self.name(), replace=replace)

    def remap(self) -> None:
        self.project.remap("drop" if self.project.pipeline.unmapped == "keep" else "keep")

    def clean(self) -> None:
        """Assert that cleaning changes nothing protected, and has removed what is due after its second run."""
        before = self.project.protected()
        self.project.clean()
        assert before.items() <= self.project.protected().items()

    def remove_by_hand(self) -> None:
        for path in Path(str(self.project.lake.root)).glob(f"hostile/{self.day}/xdm/*/*.parquet"):
            path.unlink()


ACTIONS: dict[str, Callable[[Played], object]] = {
    "event": Played.event,
    "vanishing event": Played.vanishing,
    "run": Played.run,
    "refresh": lambda played: played.run(refresh=True),
    "replace": lambda played: played.run(replace=True),
    "refresh and replace": lambda played: played.run(refresh=True, replace=True),
    "begin": Played.begin,
    "begin to replace": lambda played: played.begin(replace=True),
    "end": Played.end,
    "remap": Played.remap,
    "an hour": lambda played: played.project.wait(hours=1),
    "a day": lambda played: played.project.wait(days=1),
    "eight days": lambda played: played.project.wait(days=8),
    "clean": Played.clean,
    "clean for good": lambda played: [played.clean(), played.project.wait(days=1), played.clean()],
    "keep raw": lambda played: played.project.keep(),
    "keep no raw": lambda played: played.project.keep(raw_days=1, report_days=1, superseded_days=1),
    "remove by hand": Played.remove_by_hand,
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgingProject]:
    with aging_project(tmp_path_factory.mktemp("plans")) as found:
        yield found


days = count()


@settings(max_examples=PLANS)
@given(plan=st.lists(st.sampled_from(sorted(ACTIONS)), min_size=8, max_size=16))
def test_every_plan_keeps_every_promise(project: AgingProject, plan: list[str]) -> None:
    played = Played(project, FIRST_DAY + timedelta(days=next(days)))
    note(str(played.day))
    played.event()
    for name in plan:
        ACTIONS[name](played)
    while played.staged:
        played.end()
    played.run(refresh=True)
    active = played.active()
    assert played.held <= set(active), "lost"
    assert len(active) == len(set(active)), "twice"
    project.wait(days=40)
    project.keep(raw_days=30)
    project.clean_for_good()
    assert project.steps_with_files(played.day) == set()
    calls = project.calls()
    project.load(played.name(), day=played.day)
    assert project.calls() == calls, "the day is as it was: nothing is exported, and no batch is made"
    assert played.active() == active
    played.run(refresh=True, replace=True)
    assert played.active() == sorted(played.held)

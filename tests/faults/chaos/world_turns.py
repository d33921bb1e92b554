"""Changes of the environment between the runs of a random plan, and their repair."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from include.lake.lake_id import ensure_lake_id
from tests.faults import world_changes as changing
from tests.faults.chaos.plan import Change
from tests.faults.process_run import End, Run
from tests.faults.scenario import Scenario, event

_POLLS = 12


@dataclass(frozen=True)
class Turn:
    """One change: the scenario, its days, and a unique name."""

    scenario: Scenario
    days: Sequence[date]
    name: str
    point: str | None

    def tries(self, step: str, *, refresh: bool = False, dies: bool = False) -> list[End]:
        """Run one try of every day in the changed environment; every failure must be explained."""
        name, failpoints = f"{step}-{self.name}", f"{self.point}:1=exit" if dies and self.point else ""
        runs = (
            Run(name=name, day=day, refresh=refresh, polls=_POLLS, failpoints=failpoints) for day in self.days
        )
        return [self.scenario.tried(run) for run in runs]

    def expect(self, ends: Sequence[End], *allowed: str) -> None:
        """Assert that every try was green, died at a failpoint, or ended with one of these errors."""
        wrong = [end for end in ends if end.outcome not in ("green", "died") and end.error not in allowed]
        assert not wrong, wrong


def turn(change: Change, scenario: Scenario, days: Sequence[date], name: str, point: str | None) -> None:
    """Change the environment, try every day in it, and repair it."""
    _TURNS[change](Turn(scenario, days, f"{change.replace(' ', '-')}-{name}", point))


def _older_lake(turn: Turn) -> None:
    """The lake is restored from a copy older than the newest runs."""
    scenario, newest = turn.scenario, turn.scenario.where.lake
    changing.use_lake(scenario, f"older-{turn.name}", copy=True)
    older = scenario.where.lake
    scenario.change(lake=newest)
    turn.expect(turn.tries("before", refresh=True, dies=True), *_OF_A_REFUSED_BATCH)
    scenario.change(lake=older)
    ends = turn.tries("restored")
    turn.expect(ends, "UnknownBatch", *_OF_A_REFUSED_BATCH)
    if any(end.error == "UnknownBatch" for end in ends):
        _recover(turn)


def _lost_lake(turn: Turn) -> None:
    """An empty lake replaces the lost one."""
    changing.use_lake(turn.scenario, f"lost-{turn.name}")
    ends = turn.tries("lost")
    assert {end.error for end in ends} == {"ForeignLake"}, ends
    _recover(turn)


def _second_lake(turn: Turn) -> None:
    """Runs temporarily use another lake, with the id of another dataset's lake."""
    newest = turn.scenario.where.lake
    changing.use_lake(turn.scenario, f"second-{turn.name}")
    ensure_lake_id(turn.scenario.lake)
    ends = turn.tries("second")
    assert {end.error for end in ends} == {"ForeignLake"}, ends
    turn.scenario.change(lake=newest)


def _dataset(turn: Turn) -> None:
    """The pipeline temporarily names another dataset: each day is loaded there completely."""
    scenario, found = turn.scenario, turn.scenario.pipeline.aep.dataset.partition(" / ")[2]
    changing.use_dataset(scenario, turn.name)
    for day in turn.days:
        end = scenario.finish(Run(name=f"other-{turn.name}", day=day))
        assert end.outcome == "green", end
    active = [identity for identity, _ in scenario.active()]
    assert len(active) == len(set(active))
    scenario.delete_dataset()
    changing.use_dataset(scenario, found)


def _hidden_batch(turn: Turn) -> None:
    """The catalog temporarily hides the newest batch."""
    scenario, batches = turn.scenario, turn.scenario.batches()
    if not batches:
        return
    newest = max(batches, key=lambda batch: batch["created"])["id"]
    scenario.change_batch(newest, vanished=True)
    turn.expect(turn.tries("hidden"), "BatchUnconfirmed", "BatchStuck", *_OF_A_REFUSED_BATCH)
    scenario.change_batch(newest, vanished=False)


def _merge(turn: Turn) -> None:
    """Mixpanel merges two ids into one user."""
    turn.expect(turn.tries("before"), *_OF_A_REFUSED_BATCH)
    changing.merge_identities(turn.scenario, "u-1", f"u-{turn.name}")
    before = sorted(turn.scenario.active())
    turn.expect(turn.tries("merged", refresh=True), *_OF_A_REFUSED_BATCH)
    assert set(before) <= set(turn.scenario.active())


def _during_export(turn: Turn) -> None:
    """An event is processed during the export of its day."""
    stops = Run(name=f"during-{turn.name}", day=turn.days[0], refresh=True, failpoints="export.piece:1=stop")
    attempt = turn.scenario.start(stops)
    if attempt.wait_until_stopped():
        turn.scenario.add(event("Late", day=turn.days[0], key=f"late-{turn.name}"))
        attempt.wake()
    turn.expect([attempt.wait()], *_OF_A_REFUSED_BATCH)


def _recover(turn: Turn) -> None:
    """A person ends open batches, and rebuilds missing parts of the lake from AEP."""
    aep, scenario = turn.scenario.runner.aep, turn.scenario
    for batch in aep.catalog.open_batches(scenario.dataset_id):
        aep.batches.abort(batch.id)
    end = scenario.tried(Run(name=f"recover-{turn.name}", task="recover"))
    assert end.outcome == "green", end


_OF_A_REFUSED_BATCH = ("BatchFailed",)
"""What a run may end with because AEP refuses a batch of the plan."""
_TURNS: Mapping[Change, Callable[[Turn], None]] = {
    "older lake": _older_lake,
    "lost lake": _lost_lake,
    "second lake": _second_lake,
    "dataset": _dataset,
    "hidden batch": _hidden_batch,
    "merge": _merge,
    "during export": _during_export,
}

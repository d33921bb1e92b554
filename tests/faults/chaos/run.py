"""Runs a random plan, repairs everything as people would, and compares the sets."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import psutil

from include.steps.reconcile.orphaned_batches import abort_orphaned_batches, remove_unfinished_files
from scripts.demo.evidence import Comparison
from tests.faults.chaos.faults import differences_alone
from tests.faults.chaos.plan import Kill, KillAfter, Late, NextBatch, Person, Plan, Storage, Wire
from tests.faults.chaos.prepared_days import Prepared, fill
from tests.faults.chaos.world_turns import turn
from tests.faults.checker import compared, ledger_faults, leftovers, require_explained
from tests.faults.environment import FaultEnvironment
from tests.faults.process_run import DAYS, End, Run, Try
from tests.faults.s3_proxy import S3Fault
from tests.faults.scenario import Scenario, event

_TRIES = 5
_DEADLINE_SECONDS = 90.0
_TICK_SECONDS = 0.01
_POLLS, _LOOKS_AGAIN = 12, 3
"""At a batch, before it counts as stuck: in a run's first try, and in those after."""
_READ_EVERY = 5
"""AEP's data lake is read, over the wire, after every plan that changes the world and after every fifth of the others."""
_MAY_BE_LEFT = {"scratch", "unfinished upload", "raw", "xdm", "valid", "staged", "report", "quarantine"}
"""Of a dead or superseded try; none of it can become a row."""


@dataclass
class _Actor:
    """A run that is tried until it ends, as Airflow tries it."""

    run: Run
    kill_after: float | None
    began: float = 0.0
    at_work: Try | None = None
    ends: list[End] = field(default_factory=list)
    stopped: bool = False

    @property
    def finished(self) -> bool:
        last = self.ends[-1].outcome if self.ends else ""
        return self.at_work is None and (last in ("green", "red", "defect") or len(self.ends) >= _TRIES)


def run_plan(plan: Plan, stage: FaultEnvironment, prepared: Prepared, name: str) -> Comparison:
    """Run a plan and return the sizes of the sets.

    Raises:
        AssertionError: a promise was broken.
    """
    days = plan.days
    prepared.next_plan()
    scenario = stage.scenario(name, plan.lake, prepared.scenario(days) if plan.prepared else None)
    scenario.change(prepare=differences_alone)  # As a refresh of a large day does.
    try:
        if not plan.prepared:
            fill(scenario, days)
        _arrange(plan, scenario)
        actors = _actors(plan)
        _play(plan, scenario, actors)
        _mended(scenario)
        for number, change in enumerate(plan.changes):
            turn(change, scenario, sorted(days), str(number), plan.point)
        _heal(scenario, days)
        sets = _held(scenario, days, read=bool(plan.changes) or plan.seed % _READ_EVERY == 0)
        for actor in actors:
            assert all(end.outcome != "defect" for end in actor.ends), actor.ends
    finally:
        stage.clear_up()
    scenario.discard()
    return sets


def _arrange(plan: Plan, scenario: Scenario) -> None:
    scenario.settings(batch_seconds=plan.batch_seconds)
    for fault in plan.faults:
        match fault:
            case Wire():
                scenario.fault(fault.fault)
            case Storage():
                scenario.stage.s3.plan(
                    S3Fault(fault.match, fault.status, "InternalError", fault.times, after=fault.after)
                )
    if batches := [fault.plan for fault in plan.faults if isinstance(fault, NextBatch)]:
        scenario.forced(*batches)


def _actors(plan: Plan) -> list[_Actor]:
    actors = []
    for number, run in enumerate(plan.actors):
        points = [
            f"{f.point}:{f.number}={f.action}"
            for f in plan.faults
            if isinstance(f, Kill) and f.actor == number
        ]
        after = [f.seconds for f in plan.faults if isinstance(f, KillAfter) and f.actor == number]
        actors.append(
            _Actor(replace(run, failpoints=" ".join(points), polls=_POLLS), min(after, default=None))
        )
    return actors


def _play(plan: Plan, scenario: Scenario, actors: list[_Actor]) -> None:
    events = sorted((f for f in plan.faults if isinstance(f, Person | Late)), key=lambda f: f.seconds)
    began = time.monotonic()
    while not all(actor.finished for actor in actors):
        now = time.monotonic()
        assert now - began < _DEADLINE_SECONDS, [(a.run.name, [str(e) for e in a.ends]) for a in actors]
        while events and events[0].seconds <= now - began:
            _happens(events.pop(0), scenario)
        for actor in actors:
            _advance(actor, scenario, now)
        working = [a for a in actors if not a.finished]
        if working and all(actor.stopped for actor in working):
            assert working[0].at_work is not None
            working[0].stopped = False
            working[0].at_work.wake()
        time.sleep(_TICK_SECONDS)
    for event_ in events:
        _happens(event_, scenario)


def _advance(actor: _Actor, scenario: Scenario, now: float) -> None:
    if actor.finished:
        return
    if actor.at_work is None:
        first = not actor.ends
        again = replace(actor.run, failpoints="", polls=_LOOKS_AGAIN)
        actor.at_work = scenario.start(actor.run if first else again)
        actor.began = now
        return
    process = actor.at_work.process
    if actor.kill_after is not None and now - actor.began > actor.kill_after:
        actor.kill_after, actor.stopped = None, False
        actor.at_work.kill()
    if process.exitcode is not None:
        actor.ends.append(actor.at_work.wait())
        actor.at_work, actor.stopped = None, False
    elif not actor.stopped and "=stop" in actor.run.failpoints and not actor.ends:
        actor.stopped = psutil.pid_exists(process.pid or 0) and _status(process.pid) == psutil.STATUS_STOPPED


def _status(pid: int | None) -> str:
    try:
        return str(psutil.Process(pid).status())
    except psutil.NoSuchProcess:
        return ""


def _happens(happening: Person | Late, scenario: Scenario) -> None:
    if isinstance(happening, Late):
        scenario.add(event("Late", day=happening.day, key=f"late-{happening.seconds}"))
        return
    alive = [
        batch
        for batch in scenario.batches()
        if batch["status"] not in ("aborted", "failed", "inactive", "deleted")
    ]
    if alive:
        newest = max(alive, key=lambda batch: batch["created"])
        status = "inactive" if newest["status"] in ("success", "active") else "aborted"
        scenario.stage.post(f"/aep/batches/{newest['id']}", {"status": status})


def _mended(scenario: Scenario) -> None:
    """End all faults, and let AEP finish stalled batches."""
    scenario.no_faults()
    scenario.settings(batch_seconds=0, next_batches=[])
    for batch in scenario.batches():
        if batch["status"] in ("stalled", "retrying", "queued", "preparing"):
            scenario.stage.post(f"/aep/batches/{batch['id']}", {"status": "success"})


def _heal(scenario: Scenario, days: set[date]) -> None:
    """Run each affected day until it is green."""
    for day in sorted(days):
        healing = Run(name="healing", day=day, refresh=True)
        end = scenario.finish(healing)
        for _ in range(3):  # A person reads the reason and clears the task.
            if end.outcome == "green":
                break
            assert end.error == "BatchFailed", end
            end = scenario.finish(healing)
        assert end.outcome == "green", end


def _held(scenario: Scenario, days: set[date], *, read: bool) -> Comparison:
    now = datetime.now(UTC) + timedelta(hours=7)
    swept = abort_orphaned_batches(scenario.history, scenario.runner.aep, now)
    remove_unfinished_files(scenario.lake, now)
    require_explained(scenario)
    sets = compared(scenario, read=read)
    assert sets == Comparison(0, 0, 0), sets
    for day in DAYS:
        assert ledger_faults(scenario.records(day)) == []
        if day not in days:
            assert scenario.records(day) == []
    assert scenario.leaks() == []
    assert leftovers(scenario) <= _MAY_BE_LEFT, (leftovers(scenario), swept)
    return sets

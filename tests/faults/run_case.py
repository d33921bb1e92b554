"""Runs a case and compares the outcome with its promises."""

from __future__ import annotations

import re
from dataclasses import replace

from scripts.demo.evidence import Comparison, newest_manifests
from tests.faults.case import Case, Do, Go, Together
from tests.faults.checker import compared, ledger_faults, leftovers, require_explained
from tests.faults.process_run import DAYS, End
from tests.faults.scenario import Scenario

ALWAYS_LEFT = {"scratch"}
"""A dead process cannot remove its scratch folder; the next start of the worker does."""


def play(case: Case, scenario: Scenario) -> Comparison:
    """Run the acts, then tries until the run ends, and assert every expectation of the case.

    Returns:
        The sizes of the three sets, beyond what the case declares as lost.
    """
    scenario.add(*case.events)
    if case.scenario:
        scenario.change(**case.scenario)
    died = False
    for act in case.acts:
        match act:
            case Go():
                died |= act.ends == "died"
                _expect(scenario.tried(act.run), act.ends, act.says)
            case Together():
                for end, expected in zip(together(scenario, act), act.ends, strict=True):
                    _expect(end, expected, "")
            case Do():
                act.how(scenario)
    if case.finally_ is not None:
        _expect(scenario.finish(replace(case.run, failpoints="")), case.finally_, "")
    return _held(case, scenario, died)


def together(scenario: Scenario, act: Together) -> list[End]:
    """Start all runs in order; resume the stopped ones in order when the others have ended."""
    tries = []
    for number, run in enumerate(act.runs):
        tries.append(scenario.start(run))
        if "=stop" in run.failpoints:
            tries[-1].wait_until_stopped()
        if not number:
            for happening in act.between:
                happening.how(scenario)
    stopped = [one for one in tries if "=stop" in one.run.failpoints]
    ends = {id(one): one.wait() for one in tries if one not in stopped}
    for one in stopped:
        one.wake()
        ends[id(one)] = one.wait()
    return [ends[id(one)] for one in tries]


def _expect(end: End, expected: str, says: str) -> None:
    assert re.fullmatch(expected, str(end)), f"{end}, not {expected}: {end.text}"
    assert re.search(says, end.text), f"{says!r} is not in: {end.text}"


def _held(case: Case, scenario: Scenario, died: bool) -> Comparison:
    scenario.no_faults()
    require_explained(scenario)
    sets = compared(scenario)
    assert (sets.duplicate, sets.phantom) == (0, 0), sets
    assert sets.lost == case.lost, sets
    if case.active is not None:
        assert len(scenario.active()) == case.active
    for day in DAYS:
        records = scenario.records(day)
        assert ledger_faults(records) == []
        made = newest_manifests(scenario.lake, scenario.partition(day)).values()
        if day == case.run.day:
            assert sum(manifest.counts.get("quarantined", 0) for manifest in made) == case.quarantined
            if case.ledger is not None:
                kinds = tuple(record.kind for record in records)
                assert kinds == case.ledger, kinds
    if case.batches is not None:
        assert len(scenario.batches()) == case.batches, [batch["status"] for batch in scenario.batches()]
    left = leftovers(scenario)
    assert left - case.left - (ALWAYS_LEFT if died else set()) == set(), left
    assert scenario.leaks() == []
    if case.check is not None:
        case.check(scenario)
    return Comparison(sets.lost - case.lost, sets.duplicate, sets.phantom)

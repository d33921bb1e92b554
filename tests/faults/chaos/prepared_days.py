"""Days that are exported, transformed and validated before a plan begins: plans start from copies of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import date

from tests.faults.case import three
from tests.faults.environment import FaultEnvironment
from tests.faults.process_run import Run
from tests.faults.scenario import Scenario

_MOST_PLANS = 60
"""Until the stage is renewed: the more plans it has seen, the longer the next one takes."""


class Prepared:
    """One scenario for each set of days, created at first use, on a stage that is replaced from time to time."""

    def __init__(self, stage: FaultEnvironment) -> None:
        self._stage = stage
        self._made: dict[frozenset[date], Scenario] = {}
        self._numbers = itertools.count(1)
        self._plans = 0

    def next_plan(self) -> None:
        """Replace the stage after many plans."""
        self._plans = (self._plans + 1) % _MOST_PLANS
        if not self._plans:
            self._made.clear()
            self._stage.renew()

    def scenario(self, days: Iterable[date]) -> Scenario:
        """Return a scenario to copy that holds exactly these days."""
        key = frozenset(days)
        if key not in self._made:
            self._made[key] = self._make(key)
        return self._made[key]

    def _make(self, days: Iterable[date]) -> Scenario:
        scenario = self._stage.scenario(f"prepared-{next(self._numbers)}")
        fill(scenario, days)
        for day in days:
            end = scenario.tried(Run(name="before", day=day, until="validate"))
            assert end.outcome == "green", end
        return scenario


def fill(scenario: Scenario, days: Iterable[date]) -> None:
    """Return three events a day, one of them twice."""
    for day in days:
        scenario.add(*three(day), three(day)[0])

"""Days that are exported, transformed and validated before a plan begins: plans start from copies of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import date

from tests.faults.case import three
from tests.faults.place import Place, Stage
from tests.faults.running import Run

_MOST_COPIES = 40
"""Whatever a project ever returned is compared with what is active: the more plans, the longer that takes."""


class Prepared:
    """One place for each set of days, made when it is first asked for."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._made: dict[frozenset[date], tuple[Place, int]] = {}
        self._numbers = itertools.count(1)

    def place(self, days: Iterable[date]) -> Place:
        """A place to begin like, which holds these days and no other."""
        key = frozenset(days)
        place, copies = self._made.get(key, (None, 0))
        if place is None or copies >= _MOST_COPIES:
            place, copies = self._make(key), 0
        self._made[key] = place, copies + 1
        return place

    def _make(self, days: Iterable[date]) -> Place:
        place = self._stage.place(f"prepared-{next(self._numbers)}")
        fill(place, days)
        for day in days:
            end = place.tried(Run(name="before", day=day, until="validate"))
            assert end.outcome == "green", end
        return place


def fill(place: Place, days: Iterable[date]) -> None:
    """Three events a day, one of them twice."""
    for day in days:
        place.add(*three(day), three(day)[0])

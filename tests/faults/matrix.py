"""All cases, by the letters of their chapters."""

from __future__ import annotations

from tests.faults.case import Case, Elsewhere
from tests.faults.cases import (
    export,
    load,
    malice,
    orchestration,
    refresh,
    resources,
    stage,
    transform,
    validate,
    window,
    world,
    world_of_days,
)

CHAPTERS: dict[str, tuple[int, tuple[Case | Elsewhere, ...]]] = {
    "E": (29, (*export.CASES, *window.CASES)),
    "T": (14, transform.CASES),
    "V": (10, validate.CASES),
    "S": (14, stage.CASES),
    "L": (26, load.CASES),
    "O": (21, (*orchestration.CASES, *refresh.CASES)),
    "R": (9, resources.CASES),
    "M": (19, malice.CASES),
    "W": (21, (*world.CASES, *world_of_days.CASES)),
}
"""How many cases a chapter has, and which."""

ALL = [case for _, cases in CHAPTERS.values() for case in cases]
CASES = [case for case in ALL if isinstance(case, Case)]
SHOWN_ELSEWHERE = [case for case in ALL if isinstance(case, Elsewhere)]
ELSEWHERE = {test for case in SHOWN_ELSEWHERE for test in case.tests}

"""The fault matrix: every case runs with real processes that are really killed, and one checker checks them all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from include.lake.ledger import Kind
from include.lake.manifest import StepName
from tests.faults.case import Case
from tests.faults.chaos.plan import POINTS
from tests.faults.checker import unexplained
from tests.faults.environment import FaultEnvironment
from tests.faults.matrix import ALL, CASES, CHAPTERS, SHOWN_ELSEWHERE
from tests.faults.run_case import play

pytestmark = pytest.mark.sandbox
PROJECT = Path(__file__).parents[2]


def test_every_number_of_the_matrix_has_a_case_with_a_unique_name() -> None:
    numbers = {
        f"{letter}{number:02}" for letter, (count, _) in CHAPTERS.items() for number in range(1, count + 1)
    }
    assert {case.number for case in ALL} == numbers
    assert [name for name, count in Counter(case.id for case in ALL).items() if count > 1] == []


def test_references_to_other_tests_are_valid() -> None:
    for case in SHOWN_ELSEWHERE:
        for test in case.tests:
            path, _, name = test.partition("::")
            text = (PROJECT / path).read_text()
            assert not name or f"\ndef {name.partition('[')[0]}(" in text, f"{case.id}: {test} is missing"


def test_every_failpoint_is_used_by_a_case_or_a_random_plan() -> None:
    source = "".join(path.read_text() for path in (PROJECT / "include").rglob("*.py"))
    written = {name for _, name in re.findall(r'[^"`]failpoint\((f?)"([a-z_.{}]+)"\)', source)}
    for hole, words in (("{manifest.step}", get_args(StepName)), ("{kind}", get_args(Kind))):
        written = {name.replace(hole, word) for name in written for word in words}
    died_at = {name for case in CASES for name in re.findall(r"([a-z_.]+):\d+=", repr(case.acts))}
    assert written - died_at - set(POINTS) == set()
    assert set(POINTS) <= written


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_case(case: Case, stage: FaultEnvironment, record_property: Callable[[str, object], None]) -> None:
    record_property("case", case.number)
    scenario = stage.scenario(case.id, case.lake, tagged=case.tagged, **case.pipeline)
    try:
        sets = play(case, scenario)
    finally:
        record_property("unexplained", len(unexplained(scenario)))
    for name in ("lost", "duplicate", "phantom"):
        record_property(name, getattr(sets, name))
    scenario.discard()

"""An export from before its day had settled is no answer after it; one whose files a person has removed is none at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from include.clock import Clock
from include.lake.lake import Lake
from include.mixpanel.time import settled_at
from tests.carrying import loaded_sandbox
from tests.steps.test_break_world import PIPELINE, Breaker

pytestmark = pytest.mark.sandbox
DAY = date(2026, 7, 2)
EARLY, LATER = datetime(2026, 7, 3, 0, 5, tzinfo=UTC), datetime(2026, 7, 3, 12, tzinfo=UTC)


def at(moment: datetime) -> Clock:
    return Clock(moment.timestamp, lambda _: None)


@pytest.fixture
def breaker(tmp_path: Path) -> Iterator[Breaker]:
    with loaded_sandbox(tmp_path, date(2026, 7, 1)) as server:
        made = Breaker(server.url, Lake(f"file://{tmp_path}/lake"), PIPELINE)
        assert EARLY < settled_at(DAY, PIPELINE.mixpanel, PIPELINE.settle_hours) < LATER
        made.late("first", DAY)
        made.clock = at(EARLY)
        made.load(DAY, run="early")
        yield made


def test_a_run_after_the_day_has_settled_exports_it_again(breaker: Breaker) -> None:
    early = breaker.export(DAY)
    assert breaker.export(DAY) == early
    breaker.late("second", DAY)
    breaker.clock = at(LATER)
    breaker.load(DAY, run="scheduled")
    assert [breaker.records(DAY)[-1].counts["active"], breaker.export(DAY).counts["exported"]] == [1, 2]


def test_the_same_answer_counts_from_then_on(breaker: Breaker) -> None:
    early = breaker.export(DAY)
    breaker.clock = at(LATER)
    assert breaker.export(DAY) == early
    breaker.late("second", DAY)
    assert breaker.export(DAY) == early


def test_an_export_that_a_person_has_removed_is_no_answer(breaker: Breaker) -> None:
    """A refresh has found it damaged, and the error said to remove its folder."""
    breaker.clock = at(LATER)
    breaker.late("second", DAY)
    found = breaker.export(DAY, "look")
    assert breaker.lake.root is not None
    shutil.rmtree(breaker.lake.root / breaker.workspace(DAY).partition.output("export", found.digest))
    breaker.load(DAY, run="plain")
    breaker.load(DAY, run="refresh", look="look")
    assert len(breaker.records(DAY)[-1].model_dump()) > 0
    assert sorted(breaker.ids(DAY)) == sorted(set(breaker.ids(DAY)))
    assert len(breaker.ids(DAY)) == 2

"""An export from before its day settled is not reused afterwards; one whose files a person removed is not reused at all."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from include.clock import Clock
from include.lake.lake import Lake
from include.mixpanel.event_time import settled_at
from tests.steps.test_contradictions import PIPELINE, Breaker
from tests.support.pipeline_runner import loaded_sandbox

pytestmark = pytest.mark.sandbox
DAY = date(2026, 7, 2)
EARLY, LATER = datetime(2026, 7, 3, 0, 5, tzinfo=UTC), datetime(2026, 7, 3, 12, tzinfo=UTC)


def at(moment: datetime) -> Clock:
    return Clock(moment.timestamp, lambda seconds: time.sleep(min(seconds, 1.0)))


@pytest.fixture
def breaker(tmp_path: Path) -> Iterator[Breaker]:
    with loaded_sandbox(tmp_path, date(2026, 7, 1)) as server:
        made = Breaker(server.url, Lake(f"file://{tmp_path}/lake"), PIPELINE)
        assert EARLY < settled_at(DAY, PIPELINE.mixpanel, PIPELINE.settle_hours) < LATER
        made.late("first", DAY)
        made.clock = at(EARLY)
        made.load(DAY, run="early")
        yield made


def test_a_run_after_the_day_settled_exports_it_again(breaker: Breaker) -> None:
    early = breaker.export(DAY)
    assert breaker.export(DAY) == early
    breaker.late("second", DAY)
    breaker.clock = at(LATER)
    breaker.load(DAY, run="scheduled")
    assert [breaker.records(DAY)[-1].counts["active"], breaker.export(DAY).counts["exported"]] == [1, 2]


def test_the_same_response_counts_from_then_on(breaker: Breaker) -> None:
    early = breaker.export(DAY)
    breaker.clock = at(LATER)
    assert breaker.export(DAY) == early
    breaker.late("second", DAY)
    assert breaker.export(DAY) == early


@pytest.mark.parametrize("removed", ["first", "second"])
def test_an_export_that_a_person_removed_is_not_reused(breaker: Breaker, removed: str) -> None:
    """A refresh found it damaged, and the error said to remove its folder; it may be the base of a delta."""
    early = breaker.export(DAY)
    breaker.clock = at(LATER)
    breaker.late("second", DAY)
    found = breaker.export(DAY, "refresh")
    digest = early.digest if removed == "first" else found.digest
    assert breaker.lake.root is not None
    shutil.rmtree(breaker.lake.root / breaker.workspace(DAY).partition.output("export", digest))
    breaker.load(DAY, run="plain")
    breaker.load(DAY, run="refresh", refresh="refresh")
    assert len(breaker.records(DAY)[-1].model_dump()) > 0
    assert sorted(breaker.ids(DAY)) == sorted(set(breaker.ids(DAY)))
    assert len(breaker.ids(DAY)) == 2


def test_the_response_of_a_delta_with_a_removed_base_is_published_again(
    breaker: Breaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.steps.export.compare_exports.SMALL_LINES", 0)
    for number in range(40):
        breaker.late(f"more-{number}", DAY)
    breaker.clock = at(LATER)
    base = breaker.export(DAY)
    breaker.late("second", DAY)
    delta = breaker.export(DAY, "refresh")
    assert delta.delta is not None
    assert delta.delta.base == base.digest
    assert breaker.lake.root is not None
    shutil.rmtree(breaker.lake.root / breaker.workspace(DAY).partition.output("export", base.digest))
    for name in ("plain", "refresh"):
        breaker.load(DAY, run=name, refresh="refresh" if name == "refresh" else None)
    assert len(breaker.ids(DAY)) == len(set(breaker.ids(DAY))) == 42

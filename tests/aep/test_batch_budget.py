"""AEP's guardrails hold for all tasks of an AEP sandbox together, and a backfill leaves scheduled runs their part."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.aep.batch_budget import BatchBudget
from include.errors import Throttled
from include.lake.lake import Lake
from tests.support.fake_clock import FakeClock

pytestmark = pytest.mark.unit
GB = 10**9


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(f"file://{tmp_path}/lake")


def budget(lake: Lake, clock: FakeClock, aep_sandbox: str = "prod") -> BatchBudget:
    return BatchBudget(lake, "acme@AdobeOrg", aep_sandbox, clock.clock)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 15 * GB), st.sampled_from([0.0, 5.0, 600.0])), min_size=5, max_size=25)
)
def test_no_rolling_hour_gets_more_than_twenty_gigabytes(
    tmp_path_factory: pytest.TempPathFactory, batches: list[tuple[int, float]]
) -> None:
    lake, clock = Lake(f"file://{tmp_path_factory.mktemp('lake')}"), FakeClock()
    loaded: list[tuple[float, int]] = []
    for size, pause in batches:
        clock.at += pause
        try:
            budget(lake, clock).acquire(size)
        except Throttled as throttled:
            clock.at += throttled.wait_seconds
            budget(lake, clock).acquire(size)
        loaded.append((clock.at, size))
    for at, _ in loaded:
        assert sum(size for when, size in loaded if at <= when < at + 3599.9) <= 20 * GB


def test_a_batch_above_the_limit_waits_for_an_hour_of_its_own(lake: Lake) -> None:
    clock = FakeClock()
    budget(lake, clock).acquire(90 * GB)
    with pytest.raises(Throttled, match=r"AEP ingests 20 GB an hour.*this one has 0\.00 GB") as throttled:
        budget(lake, clock).acquire(1)
    assert throttled.value.wait_seconds == pytest.approx(3600)


def test_a_check_takes_no_ticket(lake: Lake) -> None:
    clock = FakeClock()
    for _ in range(3):
        budget(lake, clock).acquire(15 * GB, check_only=True)
    assert list(lake.keys("_budget")) == []
    budget(lake, clock).acquire(15 * GB)
    with pytest.raises(Throttled):
        budget(lake, clock).acquire(15 * GB, check_only=True)


def test_the_minute_holds_138_batches(lake: Lake) -> None:
    clock = FakeClock()
    for _ in range(138):
        budget(lake, clock).acquire(1)
    with pytest.raises(Throttled, match="138 batches a minute"):
        budget(lake, clock).acquire(1)
    clock.at += 60
    budget(lake, clock).acquire(1)


def test_a_backfill_leaves_scheduled_runs_their_part_of_a_day(lake: Lake) -> None:
    clock = FakeClock()
    for _ in range(84):
        budget(lake, clock).acquire_backfilled(6)
        clock.at += 60
    with pytest.raises(
        Throttled, match="scheduled runs need 6, and backfills of AEP sandbox prod have created the other 84"
    ) as throttled:
        budget(lake, clock).acquire_backfilled(6)
    assert throttled.value.wait_seconds == pytest.approx(86_400 - 84 * 60)
    budget(lake, clock, "dev").acquire_backfilled(6)
    budget(lake, clock).acquire(1)
    clock.at += throttled.value.wait_seconds
    budget(lake, clock).acquire_backfilled(6)

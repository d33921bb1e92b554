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


def test_backfills_leave_a_fifth_of_the_hour_to_scheduled_runs(lake: Lake) -> None:
    clock = FakeClock()
    budget(lake, clock).acquire(6 * GB)
    budget(lake, clock).acquire_backfill(10 * GB)
    with pytest.raises(Throttled, match="Backfills may use 16 of AEP's 20 GB an hour"):
        budget(lake, clock).acquire_backfill(1 * GB)
    budget(lake, clock).acquire(4 * GB)
    clock.at += 3600
    budget(lake, clock).acquire_backfill(16 * GB)


def test_a_scheduled_run_that_waits_is_loaded_before_backfills(lake: Lake) -> None:
    """Without that, small batches of backfills would use each gigabyte that becomes free, and the large one never fits."""
    clock = FakeClock()
    for _ in range(16):
        budget(lake, clock).acquire_backfill(1 * GB)
        clock.at += 200
    with pytest.raises(Throttled, match="AEP ingests 20 GB an hour") as scheduled:
        budget(lake, clock).acquire(8 * GB)
    ready = clock.at + scheduled.value.wait_seconds
    while clock.at < ready:
        with pytest.raises(Throttled, match="Scheduled runs wait for AEP's 20 GB an hour") as waiting:
            budget(lake, clock).acquire_backfill(1 * GB)
        assert waiting.value.wait_seconds > ready - clock.at
        clock.at += 200
    budget(lake, clock).acquire(8 * GB)
    assert clock.at - ready < 200
    clock.at += 3600
    budget(lake, clock).acquire_backfill(1 * GB)
    budget(lake, clock, "dev").acquire_backfill(16 * GB)


def test_a_wait_for_bytes_uses_up_no_batch_of_the_day(lake: Lake) -> None:
    clock = FakeClock()
    budget(lake, clock).acquire(16 * GB)
    for _ in range(3):
        with pytest.raises(Throttled, match="Backfills may use"):
            budget(lake, clock).acquire_backfill(1 * GB, scheduled=81)
    clock.at += 3600
    budget(lake, clock).acquire_backfill(1 * GB, scheduled=81)
    with pytest.raises(Throttled, match="have created the other 1 in"):
        budget(lake, clock).acquire_backfill(1 * GB, scheduled=81)


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
    for _ in range(83):
        budget(lake, clock).acquire_backfill(1, 6)
        clock.at += 60
    with pytest.raises(
        Throttled,
        match="scheduled runs need up to 7, and backfills of AEP sandbox prod have created the other 83",
    ) as throttled:
        budget(lake, clock).acquire_backfill(1, 6)
    assert throttled.value.wait_seconds == pytest.approx(86_400 - 83 * 60)
    budget(lake, clock, "dev").acquire_backfill(1, 6)
    budget(lake, clock).acquire(1)
    clock.at += throttled.value.wait_seconds
    budget(lake, clock).acquire_backfill(1, 6)

"""Mixpanel's limits, 60 exports an hour and 3 a second, hold for all tasks of a project together."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.clock import Clock
from include.errors import Throttled
from include.lake.lake import Lake
from include.mixpanel.export_budget import ExportBudget
from tests.support.builders import frozen
from tests.support.fake_clock import FakeClock

pytestmark = pytest.mark.unit
ROUNDING = 1e-5


def within_limits(moments: list[float]) -> bool:
    """Return whether no 61 requests are within an hour and no 4 within a second."""
    return all(
        later - earlier >= seconds - ROUNDING
        for count, seconds in ((60, 3600.0), (3, 1.0))
        for earlier, later in zip(moments, moments[count:], strict=False)
    )


def tickets(lake: Lake, project: int) -> list[str]:
    return [key for key in lake.keys(f"_budget/mixpanel-{project}") if not key.endswith("/state.json")]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(f"file://{tmp_path}/lake")


@settings(max_examples=20)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from([0.0, 0.2, 0.9, 50.0, 59.9, 61.0])),
        min_size=50,
        max_size=90,
    )
)
def test_no_rolling_hour_or_second_exceeds_the_limit(turns: list[tuple[int, float]]) -> None:
    """Three instances, as in three workers, request in any order and at any pace."""
    fake_clock = FakeClock()
    with TemporaryDirectory() as folder:
        lake = Lake(f"file://{folder}")
        budgets = [ExportBudget(lake, 1, fake_clock.clock) for _ in range(3)]
        made: list[float] = []
        for instance, pause in turns:
            fake_clock.at += pause
            try:
                budgets[instance].acquire()
                made.append(fake_clock.at)
            except Throttled as throttled:
                assert throttled.wait_seconds > 30
                fake_clock.at += throttled.wait_seconds
                budgets[instance].acquire()
                made.append(fake_clock.at)
    assert within_limits(made)


def test_concurrent_workers_get_different_tickets(lake: Lake) -> None:
    start = threading.Barrier(4)
    fake_clocks = [FakeClock() for _ in range(4)]

    def work(number: int) -> None:
        start.wait()
        for _ in range(3):
            ExportBudget(lake, 1, fake_clocks[number].clock).acquire()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert len(tickets(lake, 1)) == 12
    assert sum(clock.slept != [] for clock in fake_clocks) > 0


def test_a_short_wait_happens_here_and_a_long_one_is_returned(lake: Lake) -> None:
    fake_clock = FakeClock()
    budget = ExportBudget(lake, 7, fake_clock.clock)
    for _ in range(60):
        budget.acquire()
    assert fake_clock.at - FakeClock().at == pytest.approx(19, abs=0.01)
    with pytest.raises(
        Throttled, match=r"Mixpanel project 7 has used its 60 exports for this hour\."
    ) as throttled:
        budget.acquire()
    assert throttled.value.wait_seconds == pytest.approx(3581, abs=0.01)
    assert (
        throttled.value.hint
        == "The next export is possible in 60 minutes. The task continues automatically then."
    )
    assert len(tickets(lake, 7)) == 60


def test_each_project_has_its_own_budget(lake: Lake) -> None:
    for project in range(5):
        fake_clock = FakeClock()
        for _ in range(3):
            ExportBudget(lake, project, fake_clock.clock).acquire()
        assert fake_clock.slept == []


def test_the_first_export_does_not_wait(lake: Lake) -> None:
    ExportBudget(lake, 1, frozen()).acquire()
    assert list(lake.keys("_budget")) == [
        "_budget/mixpanel-1/000000001.json",
        "_budget/mixpanel-1/state.json",
    ]


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'{"at":"soon"}', b'{"at":null}', b"\xff", b'{"at":1e400}']
)
def test_an_unreadable_ticket_blocks_no_export(lake: Lake, body: bytes) -> None:
    """If it should have, Mixpanel itself rejects the request."""
    for number in range(1, 61):
        lake.create(f"_budget/mixpanel-1/{number:09d}.json", body)
    lake.create("_budget/mixpanel-1/.DS_Store", b"")
    fake_clock = FakeClock()
    ExportBudget(lake, 1, fake_clock.clock).acquire()
    assert fake_clock.slept == []
    assert "_budget/mixpanel-1/000000061.json" in lake.keys("_budget")


def test_a_clock_a_year_ahead_does_not_block_the_others_for_a_year(lake: Lake) -> None:
    ahead = FakeClock(at=FakeClock().at + 365 * 86400)
    for _ in range(60):
        ExportBudget(lake, 1, ahead.clock).acquire()
    fake_clock = FakeClock()
    ExportBudget(lake, 1, fake_clock.clock).acquire()
    assert fake_clock.slept == []


@pytest.mark.parametrize("tickets", [1, 2, 7, 59, 60, 61, 100])
def test_the_exports_of_the_last_hour_are_counted_without_listing_all(
    lake: Lake, tickets: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 10_000_000.0
    budget = ExportBudget(lake, 1, Clock(lambda: now))
    for number in range(1, tickets + 1):  # One a minute, so that the last sixty are of the last hour.
        at = now - 60.0 * (tickets - number)
        lake.create(f"_budget/mixpanel-1/{number:09d}.json", b'{"at": %f}' % at)
    monkeypatch.setattr(Lake, "objects", lambda *_: pytest.fail("the lake was listed"))
    newest = budget.newest()
    assert newest == budget.newest(newest) == tickets
    assert budget.used(newest) == min(tickets, 60)
    assert ExportBudget(lake, 1, Clock(lambda: now + 3600.5)).used(newest) == 0


def count_requests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note every request to a lake from now on."""
    made: list[str] = []
    for name in ("read", "has", "create", "replace", "objects"):
        real = getattr(Lake, name)

        def noted(self: Lake, *given: Any, _real: Any = real, _name: str = name) -> Any:
            made.append(_name)
            return _real(self, *given)

        monkeypatch.setattr(Lake, name, noted)
    return made


def test_an_export_costs_one_read_and_two_small_writes_however_many_there_were(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_clock = FakeClock()
    for _ in range(130):
        fake_clock.at += 61
        ExportBudget(lake, 1, fake_clock.clock).acquire()
    made = count_requests(monkeypatch)
    fake_clock.at += 61
    ExportBudget(lake, 1, fake_clock.clock).acquire()
    assert made == ["read", "create", "replace"]
    assert len(lake.read("_budget/mixpanel-1/state.json") or b"") < 5_000


@pytest.mark.parametrize(
    "state", [None, b"", b"{}", b"[]", b"\xff", b'{"number":-3,"tickets":[]}', b'{"number":1e400}']
)
def test_a_state_that_is_lost_is_rebuilt_from_the_tickets(lake: Lake, state: bytes | None) -> None:
    """As an earlier version leaves the tickets, which wrote no state."""
    fake_clock = FakeClock()
    for number in range(1, 101):
        at = fake_clock.at - (100 - number)
        lake.create(f"_budget/mixpanel-1/{number:09d}.json", b'{"at": %f}' % at)
    if state is not None:
        lake.create("_budget/mixpanel-1/state.json", state)
    with pytest.raises(Throttled) as throttled:
        ExportBudget(lake, 1, fake_clock.clock).acquire()
    assert throttled.value.wait_seconds == pytest.approx(3600 - 59, abs=0.01)


def test_a_state_that_a_slow_worker_wrote_late_admits_no_request_too_many(lake: Lake) -> None:
    fake_clock = FakeClock()
    budget = ExportBudget(lake, 1, fake_clock.clock)
    for number in range(60):
        fake_clock.at += 1
        budget.acquire()
        if number == 20:
            late = lake.read("_budget/mixpanel-1/state.json") or b""
    lake.replace("_budget/mixpanel-1/state.json", late)
    with pytest.raises(Throttled):
        budget.acquire()


def test_a_pause_that_mixpanel_asks_of_one_worker_holds_for_all(lake: Lake) -> None:
    fake_clock = FakeClock()
    first, second = (ExportBudget(lake, 1, fake_clock.clock) for _ in range(2))
    first.acquire()
    for budget in (first, second):  # 100 workers ask in vain; one ticket notes it
        budget.pause(600)
    assert len(tickets(lake, 1)) == 2
    with pytest.raises(
        Throttled, match="Mixpanel requested a pause of all exports of project 1"
    ) as throttled:
        second.acquire()
    assert throttled.value.wait_seconds == pytest.approx(600)
    ExportBudget(lake, 2, fake_clock.clock).acquire()
    fake_clock.at += 580
    second.acquire()
    assert fake_clock.slept == [pytest.approx(20)]


def test_a_pause_counts_as_no_request_and_is_never_longer_than_an_hour(lake: Lake) -> None:
    fake_clock = FakeClock()
    budget = ExportBudget(lake, 1, fake_clock.clock)
    budget.pause(10**9)
    fake_clock.at += 3601
    start = fake_clock.at
    for _ in range(60):
        budget.acquire()
    assert fake_clock.at - start < 20
    lake.create("_budget/mixpanel-2/000000001.json", b'{"at":0,"pause":1e300}')
    ExportBudget(lake, 2, fake_clock.clock).acquire()

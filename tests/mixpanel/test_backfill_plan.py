"""The plan of a backfill: every day is requested once, in windows within their limits."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.mixpanel.backfill_plan import (
    Window,
    WindowLimits,
    cell_of,
    expected_bytes,
    halved_window_size,
    plan_backfill,
    plan_windows,
)

pytestmark = pytest.mark.unit
START = date(2023, 1, 1)
DAYS = st.dates(START, START + timedelta(days=400))
LIMITS = st.builds(WindowLimits, st.integers(1, 40), st.integers(1, 10_000), st.integers(1, 10))
VOLUMES = st.dictionaries(DAYS, st.integers(0, 6_000), max_size=30)


@given(st.sets(DAYS, max_size=120), VOLUMES, LIMITS)
def test_every_day_is_in_one_window_and_every_window_within_its_limits(
    days: set[date], bytes_of: dict[date, int], limits: WindowLimits
) -> None:
    for windows, is_whole in (
        (plan_windows(days, bytes_of, limits), False),
        (plan_backfill(days, bytes_of, START, limits), True),
    ):
        assert [day for window in windows for day in window.days] == sorted(days)
        for number, window in enumerate(windows):
            is_measured = bytes_of or (is_whole and number > 0)
            most = limits.most_days if is_measured else min(limits.most_days, limits.unknown_days)
            volume = sum(expected_bytes(day, bytes_of) for day in window.days)
            assert len(window) <= most
            assert volume <= limits.most_bytes or len(window) == 1


@given(st.sets(DAYS, min_size=1, max_size=120), VOLUMES, LIMITS)
def test_no_window_could_be_one_day_longer(
    days: set[date], bytes_of: dict[date, int], limits: WindowLimits
) -> None:
    windows = plan_windows(days, bytes_of, limits)
    most = limits.most_days if bytes_of else min(limits.most_days, limits.unknown_days)
    for window in windows:
        following = window.last + timedelta(days=1)
        volume = sum(expected_bytes(day, bytes_of) for day in [*window.days, following])
        assert following not in days or len(window) == most or volume > limits.most_bytes


@given(DAYS, st.integers(1, 90))
def test_cells_divide_the_calendar(day: date, size: int) -> None:
    cell = cell_of(day, START, size)
    assert day in cell
    assert len(cell) == size
    assert {cell_of(each, START, size) for each in cell.days} == {cell}
    assert cell_of(cell.last + timedelta(days=1), START, size).first == cell.last + timedelta(days=1)


def test_a_year_of_ordinary_days_takes_thirteen_requests() -> None:
    year = [START + timedelta(days=number) for number in range(365)]
    known = {START - timedelta(days=1): 30_000_000}
    assert len(plan_backfill(year, known, START, WindowLimits())) == 13


def test_the_first_window_of_an_unknown_project_is_a_week() -> None:
    month = [START + timedelta(days=number) for number in range(30)]
    assert plan_windows(month, {}, WindowLimits())[0] == Window(START, START + timedelta(days=6))


def test_only_the_first_window_of_a_backfill_without_known_volumes_is_a_week() -> None:
    year = [START + timedelta(days=number) for number in range(365)]
    assert [len(window) for window in plan_backfill(year, {}, START, WindowLimits())] == [
        7,
        23,
        *[30] * 11,
        5,
    ]


def test_a_busy_week_is_divided_and_a_quiet_one_is_not() -> None:
    days = [START + timedelta(days=number) for number in range(28)]
    known = {day: 500 if day < START + timedelta(days=14) else 10 for day in days}
    windows = plan_windows(days, known, WindowLimits(most_days=14, most_bytes=1000))
    assert [len(window) for window in windows] == [2] * 7 + [14]


def test_the_size_is_halved_down_to_a_day() -> None:
    sizes = [30]
    while sizes[-1] > 1:
        sizes.append(halved_window_size(sizes[-1]))
    assert sizes == [30, 15, 7, 3, 1]
    assert halved_window_size(1) == 1

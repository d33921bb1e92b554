"""Times and windows: rules for every schedule."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixpanel_aep_sandbox.aep.flows.errors import FlowServiceError
from mixpanel_aep_sandbox.aep.flows.runs.schedule import Schedule, epoch_ms
from mixpanel_aep_sandbox.aep.flows.source.explore import infer_schema
from mixpanel_aep_sandbox.aep.flows.source.rows import InvalidEvent, parse_event, source_row
from mixpanel_aep_sandbox.aep.flows.source.time_zones import are_same, days_of_window, find_zone

pytestmark = pytest.mark.unit

MOMENTS = st.integers(0, 4_000_000_000_000)
PERIODS = st.integers(15 * 60_000, 30 * 86_400_000)
SCHEDULES = st.builds(Schedule, MOMENTS, PERIODS, st.booleans())


@given(SCHEDULES, MOMENTS)
def test_the_next_time_is_the_first_on_the_grid_after_an_instant(schedule: Schedule, moment: int) -> None:
    assert schedule.period_ms is not None
    coming = schedule.after(moment)
    assert coming is not None and coming > moment and coming >= schedule.start_ms
    assert (coming - schedule.start_ms) % schedule.period_ms == 0
    assert coming - schedule.period_ms <= moment or coming == schedule.start_ms


@given(SCHEDULES, MOMENTS, st.integers(0, 200), st.integers(1, 30))
def test_due_times_are_ordered_and_limited_to_the_last_ones(
    schedule: Schedule, created: int, periods: int, most: int
) -> None:
    assert schedule.period_ms is not None
    first = schedule.first(created)
    now = first + periods * schedule.period_ms
    due, all_due = schedule.due(first, now, most), schedule.due(first, now, 10_000)
    assert all_due[0] == first and all_due == sorted(set(all_due)) and all_due[-1] <= now
    assert due == all_due[-most:]
    following = schedule.after(now)
    assert following is not None and following > now and following - all_due[-1] <= 2 * schedule.period_ms
    assert schedule.due(first, first - 1, most) == []


@given(SCHEDULES, MOMENTS, st.integers(0, 50), st.integers(1, 30))
def test_windows_are_contiguous(schedule: Schedule, created: int, periods: int, most: int) -> None:
    assert schedule.period_ms is not None
    first = schedule.first(created)
    covered, seen = None, []
    for at in schedule.due(first, first + periods * schedule.period_ms, most):
        seen.append(schedule.window(covered, at, 30))
        covered = at
    assert all(start <= end for start, end in seen)
    if schedule.backfill:
        assert all(before[1] == after[0] for before, after in pairwise(seen))


@given(MOMENTS)
def test_once_has_one_time(created: int) -> None:
    once = Schedule(1_600_000_000_000, None, True)
    first = once.first(created)
    assert once.due(first, first, 24) == [first] and once.after(first) is None


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [
        ("1625040887", 1_625_040_887_000),
        (1625040887, 1_625_040_887_000),
        ("1625040887000", 1_625_040_887_000),
        ("16515859567", 16_515_859_567_000),
        (0, 0),
        (10**20, 253_402_300_799_000),
    ],
)
def test_seconds_and_milliseconds_are_both_accepted(value: object, milliseconds: int) -> None:
    assert epoch_ms(value, "startTime") == milliseconds


@pytest.mark.parametrize("value", [None, True, 1.5, -1, "", "-1", "1e9", "१", "9" * 400, [1]])
def test_invalid_times_are_refused(value: object) -> None:
    with pytest.raises(FlowServiceError, match="startTime must be an epoch time"):
        epoch_ms(value, "startTime")


NOW = 1_783_022_400_000


def window(first: str, last: str, where: str) -> tuple[date, date] | None:
    start, end = (round(datetime.fromisoformat(text).timestamp() * 1000) for text in (first, last))
    return days_of_window(start, end, ZoneInfo(where), NOW)


@pytest.mark.parametrize(
    ("first", "last", "where", "found"),
    [
        ("2022-05-17T07:00Z", "2022-05-18T07:00Z", "America/Los_Angeles", ("2022-05-17", "2022-05-17")),
        ("2022-05-17T06:59Z", "2022-05-18T07:01Z", "America/Los_Angeles", ("2022-05-16", "2022-05-18")),
        ("2022-05-17T07:00Z", "2022-05-18T07:00Z", "Asia/Tokyo", ("2022-05-17", "2022-05-18")),
        # No day that has not begun in the project's zone: Mixpanel would refuse it.
        ("2026-07-01T00:00Z", "2030-01-01T00:00Z", "America/Los_Angeles", ("2026-06-30", "2026-07-02")),
        ("2026-07-01T00:00Z", "2030-01-01T00:00Z", "Asia/Tokyo", ("2026-07-01", "2026-07-03")),
        ("1970-01-01T00:00Z", "2001-01-01T00:00Z", "UTC", ("2000-01-01", "2000-12-31")),
    ],
)
def test_the_days_of_a_window(first: str, last: str, where: str, found: tuple[str, str]) -> None:
    wanted = tuple(date.fromisoformat(day) for day in found)
    assert window(first, last, where) == wanted


def test_a_window_may_have_no_days() -> None:
    assert window("2026-07-03T00:00Z", "2026-07-04T00:00Z", "UTC") is None
    assert window("1970-01-01T00:00Z", "1970-01-02T00:00Z", "UTC") is None
    assert days_of_window(0, 0, ZoneInfo("UTC"), NOW) is None


@given(
    MOMENTS, st.integers(1, 10**12), st.sampled_from(["Pacific Standard Time", "Nepal Standard Time", "UTC"])
)
def test_every_instant_of_a_window_is_in_its_days(start: int, length: int, name: str) -> None:
    where = find_zone(name)
    assert where is not None
    found = days_of_window(start, start + length, where, 5_000_000_000_000)
    for instant in (start, start + length // 2, start + length - 1):
        day = datetime.fromtimestamp(instant / 1000, UTC).astimezone(where).date()
        assert day.year < 2000 or (found and found[0] <= day <= found[1])


def test_zones() -> None:
    assert find_zone("Pacific Standard Time") == ZoneInfo("America/Los_Angeles")
    assert (
        find_zone("Pacific Standart Time")
        is find_zone("")
        is find_zone("../etc/passwd")
        is find_zone("a\0b")
        is None
    )
    assert are_same("W. Europe Standard Time", "Europe/Rome")
    assert are_same("Pacific Standard Time", "US/Pacific") and are_same("UTC", "Etc/UTC")
    assert not are_same("Pacific Standard Time", "America/New_York")


def test_a_line_becomes_a_row_with_the_names_of_the_source() -> None:
    event = parse_event(
        b'{"event": "E", "properties": {"$insert_id": "i", "$os": "a", "os": "b", "$event_name": 1}}\n'
    )
    row = source_row(event)
    assert row["event"] == "E" and row["properties"]["$insert_id"] == "i"
    assert row["data"] == {"insert_id": "i", "$os": "a", "os": "b", "event_name": "E"}


@pytest.mark.parametrize(
    "line",
    [
        b"terminated early\n",
        b'{"event": "E", "properties": {}}',
        b'{"event": "E"}\n',
        b'{"event": "E", "properties": {"a": NaN}}\n',
        b"[]\n",
        b"[" * 100_000 + b"\n",
    ],
)
def test_invalid_events_are_skipped(line: bytes) -> None:
    with pytest.raises(InvalidEvent):
        parse_event(line)


LONG = {"type": "integer", "minimum": -9007199254740992, "maximum": 9007199254740991}


@pytest.mark.parametrize(
    ("values", "schema"),
    [
        ([1, 2], LONG),
        ([1, 2.5], {"type": "number"}),
        ([1, "1"], {"type": "string"}),
        ([True, None], {"type": "boolean"}),
        ([None], {"type": "string"}),
        ([["a"], []], {"type": "array", "items": {"type": "string"}}),
        ([[1], ["a"]], {"type": "array", "items": {"type": "string"}}),
        ([{"a": 1}, {"b": "x"}], {"type": "object", "properties": {"a": LONG, "b": {"type": "string"}}}),
        ([{"a": 1}, []], {"type": "string"}),
    ],
)
def test_the_schema_derived_from_values(values: list[object], schema: dict[str, object]) -> None:
    assert infer_schema(values) == schema

"""Mixpanel's time: every event belongs to one partition, and its timestamp is when it happened."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.config.mixpanel_source import MixpanelSource
from include.errors import PartitionNotClosed
from include.mixpanel.event_time import (
    EventTime,
    TimeReading,
    day_end,
    day_start,
    event_time,
    latest_instant,
    require_closed,
    settled_at,
)

pytestmark = pytest.mark.unit

ZONES = sorted(available_timezones())
DAYS = range(date(2010, 1, 1).toordinal(), date(2037, 12, 31).toordinal())
HOUR = timedelta(hours=1)

# True instant, zone, the time that a project_local export returns, its day in a utc project, its day in that project.
# Source: Mixpanel's time semantics, computed with zoneinfo.
WORKED = [
    ("2026-07-01T12:00:00Z", "America/Los_Angeles", 1782907200, 1782882000, "2026-07-01", "2026-07-01"),
    ("2026-01-01T08:00:00Z", "America/Los_Angeles", 1767254400, 1767225600, "2026-01-01", "2026-01-01"),
    ("2026-01-01T07:59:59Z", "America/Los_Angeles", 1767254399, 1767225599, "2026-01-01", "2025-12-31"),
    ("2026-12-31T23:30:00Z", "America/New_York", 1798759800, 1798741800, "2026-12-31", "2026-12-31"),
    ("2026-06-30T22:30:00Z", "Europe/Berlin", 1782858600, 1782865800, "2026-06-30", "2026-07-01"),
    ("2026-01-15T12:00:00Z", "Asia/Kolkata", 1768478400, 1768498200, "2026-01-15", "2026-01-15"),
    ("2026-03-08T09:59:59Z", "America/Los_Angeles", 1772963999, 1772935199, "2026-03-08", "2026-03-08"),
    ("2026-03-08T10:00:00Z", "America/Los_Angeles", 1772964000, 1772938800, "2026-03-08", "2026-03-08"),
]

# Published rows: time, $mp_api_timestamp_ms, zone, seconds between event and arrival.
PUBLISHED = [
    (1652825148, 1652850348643, "America/Los_Angeles", 0.643),  # Adobe's own tutorial.
    (1652423938, 1652449138115, "America/Los_Angeles", 0.115),
    (1602611311, 1602625711874, "America/New_York", 0.874),
    (1648943376, 1648964977987, "America/Mexico_City", 1.987),
    (1666026662, 1666006899493, "Asia/Kolkata", 37.493),
]


def wall_ms(moment: datetime, zone: ZoneInfo) -> int:
    """Return what a project_local project stores of an instant."""
    wall = moment.astimezone(zone).replace(tzinfo=UTC)
    return (wall - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def milliseconds(moment: datetime) -> int:
    return wall_ms(moment, ZoneInfo("UTC"))


@cache
def transitions(name: str) -> tuple[datetime, ...]:
    """Return the instants in the years of DAYS at which the zone's offset changes, to the minute."""
    zone, found = ZoneInfo(name), []
    begin, end = (datetime.fromordinal(day).replace(tzinfo=UTC) for day in (DAYS.start, DAYS.stop))
    while begin < end:
        later = begin + timedelta(days=5)
        low, high = begin, later
        if low.astimezone(zone).utcoffset() != high.astimezone(zone).utcoffset():
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) / 2
                same = middle.astimezone(zone).utcoffset() == begin.astimezone(zone).utcoffset()
                low, high = (middle, high) if same else (low, middle)
            found.append(high.replace(microsecond=0))
        begin = later
    return tuple(found)


@st.composite
def zoned_instants(draw: st.DrawFn) -> tuple[ZoneInfo, datetime]:
    """Generate any zone and an instant, half of them within a day of a change of that zone's clock."""
    name = draw(st.sampled_from(ZONES))
    anywhere = st.datetimes(datetime(1990, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC))
    moment = draw(anywhere)
    if transitions(name) and draw(st.booleans()):
        near = draw(st.sampled_from(transitions(name)))
        moment = near + draw(st.timedeltas(-timedelta(days=1), timedelta(days=1)))
    return ZoneInfo(name), moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@pytest.mark.parametrize(("instant", "zone", "seconds", "local", "day", "local_day"), WORKED)
def test_worked_examples(instant: str, zone: str, seconds: int, local: int, day: str, local_day: str) -> None:
    truth = milliseconds(datetime.fromisoformat(instant))
    assert event_time(seconds * 1000, None) == EventTime(date.fromisoformat(day), truth)
    assert event_time(local * 1000, ZoneInfo(zone)) == EventTime(date.fromisoformat(local_day), truth)


@pytest.mark.parametrize(("local", "arrival_ms", "zone", "seconds"), PUBLISHED)
def test_published_rows_arrive_shortly_after_they_happened(
    local: int, arrival_ms: int, zone: str, seconds: float
) -> None:
    """Read as UTC, Adobe's own sample would be seven hours off."""
    happened = event_time(local * 1000, ZoneInfo(zone), arrival_ms)
    assert (arrival_ms - happened.milliseconds) / 1000 == seconds


FOLD = 1793496600_000  # 2026-11-01 01:30 in Los Angeles, twice.
FIRST, SECOND = 1793521800_000, 1793525400_000


@pytest.mark.parametrize(
    ("arrival_ms", "instant"),
    [
        (None, FIRST),
        (FIRST, FIRST),
        (SECOND - 1, FIRST),
        (SECOND, SECOND),
        (SECOND + 86_400_000, SECOND),
        (FIRST - 1, FIRST),
    ],
)
def test_in_the_fold_the_latest_reading_before_the_arrival_is_used(
    arrival_ms: int | None, instant: int
) -> None:
    happened = event_time(FOLD, ZoneInfo("America/Los_Angeles"), arrival_ms)
    assert happened == EventTime(date(2026, 11, 1), instant, TimeReading.FOLD)


@pytest.mark.parametrize(
    ("seconds", "day", "instant"),
    [(1772937000, "2026-03-08", "2026-03-08T10:30:00Z"), (1520735400, "2018-03-11", "2018-03-11T10:30:00Z")],
)
def test_a_skipped_wall_time_is_shifted_by_the_offset_before_the_gap(
    seconds: int, day: str, instant: str
) -> None:
    happened = event_time(seconds * 1000, ZoneInfo("America/Los_Angeles"))
    truth = milliseconds(datetime.fromisoformat(instant))
    assert happened == EventTime(date.fromisoformat(day), truth, TimeReading.GAP)


def test_a_day_that_a_zone_skipped_is_still_a_partition() -> None:
    """Samoa went from 29 to 31 December 2011."""
    zone, noon = ZoneInfo("Pacific/Apia"), milliseconds(datetime(2011, 12, 30, 12, tzinfo=UTC))
    assert event_time(noon, zone).day == date(2011, 12, 30)
    assert day_end(date(2011, 12, 29), zone) == day_end(date(2011, 12, 30), zone)


@given(zoned_instants())
def test_instant_to_wall_clock_and_back(zoned: tuple[ZoneInfo, datetime]) -> None:
    zone, moment = zoned
    happened = event_time(wall_ms(moment, zone), zone)
    if happened.reading is TimeReading.FOLD:
        known = event_time(wall_ms(moment, zone), zone, arrival_ms=milliseconds(moment))
        assert known.milliseconds == milliseconds(moment)
    else:
        assert happened == EventTime(moment.astimezone(zone).date(), milliseconds(moment))


@given(zoned_instants(), st.none() | st.integers(0, 4_000_000_000_000))
def test_every_wall_time_is_in_exactly_one_partition(
    zoned: tuple[ZoneInfo, datetime], arrival_ms: int | None
) -> None:
    """Mixpanel returns a row for the day of its wall clock; gaps, folds and arrivals do not move it."""
    zone, moment = zoned
    shown = milliseconds(moment)  # Any wall time, whether or not that zone's clock ever showed it.
    happened = event_time(shown, zone, arrival_ms)
    assert happened.day == moment.date()
    shown_again = datetime.fromtimestamp(happened.milliseconds / 1000, UTC).astimezone(zone)
    if happened.reading is not TimeReading.GAP:
        assert shown_again.replace(tzinfo=UTC) == moment


@given(st.integers(), st.sampled_from(ZONES))
def test_any_integer_is_an_instant_or_an_overflow(number: int, zone: str) -> None:
    try:
        event_time(number, ZoneInfo(zone))
    except OverflowError:
        assert abs(number) > 50_000_000_000_000


@given(zoned_instants(), st.none() | st.integers(0, 4_000_000_000_000))
def test_every_event_of_a_day_lies_between_its_start_and_its_latest_instant(
    zoned: tuple[ZoneInfo, datetime], arrival_ms: int | None
) -> None:
    """Also with unusual midnights, and for wall times that the zone's clock never showed."""
    zone, moment = zoned
    happened = event_time(milliseconds(moment), zone, arrival_ms)
    instant = datetime.fromtimestamp(happened.milliseconds / 1000, UTC)
    assert day_start(happened.day, zone) <= instant < latest_instant(happened.day, zone)


def test_every_transition_of_every_zone_keeps_partition_and_instant() -> None:
    """Around each change of each zone's clock since 2010, minute by minute: instant, wall clock, and back."""
    seen = 0
    # One of the zones with the same changes, most of which are other names of one place.
    for name in {tuple(transitions(name)): name for name in ZONES}.values():
        zone = ZoneInfo(name)
        for change in transitions(name):
            for minutes in (-1500, -61, -60, -59, -31, -1, 0, 1, 29, 30, 59, 60, 61, 1500):
                moment = change + timedelta(minutes=minutes)
                happened = event_time(wall_ms(moment, zone), zone, arrival_ms=milliseconds(moment))
                assert happened.milliseconds == milliseconds(moment), (name, moment)
                assert happened.day == moment.astimezone(zone).date()
                assert day_start(happened.day, zone) <= moment < day_end(happened.day, zone)
                seen += 1
    assert seen > 30_000


@given(st.sampled_from(ZONES), st.sampled_from(DAYS), st.data())
def test_a_day_ends_at_its_midnight(name: str, ordinal: int, data: st.DataObject) -> None:
    """At each zone's own midnight, or where the clock skips it."""
    zone, day = ZoneInfo(name), date.fromordinal(ordinal)
    if transitions(name) and data.draw(st.booleans()):
        near = data.draw(st.sampled_from(transitions(name))).astimezone(zone).date()
        day = near + timedelta(days=data.draw(st.integers(-1, 1)))
    end = day_end(day, zone)
    # Not earlier: Casey's clock went back by three hours, from 02:00 to the day before, on 5 March 2010.
    for step in (timedelta(microseconds=1), timedelta(minutes=1)):
        assert (end - step).astimezone(zone).date() <= day
    for step in (timedelta(microseconds=1), timedelta(minutes=1), HOUR, 3 * HOUR):
        assert (end - timedelta(microseconds=1) + step).astimezone(zone).date() > day


@pytest.mark.parametrize(
    ("zone", "day", "end"),
    [
        ("America/Havana", "2026-03-07", "2026-03-08T05:00:00Z"),  # 00:00 does not exist on 8 March
        ("America/Havana", "2026-11-01", "2026-11-02T05:00:00Z"),  # 25 hours: 00:00 to 01:00 twice
        ("America/Santiago", "2026-09-05", "2026-09-06T04:00:00Z"),
        ("America/Santiago", "2026-04-04", "2026-04-05T04:00:00Z"),
        ("Africa/Cairo", "2026-04-23", "2026-04-23T22:00:00Z"),
        ("Asia/Beirut", "2026-03-28", "2026-03-28T22:00:00Z"),
        ("America/Los_Angeles", "2026-03-08", "2026-03-09T07:00:00Z"),
        ("America/Los_Angeles", "2026-11-01", "2026-11-02T08:00:00Z"),
        ("America/St_Johns", "2010-11-06", "2010-11-07T03:30:00Z"),  # 00:01 went back to 23:01
        (
            "Antarctica/Vostok",
            "2023-12-17",
            "2023-12-17T17:00:00Z",
        ),  # 02:00 went back to 00:00, and no further
        ("UTC", "2024-02-29", "2024-03-01T00:00:00Z"),
        ("Pacific/Kiritimati", "2026-12-31", "2026-12-31T10:00:00Z"),
    ],
)
def test_days_with_an_unusual_midnight(zone: str, day: str, end: str) -> None:
    assert day_end(date.fromisoformat(day), ZoneInfo(zone)) == datetime.fromisoformat(end)


@given(st.sampled_from(ZONES), st.integers(DAYS.start, DAYS.stop - 30))
def test_days_are_contiguous(name: str, ordinal: int) -> None:
    zone = ZoneInfo(name)
    ends = [day_end(date.fromordinal(ordinal + n), zone) for n in range(30)]
    assert ends == sorted(ends)
    assert max(b - a for a, b in itertools.pairwise(ends)) <= timedelta(hours=26)


@pytest.mark.parametrize(
    ("time_is", "end"), [("utc", "2026-07-02T00:00:00Z"), ("project_local", "2026-07-02T07:00:00Z")]
)
def test_a_day_is_settled_in_the_projects_zone(time_is: str, end: str) -> None:
    source = MixpanelSource.model_validate({"timezone": "America/Los_Angeles", "time_is": time_is})
    day, moment = date(2026, 7, 1), datetime.fromisoformat(end)
    require_closed(day, source, moment)
    assert settled_at(day, source, 6) == moment + 6 * HOUR
    with pytest.raises(PartitionNotClosed) as refused:
        require_closed(day, source, moment - timedelta(seconds=1))
    assert refused.value.sentence.startswith(f"Partition 2026-07-01 has not ended in {source.day_zone.key}, ")
    assert "mixpanel.timezone" in refused.value.hint

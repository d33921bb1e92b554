"""Times and ids of parsed events: which second, which day, and when two lines are one event."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from include.xdm.events.event_id import event_id
from include.xdm.events.event_parser import ParsedEvent
from tests.support.builders import NOON, PROJECT_ID, event, line
from tests.support.parsed_lines import (
    event_parser,
    kept,
    one,
)

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("time", "milliseconds"),
    [
        (NOON, NOON * 1000),
        (NOON + 0.5, NOON * 1000 + 500),
        (NOON - 43200, (NOON - 43200) * 1000),
        (NOON + 43199.999, NOON * 1000 + 43199999),
        *((NOON + ms / 1000, NOON * 1000 + ms) for ms in range(1, 1000, 7)),
        (f"{NOON}.{'9' * 60}", NOON * 1000 + 999),
        (f"{NOON}.0009999", NOON * 1000),
        (f"{NOON}.000", NOON * 1000),
        (f"{NOON}00e-2", NOON * 1000),
        (f"{NOON // 100}.00E2", NOON * 1000),
    ],
)
def test_seconds_are_accepted_with_and_without_fraction_and_rounded_down(
    time: float | str, milliseconds: int
) -> None:
    body = line(event(time=0)).replace(b'"time":0', f'"time":{time}'.encode())
    assert kept(body).timestamp_ms == milliseconds


@pytest.mark.parametrize("time", [NOON * 1000 + 7, NOON * 1000 + 7.0])
def test_milliseconds_are_accepted_where_declared(time: float) -> None:
    parsed = kept(line(event(time=time)), time_in_ms=True)
    assert parsed.timestamp_ms == NOON * 1000 + 7
    assert parsed.id == kept(line(event(time=NOON))).id, "the same event has the same id in either unit"


def test_seconds_where_milliseconds_are_declared_are_not_dates_in_1970() -> None:
    assert one(line(event(time=NOON)), time_in_ms=True)["reason"] == "wrong_partition"


@pytest.mark.parametrize(
    ("properties", "distinct"),
    [({"distinct_id": "u-1"}, "u-1"), ({"distinct_id": "new", "$distinct_id_before_identity": "u-1"}, "u-1"),
     ({"distinct_id": "u-1", "$distinct_id_before_identity": ""}, "u-1"), ({"distinct_id": 1001}, "1001")],
)  # fmt: skip
def test_the_id_uses_the_distinct_id_as_ingested(properties: dict[str, Any], distinct: str) -> None:
    """Mixpanel rewrites distinct_id when it identifies a user; the event stays the same event."""
    assert kept(line(event(**properties))).id.hex() == event_id(PROJECT_ID, "Purchase", distinct, NOON, "i-1")


def test_two_events_with_one_insert_id_are_two_events() -> None:
    ids = {
        kept(line(event(name, **more))).id
        for name, more in (("A", {}), ("B", {}), ("A", {"time": NOON + 1}), ("A", {"distinct_id": "v"}))
    }
    assert len(ids) == 4


@pytest.mark.parametrize("nothing", [None, "", " \u2003"])
def test_an_event_without_distinct_id_is_accepted(nothing: str | None) -> None:
    """Server-side events and ad spend have none; the rule ``identity`` decides whether that is valid."""
    assert kept(line(event(distinct_id=nothing))).id.hex() == event_id(
        PROJECT_ID, "Purchase", "", NOON, "i-1"
    )
    first, second = (kept(line(event(distinct_id=nothing, cost=cost, **NO_ID))).id for cost in (1, 2))
    assert first != second
    null = line(event()).replace(b'"distinct_id":"u-1"', b'"distinct_id":null')
    assert kept(null).id.hex() == event_id(PROJECT_ID, "Purchase", "", NOON, "i-1")


NO_ID: dict[str, Any] = {"$insert_id": None}


MERGED = {"distinct_id": "user-9", "$distinct_id_before_identity": "u-1", "$is_reshuffled": True}


@pytest.mark.parametrize(
    "rewritten",
    [
        MERGED,
        {"mp_processing_time_ms": 5, "$mp_api_timestamp_ms": 6, "$import": True, "$mp_event_size": 7},
        {"$mp_api_endpoint": "api-eu.mixpanel.com", "$mp_is_forwarded": True},
        {"$insert_id": ""},
    ],
    ids=["a merge", "processing", "forwarding", "an empty $insert_id"],
)
def test_without_insert_id_rewritten_properties_do_not_matter(rewritten: dict[str, Any]) -> None:
    before = event(**NO_ID, price=1)
    after = {**before, "properties": {**before["properties"], **rewritten}}
    assert kept(line(after)).id == kept(line(before)).id
    ids = {kept(line(either), recipe=1).id for either in (before, after)}
    assert len(ids) == 2, "recipe 1 took everything, and days that began with it keep it"


def test_without_insert_id_time_in_ms_does_not_matter() -> None:
    in_seconds = kept(line(event(**NO_ID)))
    in_ms = kept(line(event(**NO_ID, time=NOON * 1000 + 999)), time_in_ms=True)
    assert in_ms.id == in_seconds.id
    assert in_ms.content_digest == in_seconds.content_digest


def test_without_insert_id_equal_events_of_two_users_stay_two() -> None:
    """Also after the users were merged."""
    ids = {
        kept(line(event(**NO_ID, distinct_id="user-9", **{"$distinct_id_before_identity": who}))).id
        for who in ("$device:a", "$device:b")
    }
    assert len(ids) == 2


def test_after_a_merge_without_an_earlier_id_it_is_another_event() -> None:
    """A limit: such an event does not say under which id it was ingested."""
    ids = {kept(line(event(**more, distinct_id=who))).id for more in ({}, NO_ID) for who in ("u-1", "user-9")}
    assert len(ids) == 4


def test_without_insert_id_every_property_matters() -> None:
    ids = {
        kept(line(event(**{"$insert_id": None}, **more))).id
        for more in ({}, {"x": 1}, {"x": 1.0}, {"x": "1"}, {"x": None})
    }
    assert len(ids) == 4


def test_without_insert_id_the_order_of_properties_does_not_matter() -> None:
    made = event(**{"$insert_id": None, "x": 1})
    turned = {**made, "properties": dict(reversed(made["properties"].items()))}
    assert kept(line(made)).id == kept(line(turned)).id
    assert not kept(line(made)).has_insert_id


@pytest.mark.parametrize(("later", "instant"), [(0, 1793521800), (3600, 1793525400)])
def test_in_a_fold_the_arrival_decides_and_the_row_is_counted(later: int, instant: int) -> None:
    parser = event_parser(
        day=date(2026, 11, 1), wall_clock_zone=ZoneInfo("America/Los_Angeles"),
        now_ms=int(datetime(2027, 1, 1, tzinfo=UTC).timestamp() * 1000),
    )  # fmt: skip
    arrival = (1793521800 + later) * 1000 + 5
    for name in ("$mp_api_timestamp_ms", "mp_processing_time_ms"):
        (parsed,) = parser.parse([line(event(time=1793496600, **{name: arrival}))])
        assert parsed.timestamp_ms == instant * 1000
    assert parser.counts == {"time_fold": 2}


def test_a_row_in_a_gap_is_counted() -> None:
    parser = event_parser(day=date(2018, 3, 11), wall_clock_zone=ZoneInfo("America/New_York"))
    (parsed,) = parser.parse([line(event(time=1520735400))])
    assert isinstance(parsed, ParsedEvent)
    assert parser.counts == {"time_gap": 1}


def test_east_of_utc_time_may_be_after_the_arrival() -> None:
    """A real row: 17:30 in Kolkata is noon in UTC; `time` is read five and a half hours ahead of its arrival."""
    row = event(time=1768498200, **{"$mp_api_timestamp_ms": 1768478437493})
    parsed = kept(line(row), day=date(2026, 1, 15), wall_clock_zone=ZoneInfo("Asia/Kolkata"))
    assert parsed.timestamp_ms == 1768478400_000

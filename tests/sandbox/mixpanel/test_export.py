"""The export: what it returns, in which order and form, and what it refuses."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime

import pytest

from mixpanel_aep_sandbox import demo_data as data
from tests.support.sandbox.http_client import ACCOUNT, Sandbox

pytestmark = pytest.mark.sandbox

ADOBE, HOSTILE, SHOP = data.ADOBE_PROJECT_ID, data.HOSTILE_PROJECT_ID, data.SHOP_PROJECT_ID
NEW = 4000001


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def test_hostile_lines_are_exported_byte_for_byte(sandbox: Sandbox) -> None:
    found = sandbox.lines(HOSTILE, "2025-01-01", "2026-07-31")
    assert sorted(found) == sorted(data.HOSTILE_EVENTS.read_bytes().split(b"\n")[:-1])
    assert found != data.HOSTILE_EVENTS.read_bytes().split(b"\n")[:-1]


def test_adobe_lines_keep_their_values_and_lose_only_white_space(sandbox: Sandbox) -> None:
    found = sandbox.lines(ADOBE, "2022-03-01", "2022-05-31")
    source = data.ADOBE_EVENTS.read_bytes().split(b"\n")
    assert sorted(found) == sorted(
        line.replace(b'": ', b'":').replace(b', "', b',"') for line in source if line
    )


def test_a_day_of_a_project_local_project_is_a_day_on_its_wall_clock(sandbox: Sandbox) -> None:
    # 1652825148 read as UTC is 2022-05-17 22:05, which is the wall-clock time in Los Angeles;
    # the instant itself was 2022-05-18 05:05 UTC.
    assert [json.loads(line)["properties"]["time"] for line in sandbox.lines(ADOBE, "2022-05-17")] == [
        1652825148
    ]
    assert [json.loads(line)["properties"]["time"] for line in sandbox.lines(ADOBE, "2022-05-18")] == [
        1652854256
    ]


@pytest.mark.parametrize(
    ("instant", "zone", "stored", "day"),
    [
        ("2026-07-01T12:00:00Z", "America/Los_Angeles", 1782882000, "2026-07-01"),
        ("2026-01-01T08:00:00Z", "America/Los_Angeles", 1767225600, "2026-01-01"),
        ("2026-01-01T07:59:59Z", "America/Los_Angeles", 1767225599, "2025-12-31"),
        ("2026-06-30T22:30:00Z", "Europe/Berlin", 1782865800, "2026-07-01"),
        ("2026-01-15T12:00:00Z", "Asia/Kolkata", 1768498200, "2026-01-15"),
        ("2026-03-08T10:00:00Z", "America/Los_Angeles", 1772938800, "2026-03-08"),
        ("2026-11-01T08:30:00Z", "America/Los_Angeles", 1793496600, "2026-11-01"),
        ("2026-11-01T09:30:00Z", "America/Los_Angeles", 1793496600, "2026-11-01"),
    ],
)
def test_an_instant_is_stored_as_its_wall_clock_time(
    sandbox: Sandbox, instant: str, zone: str, stored: int, day: str
) -> None:
    sandbox.control("/clock", {"set": "2026-11-23T00:00:00Z"})
    sandbox.project(NEW, time_is="project_local", timezone=zone, accounts=[_account()])
    sandbox.add(NEW, {"event": "A", "at": instant})
    [line] = sandbox.lines(NEW, day)
    assert json.loads(line)["properties"]["time"] == stored


def test_both_ends_are_included(sandbox: Sandbox) -> None:
    sandbox.project(NEW, accounts=[_account()])
    for moment in (
        "2026-05-31T23:59:59Z",
        "2026-06-01T00:00:00Z",
        "2026-06-02T23:59:59Z",
        "2026-06-03T00:00:00Z",
    ):
        sandbox.add(NEW, {"event": moment, "at": moment})
    found = {json.loads(line)["event"] for line in sandbox.lines(NEW, "2026-06-01", "2026-06-02")}
    assert found == {"2026-06-01T00:00:00Z", "2026-06-02T23:59:59Z"}


def test_rows_are_not_ordered_by_time_but_always_in_the_same_order(sandbox: Sandbox) -> None:
    first = sandbox.lines(SHOP, "2026-06-03")
    times = [json.loads(line)["properties"]["time"] for line in first]
    assert times != sorted(times)
    assert first == sandbox.lines(SHOP, "2026-06-03")


def test_days_are_mixed_too(sandbox: Sandbox) -> None:
    lines = sandbox.lines(SHOP, "2026-06-01", "2026-06-04")
    days = [json.loads(line)["properties"]["time"] // 86400 for line in lines]
    assert len(set(days)) == 4
    assert days != sorted(days)
    assert days[-1] != max(days)


def test_keys_come_as_in_real_exports(sandbox: Sandbox) -> None:
    for line in sandbox.lines(SHOP, "2026-06-03")[:300]:
        keys = list(json.loads(line)["properties"])
        assert keys[:2] == ["time", "distinct_id"]
        assert keys[2:] == sorted(keys[2:], key=str.encode)
        assert b": " not in line.split(b'"current_page_title"')[0]


def test_added_numbers_keep_their_text(sandbox: Sandbox) -> None:
    raw = (
        b'{"events":[{"event":"N","at":"2026-06-01","properties":'
        b'{"z":1.5e-07,"a":123456789012345678901234567890,"f":1.0,"n":{"x": [1.50, 2E3]},"s":"\\u00e9\\ud83d\\ude00"}}]}'
    )
    sandbox.project(NEW, accounts=[_account()])
    answer = sandbox.session.post(
        f"{sandbox.url}/_sandbox/mixpanel/projects/{NEW}/events", data=raw, timeout=9
    )
    assert answer.status_code == 200, answer.text
    [line] = sandbox.lines(NEW, "2026-06-01")
    tail = '"s":"é😀","z":1.5e-07}}'.encode()
    assert b'"a":123456789012345678901234567890,"f":1.0,"mp_processing_time_ms":' in line
    assert b'"n":{"x":[1.50,2E3]},' + tail in line


def test_texts_are_exported_as_raw_utf8_however_they_were_added(sandbox: Sandbox) -> None:
    sandbox.project(NEW, accounts=[_account()])
    properties = {"time": utc("2026-07-01T10:00"), "distinct_id": "Åse", "æ": ["ø", "\x00\u2028"]}
    sandbox.add(NEW, {"event": "Kjøp ☕", "properties": properties})  # As ASCII, with escapes.
    (line,) = sandbox.lines(NEW, "2026-07-01")
    # Control characters must be escaped.
    assert '"event":"Kjøp ☕"'.encode() in line
    assert '"distinct_id":"Åse"'.encode() in line
    assert '"æ":["ø","\\u0000\u2028"]'.encode() in line


def test_a_raw_line_is_exported_unchanged(sandbox: Sandbox) -> None:
    sandbox.project(NEW, accounts=[_account()])
    sandbox.add(NEW, {"line": 'no json "at all', "at": "2026-06-01"})
    sandbox.add(NEW, {"line_base64": "//4=", "at": "2026-06-01", "copies": 2})
    assert sorted(sandbox.lines(NEW, "2026-06-01")) == [b'no json "at all', b"\xff\xfe", b"\xff\xfe"]


class TestForm:
    def test_content_type_has_no_charset(self, sandbox: Sandbox) -> None:
        assert sandbox.export(HOSTILE, "2026-07-01").headers["content-type"] == "text/plain"

    def test_an_empty_range_is_200_with_nothing(self, sandbox: Sandbox) -> None:
        answer = sandbox.export(HOSTILE, "2020-01-01")
        assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "0")
        assert answer.headers["content-type"] == "text/plain"

    def test_gzip_only_on_request(self, sandbox: Sandbox) -> None:
        plain = sandbox.export(SHOP, "2026-06-01", headers={"accept-encoding": "identity"})
        packed = sandbox.export(SHOP, "2026-06-01", headers={"accept-encoding": "deflate, gzip"}, stream=True)
        assert "content-encoding" not in plain.headers
        assert packed.headers["content-encoding"] == "gzip"
        assert gzip.decompress(packed.raw.read(decode_content=False)) == plain.content

    @pytest.mark.parametrize(("extra", "packed"), [(0, False), (1, True)])
    def test_gzip_only_above_1400_bytes(self, sandbox: Sandbox, extra: int, packed: bool) -> None:
        sandbox.project(NEW, accounts=[_account()])
        sandbox.add(NEW, {"line": "x" * (1399 + extra), "at": "2026-06-01"})
        answer = sandbox.export(NEW, "2026-06-01")
        assert len(answer.content) == 1400 + extra
        assert ("content-encoding" in answer.headers) is packed

    @pytest.mark.parametrize(
        ("asked", "packed"),
        [
            ("GZIP", True),
            ("br, gzip;q=0.5", True),
            ("gzip;q=0", False),
            ("gzip; q=0.0, br", False),
            ("*", False),
        ],
    )
    def test_a_weight_of_zero_requests_no_gzip(self, sandbox: Sandbox, asked: str, packed: bool) -> None:
        answer = sandbox.export(SHOP, "2026-06-01", headers={"Accept-Encoding": asked})
        assert ("content-encoding" in answer.headers) is packed

    def test_it_streams_in_chunks_without_a_length(self, sandbox: Sandbox) -> None:
        answer = sandbox.export(SHOP, "2026-06-01")
        assert answer.headers["transfer-encoding"] == "chunked"
        assert "content-length" not in answer.headers

    def test_time_in_ms(self, sandbox: Sandbox) -> None:
        seconds = [json.loads(line)["properties"]["time"] for line in sandbox.lines(SHOP, "2026-06-01")]
        found = sandbox.lines(SHOP, "2026-06-01", time_in_ms="true")
        milliseconds = [json.loads(line)["properties"]["time"] for line in found]
        assert [ms // 1000 for ms in milliseconds] == seconds
        assert any(ms % 1000 for ms in milliseconds)

    @pytest.mark.parametrize(
        ("time", "shown", "in_ms"),
        [
            (b"1782907200", b"1782907200", b"1782907200000"),
            (b"1782907200.5", b"1782907200.5", b"1782907200500"),
            (b"1.7829072005e9", b"1.7829072005e9", b"1782907200500"),
        ],
    )
    def test_time_in_ms_however_it_was_added(
        self, sandbox: Sandbox, time: bytes, shown: bytes, in_ms: bytes
    ) -> None:
        sandbox.project(NEW, accounts=[_account()])
        url = f"{sandbox.url}/_sandbox/mixpanel/projects/{NEW}/events"
        body = b'{"events":[{"event":"a","properties":{"time":%s}}]}' % time
        assert sandbox.session.post(url, data=body, timeout=9).status_code == 200
        [line] = sandbox.lines(NEW, "2026-07-01")
        assert line.startswith(b'{"event":"a","properties":{"time":%s,' % shown)
        [line] = sandbox.lines(NEW, "2026-07-01", time_in_ms="true")
        assert line.startswith(b'{"event":"a","properties":{"time":%s,' % in_ms)

    def test_limit_is_a_cap(self, sandbox: Sandbox) -> None:
        assert len(sandbox.lines(SHOP, "2026-06-01", limit=7)) == 7
        assert sandbox.lines(SHOP, "2026-06-01", limit=7) == sandbox.lines(SHOP, "2026-06-01")[:7]


class TestVisibility:
    def test_rows_are_visible_from_their_processing_on(self, sandbox: Sandbox) -> None:
        sandbox.project(NEW, accounts=[_account()])
        sandbox.add(NEW, {"event": "Late", "at": "2026-06-01T10:00Z", "processed_at": "2026-06-04T08:00:00Z"})
        sandbox.control("/clock", {"set": "2026-06-04T07:59:59Z", "freeze": True})
        assert sandbox.lines(NEW, "2026-06-01") == []
        sandbox.control("/clock", {"advance_seconds": 1})
        assert len(sandbox.lines(NEW, "2026-06-01")) == 1

    def test_a_row_may_become_visible_later_than_it_was_processed(self, sandbox: Sandbox) -> None:
        sandbox.project(NEW, accounts=[_account()])
        late = {"event": "L", "at": "2026-06-01", "processed_at": "2026-06-01", "visible_at": "2026-06-02"}
        sandbox.add(NEW, late)
        sandbox.control("/clock", {"set": "2026-06-01T23:00Z"})
        assert sandbox.lines(NEW, "2026-06-01") == []
        sandbox.control("/clock", {"set": "2026-06-02T00:00:01Z"})
        [line] = sandbox.lines(NEW, "2026-06-01")
        assert json.loads(line)["properties"]["mp_processing_time_ms"] == utc("2026-06-01") * 1000

    def test_a_running_day_grows(self, sandbox: Sandbox) -> None:
        sandbox.control("/clock", {"set": "2026-06-10T12:00:00Z"})
        noon = sandbox.lines(SHOP, "2026-06-10")
        sandbox.control("/clock", {"set": "2026-06-11T06:00:00Z"})
        morning = sandbox.lines(SHOP, "2026-06-10")
        assert 0 < len(noon) < len(morning) < len(sandbox_now(sandbox))
        assert set(noon) < set(morning)


def sandbox_now(sandbox: Sandbox) -> list[bytes]:
    sandbox.control("/clock", {"reset": True})
    return sandbox.lines(SHOP, "2026-06-10")


class TestRefusals:
    @pytest.mark.parametrize(
        ("query", "text"),
        [
            ({"from_date": "2026-6-1"}, "invalid date for from_date"),
            ({"from_date": "2026-02-30"}, "invalid date"),
            ({"to_date": "20260601"}, "invalid date for to_date"),
            ({"to_date": ""}, "missing required parameter: to_date"),
            ({"from_date": "1999-12-31"}, "invalid date, bad year"),
            ({"from_date": "2026-06-02", "to_date": "2026-06-01"}, "later than to_date"),
            ({"event": "Purchase"}, "JSON array"),
            ({"event": '{"a":1}'}, "JSON array"),
            ({"event": "[1]"}, "JSON array of strings"),
            ({"where": 'properties["a"] =='}, "invalid where"),
            ({"where": "import os"}, "invalid where"),
            ({"where": "(" * 5000 + "1" + ")" * 5000}, "invalid where"),
            ({"limit": "0"}, "invalid limit"),
            ({"limit": "100001"}, "invalid limit"),
            ({"limit": "ten"}, "invalid limit"),
            ({"time_in_ms": "maybe"}, "time_in_ms"),
        ],
    )
    def test_invalid_parameters_are_400(self, sandbox: Sandbox, query: dict[str, str], text: str) -> None:
        asked = {"project_id": SHOP, "from_date": "2026-06-01", "to_date": "2026-06-01", **query}
        answer = sandbox.get("/api/2.0/export", params=asked, auth=ACCOUNT)
        assert answer.status_code == 400
        assert text in answer.json()["error"]

    @pytest.mark.parametrize(
        ("zone", "now", "last", "status"),
        [
            ("UTC", "2026-07-01T23:59:59Z", "2026-07-01", 200),
            ("UTC", "2026-07-01T23:59:59Z", "2026-07-02", 400),
            ("America/Los_Angeles", "2026-07-02T06:59:59Z", "2026-07-02", 400),
            ("America/Los_Angeles", "2026-07-02T07:00:00Z", "2026-07-02", 200),
            ("Asia/Kolkata", "2026-07-01T18:29:59Z", "2026-07-02", 400),
            ("Asia/Kolkata", "2026-07-01T18:30:00Z", "2026-07-02", 200),
        ],
    )
    def test_today_is_the_projects_day(
        self, sandbox: Sandbox, zone: str, now: str, last: str, status: int
    ) -> None:
        sandbox.control("/clock", {"set": now, "freeze": True})
        sandbox.project(NEW, time_is="project_local", timezone=zone, accounts=[_account()])
        answer = sandbox.export(NEW, "2026-06-30", last)
        assert answer.status_code == status
        if status == 400:
            assert answer.json() == {"error": "to_date cannot be later than today"}

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
    def test_only_get(self, sandbox: Sandbox, method: str) -> None:
        answer = sandbox.session.request(method, f"{sandbox.url}/api/2.0/export", auth=ACCOUNT, timeout=9)
        assert answer.status_code == 501


def test_a_scaled_shop_has_more_visits_and_no_duplicates(sandbox: Sandbox) -> None:
    once = sandbox.lines(SHOP, "2026-06-01")
    sandbox.project(SHOP, scale=3)
    thrice = sandbox.lines(SHOP, "2026-06-01")
    assert thrice[: len(once)] == once
    assert 2.5 < len(thrice) / len(once) < 3.5
    assert len(set(thrice)) == len(thrice)


def test_events_are_filtered_by_name(sandbox: Sandbox) -> None:
    found = sandbox.lines(SHOP, "2026-06-01", event='["Purchase","Signed Up"]')
    assert {json.loads(line)["event"] for line in found} == {"Purchase", "Signed Up"}
    assert sandbox.lines(SHOP, "2026-06-01", event='["nothing"]') == []


@pytest.mark.parametrize(
    "where",
    [
        'properties["mp_lib"] == "swift" and properties["$wifi"] == true',
        'number(properties["mp_processing_time_ms"]) >= 1780300000000',
        'event["$time"] >= datetime("2026-06-01T12:00:00")',
    ],
)
def test_where_filters(sandbox: Sandbox, where: str) -> None:
    everything = sandbox.lines(SHOP, "2026-06-01")
    found = sandbox.lines(SHOP, "2026-06-01", where=where)
    rest = sandbox.lines(SHOP, "2026-06-01", where=f"not ({where})")
    assert found
    assert rest
    assert sorted(found + rest) == sorted(everything)


def _account() -> dict[str, str]:
    return {"username": data.SERVICE_ACCOUNT, "secret": data.SERVICE_ACCOUNT_SECRET}

"""The demo data: the same bytes everywhere, with the irregularities of real events."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from mixpanel_aep_sandbox import demo_data as data
from mixpanel_aep_sandbox.demo_data import shop
from mixpanel_aep_sandbox.demo_data.seeded_random import SeededRandom
from mixpanel_aep_sandbox.mixpanel.models.event_rows import Row, parse_row

pytestmark = pytest.mark.sandbox

FIRST, LAST = 20605, 20636
DAYS = range(FIRST, LAST + 1, 3)
NOW_MS = 1_795_392_000_000  # 2026-11-23


@cache
def everything() -> tuple[Row, ...]:
    """Every third day, which contains enough of each kind."""
    return tuple(row for day in DAYS for row in shop.rows(day))


@cache
def parsed() -> tuple[dict[str, Any], ...]:
    return tuple(json.loads(row.line) for row in everything()[::7])


def digest(day: int) -> str:
    return hashlib.sha256(b"\n".join(row.line for row in shop.rows(day))).hexdigest()


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (20605, "36aadc152ca431aa41d72c7022263361f2b2cf646b4a134621aa2e71d72941f8"),
        (20634, "4c0fee836acf8baf6a98ba2f9c3c1e8a8cb22b09fe50f08d10fffb8e69686511"),
        (20636, "fdcd68bc07e098a9435e0a244ed5e331a0c89e6a818b241c5f50ac346a93402b"),
    ],
)
def test_a_day_has_always_the_same_bytes(day: int, expected: str) -> None:
    assert digest(day) == expected


def test_a_day_is_generated_alone_in_another_process() -> None:
    code = (
        "import hashlib\nfrom mixpanel_aep_sandbox.demo_data import shop\n"
        "print(hashlib.sha256(b'\\n'.join(r.line for r in shop.rows(20620))).hexdigest())"
    )
    for seed in ("1", "2"):
        found = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        )
        assert found.stdout.strip() == digest(20620)


def test_a_day_is_generated_quickly() -> None:
    """In little more time than its lines take to be read and written as JSON, however busy the machine is: no day
    is generated from the days before it, and no row from all rows before.
    """
    lines = [row.line for row in shop.rows(20610)]

    def make() -> None:
        shop.rows.cache_clear()
        shop.rows(20611)

    def read_and_write() -> None:
        for line in lines:
            json.dumps(json.loads(line))

    taken = {work: min(cpu_seconds(work) for _ in range(3)) for work in (make, read_and_write)}
    assert taken[make] < 5 * taken[read_and_write]


def cpu_seconds(work: Callable[[], None]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def test_about_5000_events_a_day_and_none_outside() -> None:
    sizes = Counter(row.day for row in everything())
    assert list(sizes) == list(DAYS)
    assert 4300 < min(sizes.values()) <= max(sizes.values()) < 5600
    assert shop.rows(FIRST - 1) == shop.rows(LAST + 1) == []


def test_a_row_equals_its_line() -> None:
    for row in everything()[::101]:
        assert parse_row(row.line) == row._replace(time_ms=row.time_ms // 1000 * 1000)


def test_all_events_are_in_the_past_and_processed_after_they_happened() -> None:
    for row in everything():
        assert row.time_ms < row.processed_ms < NOW_MS
    assert all(line["properties"]["mp_processing_time_ms"] < NOW_MS for line in parsed())


def test_one_to_three_percent_are_duplicates() -> None:
    keys = Counter(
        (row.event, row.distinct_id, row.time_ms // 1000, row.insert_id)
        for row in everything()
        if row.insert_id
    )
    again = sum(count - 1 for count in keys.values())
    assert 0.01 < again / len(everything()) < 0.03


def test_some_duplicates_differ_in_their_place() -> None:
    places: dict[Any, set[Any]] = {}
    for row in everything():
        if row.insert_id and b"$city" in row.line:
            city = json.loads(row.line)["properties"]["$city"]
            places.setdefault((row.event, row.insert_id), set()).add(city)
    assert sum(len(cities) > 1 for cities in places.values()) > 20


def test_events_are_up_to_five_days_late_and_a_few_much_later() -> None:
    day_ms = 86_400_000
    mobile = [row.processed_ms - row.time_ms for row in everything() if b'"mp_lib":"swift"' in row.line]
    assert max(mobile) < 5.1 * day_ms
    assert sum(delay > day_ms for delay in mobile) > 100
    imported = [row.processed_ms - row.time_ms for row in everything() if b'"$import":true' in row.line]
    assert sum(delay > 15 * day_ms for delay in imported) > 20


def test_sources() -> None:
    libraries = {line["properties"].get("mp_lib") for line in parsed()}
    assert libraries == {"web", "swift", "android", "python", None}


def test_identities() -> None:
    lines = [line["properties"] for line in parsed()]
    anonymous = [p for p in lines if p["distinct_id"].startswith("$device:")]
    known = [p for p in lines if "$user_id" in p and "mp_lib" in p]
    rewritten = [p for p in lines if "$distinct_id_before_identity" in p]
    assert all(p["distinct_id"] == f"$device:{p['$device_id']}" and "$user_id" not in p for p in anonymous)
    assert all(p["distinct_id"] == p["$user_id"] for p in known)
    assert all(p["$distinct_id_before_identity"] == f"$device:{p['$device_id']}" for p in rewritten)
    assert min(len(anonymous), len(known), len(rewritten)) > 100


def test_types_are_mixed() -> None:
    lines = [line["properties"] for line in parsed()]

    def kinds(name: str) -> set[str]:
        return {type(p[name]).__name__ for p in lines if name in p}

    assert kinds("$browser_version") == {"int", "str"}
    assert kinds("price") == {"int", "float", "str"}
    assert kinds("is_gift") == {"bool", "str"}
    assert "NoneType" in kinds("Coupon")
    assert "" in {p.get("query") for p in lines}


def test_carts_and_orders() -> None:
    purchases = [json.loads(row.line)["properties"] for row in everything() if row.event == "Purchase"]
    assert len(purchases) > 500
    assert all(list(item) == ["sku", "name", "price", "quantity"] for p in purchases for item in p["Cart"])
    assert all(len(str(p["order_id"])) == 19 for p in purchases)


def test_some_have_no_insert_id() -> None:
    missing = sum(not row.insert_id for row in everything())
    assert 50 < missing < 300


def test_first_and_last_second_of_each_day() -> None:
    for day in DAYS:
        times = [row.time_ms // 1000 for row in everything() if row.day == day]
        assert (min(times), max(times)) == (day * 86400, day * 86400 + 86399)


def test_each_person_signs_up_once() -> None:
    signed = Counter(row.distinct_id for row in everything() if row.event == "Signed Up" and row.insert_id)
    rows = {
        (row.distinct_id, row.insert_id) for row in everything() if row.event == "Signed Up" and row.insert_id
    }
    assert len(rows) == len(signed)
    assert len(signed) > 150


def test_samples_are_there() -> None:
    assert len(data.ADOBE_EVENTS.read_bytes().split(b"\n")) == 11
    assert (
        hashlib.sha256(data.HOSTILE_EVENTS.read_bytes()).hexdigest()
        == "1cc093f5316aaef0afecb3d5b9f71c0703e4428662ed08f744800bf57b50d7e2"
    )
    assert (
        hashlib.sha256(data.ADOBE_EVENTS.read_bytes()).hexdigest()
        == "18123de8db2534313724a3b8d85c50ee1d08e3b7f90f2d7286a626989d6b9f0a"
    )


def test_seeded_random_numbers_never_change() -> None:
    rng = SeededRandom("x")
    rolled = (rng.below(1000), rng.between(-5, 5), rng.hex(8), rng.base36(6), rng.uuid())
    assert rolled == (749, 1, "55e29045", "jcgffx", "8a1ac2b8-8d4c-4c59-a099-8081176d9e88")

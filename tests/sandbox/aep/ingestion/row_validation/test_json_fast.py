"""The fast check of a JSON row accepts only rows that the full check accepts, and most of these."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mixpanel_aep_sandbox.aep.ingestion.row_validation.checker import RowChecker
from mixpanel_aep_sandbox.aep.ingestion.row_validation.json_fast import FastRows
from mixpanel_aep_sandbox.aep.ingestion.row_validation.json_files import row_of
from mixpanel_aep_sandbox.aep.ingestion.row_validation.rules import RowRules
from mixpanel_aep_sandbox.aep.ingestion.settings import IngestSettings
from tests.sandbox.aep.ingestion.row_validation.test_constraints import BAD, DEEP, GOOD, KINDS
from tests.support.sandbox.aep_app import FIELDS

pytestmark = pytest.mark.sandbox
NOW_MS = 1_750_000_000_000  # 2025-06-15T15:06:40Z
IDENTITY = {"type": "object", "properties": {"id": {"type": "string"}, "primary": {"type": "boolean"}}}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "meta:extends": ["https://ns.adobe.com/xdm/data/time-series"],
    "required": ["_id", "timestamp"],
    "properties": {
        "_id": {"type": "string", "format": "uri-reference"},
        "timestamp": {"type": "string", "format": "date-time"},
        "identityMap": {"type": "object", "additionalProperties": {"type": "array", "items": IDENTITY}},
        "_acmesandbox": {
            "type": "object",
            "properties": {
                **FIELDS,
                **{name: field for name, (field, *_) in KINDS.items()},
                "deep": DEEP,
                "empty": {"type": "object", "properties": {}},
                "anything": {},
            },
        },
    },
}
CHECKER = RowChecker(RowRules(SCHEMA), IngestSettings(), nulls=False, now_ms=NOW_MS)
FAST = FastRows(RowRules(SCHEMA), latest_ms=CHECKER.latest_ms, known_only=True, most_fields=10_000)


def line(tenant: Any, **root: Any) -> bytes:
    row = {"_id": "a", "timestamp": "2024-05-01T10:00:00Z", **root}
    return json.dumps(row if tenant is None else {**row, "_acmesandbox": tenant}).encode() + b"\n"


TEXTS = st.sampled_from(
    [
        "",
        "a",
        "AB",
        "free",
        "12",
        "1.5",
        "true",
        "2024-02-29",
        "2023-02-29",
        "2024-05-01T10:00:00Z",
        "a b",
        "::1",
    ]
) | st.text(max_size=5)
NUMBERS = st.integers(-(2**70), 2**70) | st.integers(-3, 3) | st.floats(allow_nan=True)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["must", "inner", "deep", "list", "key", "city", "k", "x"]), inner, max_size=3
        )
    ),
    max_leaves=4,
)
GOOD_VALUES: st.SearchStrategy[Any] = st.sampled_from([value for _, value in GOOD])
TENANTS = st.dictionaries(
    st.sampled_from(sorted(SCHEMA["properties"]["_acmesandbox"]["properties"])),
    VALUES | GOOD_VALUES,
    max_size=3,
)
STAMPS = (
    TEXTS | NUMBERS | st.sampled_from(["2025-06-15T15:06:40Z", "2025-06-15T15:06:41Z", NOW_MS, NOW_MS + 1])
)
ROOTS = st.fixed_dictionaries(
    {},
    optional={
        "_id": TEXTS | NUMBERS | st.none(),
        "timestamp": STAMPS,
        "identityMap": st.dictionaries(
            st.sampled_from(["Email", "ECID"]), st.lists(VALUES, max_size=2), max_size=2
        ),
        "more": VALUES,
    },
)


@given(st.none() | TENANTS | VALUES, ROOTS)
@example({"anything": None}, {})
@settings(max_examples=400)
def test_rows_accepted_by_the_fast_check_pass_the_full_check(tenant: Any, root: dict[str, Any]) -> None:
    raw = line(tenant, **root)
    taken = FAST.read_valid_row(raw)
    if taken is None:
        return
    row = row_of(raw)
    assert isinstance(row, dict)
    kept, errors = CHECKER.check_row(row)
    assert errors == []
    assert (json.loads(taken[0]), taken[1]) == (kept["_id"], row["timestamp"])


@given(st.binary(max_size=3), st.integers(0, 200))
@settings(max_examples=300)
def test_damaged_lines_are_never_accepted(damage: bytes, at: int) -> None:
    whole = line({"distinctId": "é\u2028", "tags": ["a"], "price": 1.5}, more={"x": [1, "\U0001f600"]})
    raw = whole[:at] + damage + whole[at + len(damage) :]
    if FAST.read_valid_row(raw) is not None:
        row = row_of(raw)
        assert isinstance(row, dict) and CHECKER.check_row(row)[1] == []


@pytest.mark.parametrize(("name", "value"), GOOD)
def test_most_good_rows_need_no_full_check(name: str, value: Any) -> None:
    slow = {"distinct"}  # Items that must differ.
    if name in slow or value in ("2024-02-29", "2024-02-29T23:59:59.5+14:00"):
        assert FAST.read_valid_row(line({name: value})) is None
    else:
        assert FAST.read_valid_row(line({name: value})) == ('"a"', "2024-05-01T10:00:00Z")


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, value, _ in BAD])
def test_no_bad_row_is_accepted(name: str, value: Any) -> None:
    assert FAST.read_valid_row(line({name: value})) is None


@pytest.mark.parametrize(
    "raw",
    [
        b'{"_id": "a", "timestamp": "2024-05-01T10:00:00Z", "x": "\xff"}',
        b'{"_id": "a", "timestamp": "2024-05-01T10:00:00Z", "x": "\\ud800"}',
        b'{"_id": "a", "timestamp": "2024-05-01T10:00:00Z", "x": ["\\uDC00 and more"]}',
        b'{"_id": "a", "timestamp": "2024-05-01T10:00:00Z", "eventType": "\\ud800\\u0041"}',
        b'{"_id": "a", "timestamp": "2024-05-01T10:00:00Z", "_acmesandbox": {}}',
        b'{"_id": "a", "timestamp": "2024-05-01T10:00:00Z", "_acmesandbox": {"more": 1}}',
        b'{"_id": "a", "timestamp": "2024-05-01T10:00:00Z", "_acmesandbox": {"empty": {}}}',
        b'{"_id": "a", "timestamp": "2024-05-01T10:00:00Z", "_acmesandbox": {"price": 1e400}}',
        b'{"_id": "a", "timestamp": "2024-05-01T10:00:00Z", "_acmesandbox": {"small": 1.0}}',
        b'{"_id": "a", "timestamp": "2024-05-01T10:00:00Z", "_id": null}',
        b'{"_id": "a", "timestamp": null}',
        b'{"_id": "a"}',
        b'\xef\xbb\xbf{"_id": "a", "timestamp": "2024-05-01T10:00:00Z"}',
        b"[]",
        b"",
        b"[" * 100_000,
    ],
)
def test_lines_that_are_left_to_the_full_check(raw: bytes) -> None:
    assert FAST.read_valid_row(raw) is None


def test_milliseconds_pass_the_fast_check_too() -> None:
    assert FAST.read_valid_row(line(None, timestamp=NOW_MS)) == ('"a"', NOW_MS)
    assert FAST.read_valid_row(line(None, timestamp=NOW_MS + 1)) is None


def test_fields_outside_the_schema_are_left_to_the_full_check_if_refused() -> None:
    strict = FastRows(RowRules(SCHEMA), latest_ms=None, known_only=True, most_fields=10_000)
    assert strict.read_valid_row(line({"distinctId": "a"}, timestamp="2999-05-01T10:00:00Z")) is not None
    assert strict.read_valid_row(line({"distinctId": "a", "more": 1})) is None
    assert strict.read_valid_row(line(None, more=1)) is None
    few = FastRows(RowRules(SCHEMA), latest_ms=None, known_only=False, most_fields=3)
    assert (
        few.read_valid_row(b'{"_id": "a", "timestamp": 1}')
        and few.read_valid_row(line({"distinctId": "a"})) is None
    )

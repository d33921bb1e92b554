"""Flat lines: which lines are flat, where their values are, and that their rows equal those of the slower reader."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.event_days import lines as benchmark_lines
from include.steps.transform.spill import record_batch, spill_schema
from include.xdm.convert.column_builder import ColumnBuilder
from include.xdm.events.block_reader import BlockReader
from include.xdm.events.event_rows import EvidenceLog
from include.xdm.events.flat_lines import find_flat_lines
from include.xdm.mapping.compile import CompiledMapping
from tests.support.builders import DAY, event, line, row, schema
from tests.support.mapped_rows import job
from tests.xdm.mapping.test_compile_cost import compiled_of

pytestmark = pytest.mark.unit

FLAT = line(event(**{"$insert_id": "1"}))
_NUMBER = {"type": "number"}
XDM = schema(
    text={"type": "string"},
    long={"type": "integer", "meta:xdmType": "long"},
    int={"type": "integer", "meta:xdmType": "int"},
    number=_NUMBER,
    flag={"type": "boolean"},
    moment={"type": "string", "format": "date-time"},
)
KINDS = ("text", "long", "int", "number", "flag", "moment")
COMPILED = replace(
    compiled_of(XDM, *(row(f"properties.{name}", name) for name in KINDS)), unmapped=("_acme", "x")
)


def raw(text: str, name: str = "a") -> bytes:
    """Return a line with a property whose JSON text is given."""
    return FLAT[:-2] + f',"{name}":{text}'.encode() + b"}}"


def spilled(
    lines: Sequence[bytes], *, by_places: bool, compiled: CompiledMapping = COMPILED
) -> dict[str, Any]:
    """Return the rows of lines, and their counts."""
    log = EvidenceLog()
    reader = BlockReader(job(compiled).event_parser(log), log)
    if not by_places:
        reader.flat = None
    builder = ColumnBuilder(compiled)
    lots, refused = reader.read(b"".join(each + b"\n" for each in lines), 1)
    made = []
    for rows in lots:
        columns = builder.build(rows.events, rows.properties)
        made += record_batch(spill_schema(compiled), job(compiled), rows, columns).to_pylist()
    return {
        "rows": sorted(made, key=lambda each: each["line"]),
        "refused": refused,
        "names": sorted((+builder.names).items()),
        "events": sorted((+reader.event_parser.by_event).items()),
        "counts": sorted((+reader.event_parser.counts).items()),
        "evidence": sorted(log.entries),
    }


def assert_read_alike(lines: Sequence[bytes]) -> None:
    assert repr(spilled(lines, by_places=True)) == repr(spilled(lines, by_places=False))


@pytest.mark.parametrize(
    "text",
    [
        '"b"', '""', "1", "-1", "0", "1.10", "0.5", "-2.50", "true", "false", "null", '"\\n\\"\\t"', '"{[,:"', '"é\u2028"',
        "123456789012345678", "-12345678901234567",
    ],
)  # fmt: skip
def test_lines_in_mixpanels_form_are_flat(text: str) -> None:
    found = find_flat_lines(FLAT + b"\n" + raw(text) + b"\n")
    assert found is not None and found.line_indexes.tolist() == [0, 1]
    members = found.members.only(found.members.row == 1)
    texts = [found.data[first:last] for first, last in zip(members.start, members.stop, strict=True)]
    names = [found.names[number] for number in members.name]
    expected = json.loads(raw(text))["properties"]
    assert names == list(expected)
    assert [json.loads(each) for each in texts] == list(expected.values())
    assert texts[-1] == text.encode()


@pytest.mark.parametrize(
    "body",
    [
        raw("[]"), raw('["b","c"]'), raw("{}"), raw('{"b":"c"}'), raw("-0"), raw("01"), raw("1."), raw("-0.5"), raw("1e5"),
        raw("1234567890123456789"), raw("nul"), raw("tru,"), raw("1,2"), raw(" 1"), raw('"b" '), raw('"\\u00e9"'),
        raw('"\\/"'), raw('"\\\\"'), raw('"\x01"'), raw('"b"', "time"), raw('"b","a":"c"'), raw('"b"', 'q\\"'), raw('"b"c'),
        raw('"b"\\"'), raw('"b"\\","c":1'),
        raw(""), raw('"'), FLAT[:-1], FLAT + b"}", FLAT + b" ", b" " + FLAT, b"", b"{}", b"1", b'{"event":"A"}',
        FLAT.replace(b'"event"', b'"Event"'), FLAT.replace(b'"properties"', b'"propertied"'), FLAT[:-2] + b"}",
        FLAT[:-2] + b",}}", FLAT[:-2] + b',"a"}}', FLAT[:-2] + b',"a","b"}}', FLAT[:-2] + b'},"a":{"b":"c"}}',
        b'{"event":"A","properties":{}}', b'{"event":"A\\"B","properties":{"time":1}}',
        b'{"event":"A","properties":{"time"}}',
    ],
)  # fmt: skip
def test_other_lines_are_not_flat_and_their_neighbours_are(body: bytes) -> None:
    found = find_flat_lines(b"\n".join((FLAT, body, FLAT, b"")))
    assert found is not None and found.line_indexes.tolist() == [0, 2]
    assert find_flat_lines(body + b"\n") is None


def test_no_line_of_a_block_with_invalid_utf_8_is_flat() -> None:
    assert find_flat_lines(FLAT + b"\n" + raw('"b"').replace(b'"b"', b'"\xff"') + b"\n") is None


VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
    | st.sampled_from(["", " ", "\u200b", "true", "1", "2026-07-01", "2026-07-01T10:00:00Z", "$device:a", "a\\b", 'a"b'])
    | st.lists(st.text(max_size=2), max_size=2) | st.integers(2**53 - 2, 2**63)
)  # fmt: skip
NAMES = st.sampled_from([
    *KINDS, "other", "$insert_id", "distinct_id", "$distinct_id_before_identity", "mp_processing_time_ms",
    "$mp_api_timestamp_ms", "mp_lib", "$import", "$is_reshuffled", "$preshuffle_distinct_id",
])  # fmt: skip


@given(
    st.lists(
        st.tuples(st.dictionaries(NAMES, VALUES, max_size=8), st.sampled_from(["A", "é", 'q"', ""])),
        max_size=6,
    )
)
def test_rows_equal_those_of_the_slower_reader(events: list[tuple[dict[str, Any], str]]) -> None:
    times = event()["properties"]["time"]
    bodies = [
        json.dumps(
            {"event": name, "properties": {"time": times, **properties}},
            ensure_ascii=False,
            separators=(",", ":"),
        )
        for properties, name in events
    ]
    assert_read_alike([body.encode("utf-8", "surrogatepass") for body in bodies])


@pytest.mark.parametrize(
    "time", ["null", '"1"', "1.5", "0", "99999999999", str(event()["properties"]["time"])]
)
def test_times_are_parsed_alike(time: str) -> None:
    body = b'{"event":"A","properties":{"time":%b,"$insert_id":"1"}}' % time.encode()
    assert_read_alike([FLAT, body, FLAT])


@given(st.lists(st.from_regex(r"-?[0-9]{1,18}|[0-9./:-]{1,9}", fullmatch=True), min_size=1, max_size=20))
def test_numbers_are_parsed_alike(numbers: list[str]) -> None:
    assert_read_alike([raw(number, "long") for number in numbers])


@pytest.mark.parametrize("odd", [0.0, 0.1])
def test_the_benchmarks_day_is_flat_and_read_alike(odd: float) -> None:
    assert DAY.isoformat() == "2026-07-01"  # The benchmark's.
    block = next(iter(benchmark_lines(300, odd=odd)))
    assert_read_alike(block.split(b"\n")[:-1])
    found = find_flat_lines(block)
    assert found is not None and len(found.line_indexes) == (300 if not odd else 270)


def test_other_lines_are_read_in_groups_and_keep_their_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    block = next(iter(benchmark_lines(40, odd=0.5)))
    lines = [*block.split(b"\n")[:-1], b"no line", raw("1e5")]
    expected = spilled(lines, by_places=False)
    assert [record["line_number"] for record in expected["refused"]] == [41]
    monkeypatch.setattr("include.xdm.events.block_reader._LINES_AT_ONCE", 3)
    assert repr(spilled(lines, by_places=True)) == repr(spilled(lines, by_places=False)) == repr(expected)

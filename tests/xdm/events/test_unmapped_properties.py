"""Unmapped properties of parsed events are kept verbatim and counted."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.xdm.convert.column_builder import ColumnBuilder
from include.xdm.events.block_reader import BlockReader
from include.xdm.events.event_parser import ParsedEvent
from include.xdm.events.event_rows import EvidenceLog
from include.xdm.events.shapes import by_shape
from tests.support.builders import NOON, event, line
from tests.support.mapped_rows import NOTHING
from tests.support.parsed_lines import (
    ORDINARY,
    deep,
    event_parser,
    hostile,
    in_a_block,
    kept,
    one,
    parsed_at_its_day,
    raw_line,
    seen_as,
)

pytestmark = pytest.mark.unit
SAMPLES = Path(__file__).parents[3] / "sandbox/mixpanel_aep_sandbox/demo_data/mixpanel-samples.jsonl"


def unmapped(parsed: ParsedEvent, mapped: Iterable[str] = ()) -> str:
    """Return an event's unmapped JSON where a mapping set copies some properties whole."""
    compiled = replace(NOTHING, whole_properties=dict.fromkeys(mapped, ()), unmapped=("_acme", "unmapped"))
    properties, _ = by_shape([parsed.properties], is_raw=True)
    (text,) = ColumnBuilder(compiled).build([parsed.event], properties).unmapped.to_pylist()
    return str(text)


@pytest.mark.parametrize(
    ("event_name", "text"),
    [
        ("order_synced", '"id":3928097563762691601'),
        ("order_synced", '"big":123456789012345678901234567890'),
        ("order_synced", '"ratio":1.5e-07'),
        ("order_synced", '"shipping":{"address":{"geo":{"lat":59.91,"lng":10.75}},"method":"post"}'),
        ("Purchase", '"Total (€)":61.0'),
        ("Purchase", '"Call To Action\\n":"Buy now"'),
        ("Purchase", '"userName":"Kari"'),
        ("Purchase", '"username":"kari"'),
        ("Purchase", '"tags":["a","b",3,true]'),
        ("Purchase", '"Cart":[{"Brand":"Puma","Price":30,"Qty":1},{"Brand":"Adidas","Price":15.5,"Qty":2}]'),
        ("weird \u2028 name", '"msg":"Sing\u008599\u0085Luft"'),
        ("weird \u2028 name", '"msg2":"terminated early\\n{\\"event\\":\\"fake\\"}"'),
        ("weird \u2028 name", '"nul":"a\\u0000b"'),
        ("weird \u2028 name", '"insert_id\ufffd":"x"'),
        ("weird \u2028 name", '"title":"\ufeffA\u2028B"'),
        ("weird \u2028 name", '"длинное имя":"да"'),
    ],
)
def test_unmapped_properties_are_kept_verbatim(event_name: str, text: str) -> None:
    rows = [parsed_at_its_day(body) for body in hostile()]
    (found, *_) = [row for row in rows if isinstance(row, ParsedEvent) and row.event == event_name]
    assert text in unmapped(found)


def test_nulls_empty_texts_and_mapped_properties_are_not_kept_twice() -> None:
    body = raw_line(b'"a":null,"b":"","c":0,"d":false,"e":[],"f":{}')
    assert unmapped(kept(body), ("time", "distinct_id")) == '{"c":0,"d":false,"e":[],"f":{}}'


@pytest.mark.parametrize(
    "text",
    [
        b'"a":{"z":1,"b":{"y":2,"x":[{"d":1,"c":1.10}]}}', b'"a":[{"z":1,"b":2}]', b'"a":"\\u001F"', b'"a":"\\u001f"',
        b'"a":"\\u00e9\\/"', b'"a":-0', b'"a":-0.0', b'"a":1E5,"b":1e400', b'"a":123456789012345678901234567890',
        b'"a":{"b":1,"b":2}', b'"a" :1', b'"a":null,"b":"","c":[null,""],"d":{"e":null}', b'"q\\"":1,"a":""',
        b'"back\\\\slash":null', b'"a":"\\ud800"', "\"é\":\"\u2028\"".encode(), b'"":1', b'"a":9007199254740993',
    ],
)  # fmt: skip
def test_a_frequent_shape_is_read_as_a_single_line_is(text: bytes) -> None:
    body = raw_line(text)
    alone = one(body)
    found = in_a_block([ORDINARY, *[body] * 20])[1:]
    if not isinstance(alone, ParsedEvent):
        assert [each["reason"] for each in found if isinstance(each, dict)] == [alone["reason"]] * 20
    else:
        events = [each for each in found if isinstance(each, ParsedEvent)]
        expected = seen_as(alone._replace(line_number=0))
        assert [seen_as(each._replace(line_number=0)) for each in events] == [expected] * 20
        compiled = replace(NOTHING, whole_properties={"time": ()}, unmapped=("_acme", "unmapped"))
        log = EvidenceLog()
        (rows,), _ = BlockReader(event_parser(evidence=log), log).read((body + b"\n") * 20, 1)
        kept_texts = ColumnBuilder(compiled).build(rows.events, rows.properties).unmapped.to_pylist()
        members = [
            (name, bytes(raw).decode()) for name, raw in kept(body).properties.items() if name != "time"
        ]
        there = [f"{line(name).decode()}:{raw}" for name, raw in members if raw not in ("null", '""')]
        assert kept_texts == [f"{{{','.join(there)}}}"] * 20


def test_names_of_unmapped_properties_are_counted() -> None:
    builder = ColumnBuilder(replace(NOTHING, whole_properties={"time": (), "distinct_id": ()}))
    for body in (raw_line(b'"a":1,"b":2,"c":null'), raw_line(b'"a":1')):
        builder.build(["A"], by_shape([kept(body).properties], is_raw=True)[0])
    assert builder.names == {"a": 2, "b": 1}


def test_the_maximal_depth_is_accepted_and_brackets_in_texts_do_not_count() -> None:
    assert kept(line(event(note=deep(60))))
    assert kept(line(event(note='[{"' * 100)))
    assert kept(raw_line(b'"x":"' + b'\\"[{' * 100 + b'"'))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text(), JSON, max_size=6),
    st.sampled_from([(",", ":"), (", ", ": "), (" ,", " :")]),
    st.booleans(),
)
def test_any_json_object_of_properties_is_kept_verbatim(
    properties: dict[str, Any], separators: tuple[str, str], escaped: bool
) -> None:
    whole = {**properties, "time": NOON, "distinct_id": "u"}
    body = json.dumps(
        {"event": "A", "properties": whole}, ensure_ascii=escaped, separators=separators
    ).encode()
    parsed = kept(body)
    meaningful = {name: value for name, value in whole.items() if value is not None and value != ""}
    assert {name: json.loads(bytes(text)) for name, text in parsed.properties.items()} == whole
    assert json.loads(unmapped(parsed)) == meaningful

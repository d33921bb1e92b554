"""Parsing: every line is an event or is in quarantine with its reason, and no value of an event is changed."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.mixpanel.time_convention import TimeEvidence
from include.xdm.convert.column_builder import ColumnBuilder
from include.xdm.events import event_parser as event_parsing
from include.xdm.events import line_parser as lines
from include.xdm.events.block_reader import BlockReader
from include.xdm.events.event_id import event_id
from include.xdm.events.event_parser import EventParser, ParsedEvent
from include.xdm.events.event_rows import EventRows, EvidenceLog
from include.xdm.events.shapes import by_shape
from tests.support.builders import DAY, LATER, NOON, PROJECT_ID, event, line
from tests.support.mapped_rows import NOTHING

pytestmark = pytest.mark.unit
SAMPLES = Path(__file__).parents[3] / "sandbox/mixpanel_aep_sandbox/demo_data/mixpanel-samples.jsonl"


def event_parser(**changes: Any) -> EventParser:
    now_ms = int(LATER.timestamp() * 1000)
    fields = {
        "project_id": PROJECT_ID,
        "day": DAY,
        "wall_clock_zone": None,
        "now_ms": now_ms,
        "evidence": TimeEvidence(ZoneInfo("Europe/Berlin")),
    }
    return EventParser(**{**fields, **changes})


def in_a_block(bodies: Sequence[bytes], **changes: Any) -> list[ParsedEvent | dict[str, Any]]:
    """Return the block reader's results for lines, in their order."""
    log = EvidenceLog()
    lots, refused = BlockReader(event_parser(**{**changes, "evidence": log}), log).read(
        b"".join(b + b"\n" for b in bodies), 1
    )
    found = [event for rows in lots for event in sifted_events(rows)]
    numbered = [(row.line_number, row) for row in found] + [
        (record["line_number"], record) for record in refused
    ]
    return [row for _, row in sorted(numbered, key=lambda pair: pair[0])]


def sifted_events(rows: EventRows) -> list[ParsedEvent]:
    contents = [
        int.from_bytes(rows.contents[n : n + 8], "big", signed=True) for n in range(0, len(rows.contents), 8)
    ]
    properties = list(map(rows.properties.row, range(len(rows))))
    columns = (rows.line_numbers, rows.ids, rows.timestamps_ms, rows.wall_seconds, rows.processed_ms,
               rows.has_insert_id, rows.events, properties, contents, rows.compacted)  # fmt: skip
    return [ParsedEvent(*row) for row in zip(*columns, strict=True)]


def seen_as(found: ParsedEvent | dict[str, Any]) -> Any:
    """Return a comparable result."""
    if isinstance(found, dict):
        return found
    return found._replace(properties=[(name, bytes(text)) for name, text in found.properties.items()])


ORDINARY = line(event("Before", **{"$insert_id": "before"}))


def assert_read_alike(body: bytes, **changes: Any) -> None:
    """Return the result of a line read as a block, alone and among others."""
    if body and b"\n" not in body:
        bodies = [ORDINARY, body, ORDINARY]
        one_by_one = event_parser(**{**changes, "evidence": EvidenceLog()})
        expected = list(map(seen_as, one_by_one.parse(bodies)))
        assert list(map(seen_as, in_a_block(bodies, **changes))) == expected
        alone = event_parser(**{**changes, "evidence": EvidenceLog()}).parse([body])
        assert list(map(seen_as, in_a_block([body], **changes))) == list(map(seen_as, alone))


def one(body: bytes, **changes: Any) -> ParsedEvent | dict[str, Any]:
    assert_read_alike(body, **changes)
    (parsed,) = event_parser(**changes).parse([body])
    return parsed


def kept(body: bytes, **changes: Any) -> ParsedEvent:
    parsed = one(body, **changes)
    assert isinstance(parsed, ParsedEvent), parsed
    return parsed


def unmapped(parsed: ParsedEvent, mapped: Iterable[str] = ()) -> str:
    """Return an event's unmapped JSON where a mapping set copies some properties whole."""
    compiled = replace(NOTHING, whole=dict.fromkeys(mapped, ()), unmapped=("_acme", "unmapped"))
    properties, _ = by_shape([parsed.properties], is_raw=True)
    (text,) = ColumnBuilder(compiled).build([parsed.event], properties).unmapped.to_pylist()
    return str(text)


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def raw_line(properties: bytes) -> bytes:
    return b'{"event":"A","properties":{"time":%d,"distinct_id":"u",%s}}' % (NOON, properties)


REFUSED: list[tuple[str, str, bytes]] = [
    ("not_json", "", b""),
    ("not_json", "", b"{"),
    ("not_json", "", b"terminated early"),
    ("not_json", "", raw_line(b'"x":NaN')),
    ("not_json", "", raw_line(b'"x":Infinity')),
    ("not_json", "", raw_line(b'"x":01')),
    ("not_json", "", raw_line(b'"x":"\\ud800"')),
    ("not_json", "", raw_line(b'"x":"\\udc00\\ud800"')),
    ("not_json", "", b'{"event":"\\ud800","properties":{}}'),
    ("not_json", "", b"\xef\xbb\xbf" + line(event())),
    ("not_utf8", "", raw_line(b'"x":"\xff"')),
    ("not_utf8", "", raw_line(b'"x":"\xed\xa0\x80"')),
    ("not_an_event", "", b"99"),
    ("not_an_event", "", b"[]"),
    ("not_an_event", "", b'"Luft"'),
    ("not_an_event", "", b"null"),
    ("not_an_event", "", b'{"event":"A"}'),
    ("not_an_event", "", b'{"properties":{}}'),
    ("not_an_event", "", b'{"event":5,"properties":{}}'),
    ("not_an_event", "", b'{"event":null,"properties":{}}'),
    ("not_an_event", "properties", b'{"event":"A","properties":[]}'),
    ("not_an_event", "properties", b'{"event":"A","properties":null}'),
    ("row_too_large", "", line(event(note="x" * 1_200_000))),
    ("nested_too_deep", "", line(event(note=deep(64)))),
    ("nested_too_deep", "", raw_line(b'"x":' + b"[" * 10_000 + b"]" * 10_000)),
    ("nested_too_deep", "", raw_line(b'"x":' + b'{"a":' * 600 + b"1" + b"}" * 600)),
    ("duplicate_key", "", raw_line(b'"x":1,"x":2')),
    ("duplicate_key", "", raw_line(b'"x":1, "x":1')),
    ("duplicate_key", "", raw_line(b'"x" :1,"x" :1')),
    ("duplicate_key", "", raw_line(b'"x"\r:1,"x":1')),
    ("duplicate_key", "", raw_line(b'"x"\t:1,"y":"\\":","x":1')),
    ("duplicate_key", "", raw_line(b'"x":1,"\\u0078":2')),
    ("duplicate_key", "", raw_line(b'"x":{"a":1,"a":2}')),
    ("duplicate_key", "", raw_line(b'"x":[{"a":1,"b":"\\":"},{"a":1,"\\u0061":2}]')),
    ("duplicate_key", "", raw_line(b'"x":{"a" :1,"b":{"c":1,"c":1}}')),
    ("duplicate_key", "", b'{"event":"A","event":"B","properties":{"time":1}}'),
    ("duplicate_key", "", b'{"event":"A","properties":{"time":1},"properties":{"time":2}}'),
    ("duplicate_key", "", b'{"event":"A","x":{"a":1,"a":1},"properties":{"time":1}}'),
    ("time_missing", "time", line(event(time=None))),
    ("time_is_not_a_number", "time", line(event(time=str(NOON)))),
    ("time_is_not_a_number", "time", line(event(time=True))),
    ("time_is_not_a_number", "time", line(event(time=[NOON]))),
    ("time_is_not_a_number", "time", raw_line(b"").replace(b",}", b"}").replace(str(NOON).encode(), b"null")),
    ("time_is_not_in_seconds", "time", line(event(time=NOON * 1000))),
    ("time_is_not_in_seconds", "time", line(event(time=-NOON * 1000))),
    ("time_out_of_range", "time", line(event(time=10**17))),
    ("time_out_of_range", "time", raw_line(b"").replace(b",}", b"}").replace(str(NOON).encode(), b"1e400")),
    ("time_in_the_future", "time", line(event(time=NOON + 40 * 86400))),
    ("time_in_the_future", "time", line(event(time=4291747200))),  # The year 2106.
    ("wrong_partition", "time", line(event(time=NOON - 86400))),
    ("wrong_partition", "time", line(event(time=NOON + 43200))),
    ("wrong_partition", "time", line(event(time=-1))),
    ("wrong_partition", "time", line(event(time=0))),
]  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "field", "body"), REFUSED, ids=lambda value: value if isinstance(value, str) else ""
)
def test_an_invalid_line_is_kept_with_its_reason(reason: str, field: str, body: bytes) -> None:
    record = one(body)
    assert isinstance(record, dict)
    assert (record["step"], record["reason"], record["field"], record["line_number"]) == (
        "transform",
        reason,
        field,
        1,
    )
    again = record["raw"].encode() if "raw" in record else base64.b64decode(record["raw_base64"])
    assert again == body, "what is in quarantine can be sent through again"
    json.dumps(record)


def test_incomplete_lines_hide_no_duplicate_key() -> None:
    """A block is accepted by its length; what one line lacks must not compensate for another one's surplus."""
    short = b'{"event":"A","properties":{"time":%d}}' % NOON
    bodies = [*[short] * 6, raw_line(b'"x":1,"x":2'), ORDINARY]
    expected = list(map(seen_as, event_parser(evidence=EvidenceLog()).parse(bodies)))
    assert list(map(seen_as, in_a_block(bodies))) == expected
    assert expected[6]["reason"] == "duplicate_key"


def test_every_reason_has_a_line() -> None:
    source = "".join(Path(module.__file__).read_text(encoding="utf-8") for module in (event_parsing, lines))
    known = set(re.findall(r'RejectedEvent\("(\w+)"', source))
    assert known - {"unexpected_error"} == {reason for reason, _, _ in REFUSED}
    assert known <= lines.REASONS.keys()


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
    assert in_ms.content == in_seconds.content


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


def hostile() -> list[bytes]:
    return SAMPLES.read_bytes().split(b"\n")[:-1]


def parsed_at_its_day(body: bytes) -> ParsedEvent | dict[str, Any]:
    seconds = json.loads(body)["properties"]["time"]
    return one(body, day=datetime.fromtimestamp(seconds, UTC).date())


def test_the_twelve_hostile_lines_are_eleven_events() -> None:
    parsed = [parsed_at_its_day(body) for body in hostile()]
    assert [row["reason"] for row in parsed if isinstance(row, dict)] == []
    assert len({row.id for row in parsed if isinstance(row, ParsedEvent)}) == 11, (
        "two are one event, sent twice"
    )


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
    alone = seen_as(one(body))
    found = in_a_block([ORDINARY, *[body] * 20])[1:]
    if not isinstance(alone, ParsedEvent):
        assert [each["reason"] for each in found if isinstance(each, dict)] == [alone["reason"]] * 20
    else:
        assert [seen_as(each)[1:] for each in found] == [alone[1:]] * 20
        compiled = replace(NOTHING, whole={"time": ()}, unmapped=("_acme", "unmapped"))
        log = EvidenceLog()
        (rows,), _ = BlockReader(event_parser(evidence=log), log).read((body + b"\n") * 20, 1)
        kept_texts = ColumnBuilder(compiled).build(rows.events, rows.properties).unmapped.to_pylist()
        members = [
            (name, bytes(raw).decode()) for name, raw in kept(body).properties.items() if name != "time"
        ]
        there = [f"{line(name).decode()}:{raw}" for name, raw in members if raw not in ("null", '""')]
        assert kept_texts == [f"{{{','.join(there)}}}"] * 20


def test_names_of_unmapped_properties_are_counted() -> None:
    builder = ColumnBuilder(replace(NOTHING, whole={"time": (), "distinct_id": ()}))
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


MUTATIONS: list[Callable[[bytes, int, int], bytes]] = [
    lambda body, at, byte: body[:at] + bytes([byte]) + body[at + 1 :],
    lambda body, at, byte: body[:at] + bytes([byte]) + body[at:],
    lambda body, at, byte: body[:at] + body[at + 1 :],
    lambda body, at, byte: body[:at],
]


@given(st.sampled_from(hostile()), st.sampled_from(MUTATIONS), st.integers(0, 1300), st.integers(0, 255))
def test_a_damaged_line_is_an_event_or_in_quarantine(
    body: bytes, mutate: Callable[[bytes, int, int], bytes], at: int, byte: int
) -> None:
    parsed = one(mutate(body, at, byte))
    assert isinstance(parsed, ParsedEvent) or parsed["reason"]


@given(st.binary(max_size=60))
def test_random_bytes_are_quarantined(body: bytes) -> None:
    assert one(body)["line_number"] == 1


def test_sdk_events_show_the_time_convention_and_imports_do_not() -> None:
    live = {"mp_lib": "web", "$mp_api_timestamp_ms": NOON * 1000 + 500}
    rows = [
        event(**live),
        event(**live, **{"$import": True}),
        event(**{**live, "mp_lib": None}),
        event(mp_lib="web"),
    ]
    asked = event_parser()
    list(asked.parse(map(line, rows)))
    assert (asked.evidence.rows, asked.evidence.utc) == (1, 1)
    assert asked.by_event == {"Purchase": 4}


# Values that break arithmetic, dates and parsers: with one of them in any property that Mixpanel adds, the line
# is an event or has a reason.
BREAKING = st.sampled_from([
    b"0", b"-0", b"-1", b"1.5", b"-1.5e-9", b"1e400", b"-1e400", b"1e-400", b"1e99999999999999999999", b"9" * 19, b"9" * 400,
    b"9" * 5000, b"-" + b"9" * 30, b"%d" % (NOON * 1_000_000), b"253402300799000", b"253402300800000", b"-62135596800000",
    b"-62135596800001", b"9223372036854775807", b"9223372036854775808", b"1782907200000.0", b'"1782907200000"', b'""', b'" "',
    b"null", b"true", b"[]", b"{}", b"[[[]]]", b'{"a":{"a":1}}', b'"\\u0000"', b'"\\ud83d\\ude00"', "\"\u2028\"".encode(),
    b"[" * 63 + b"]" * 63, b"[" * 1200 + b"]" * 1200,
])  # fmt: skip
OWN_PROPERTIES = [
    "time", "distinct_id", "$distinct_id_before_identity", "$insert_id", "$mp_api_timestamp_ms", "mp_processing_time_ms",
    "mp_lib", "$import", "$user_id", "x",
]  # fmt: skip
ZONES = [None, ZoneInfo("America/New_York"), ZoneInfo("Asia/Kolkata"), ZoneInfo("Pacific/Apia")]


@given(
    st.dictionaries(st.sampled_from(OWN_PROPERTIES), BREAKING | st.floats().map(repr).map(str.encode) | st.integers().map(b"%d".__mod__)),
    st.sampled_from(ZONES), st.booleans(), st.sampled_from([1, 2]),
    st.sampled_from([DAY, date(1, 1, 1), date(9999, 12, 31), date(1970, 1, 1), date(1969, 12, 31)]),
)  # fmt: skip
def test_a_line_with_any_property_value_is_an_event_or_has_a_reason(
    properties: dict[str, bytes], zone: ZoneInfo | None, in_ms: bool, recipe: int, day: date
) -> None:
    texts = {"time": b"%d" % NOON, "distinct_id": b'"u"', "mp_lib": b'"web"', **properties}
    pairs = b",".join(b'"%s":%s' % (name.encode(), text) for name, text in texts.items())
    body = b'{"event":"A","properties":{%s}}' % pairs
    assert_read_alike(body, wall_clock_zone=zone, time_in_ms=in_ms, recipe=recipe, day=day)
    parser = event_parser(wall_clock_zone=zone, time_in_ms=in_ms, recipe=recipe, day=day)
    for parsed in parser.parse([body]):
        assert isinstance(parsed, ParsedEvent) or parsed["reason"] != "unexpected_error", parsed
        if isinstance(parsed, ParsedEvent):
            assert all(
                -(2**63) <= number < 2**63
                for number in (parsed.timestamp_ms, parsed.processed_ms, parsed.content)
            )


@pytest.mark.parametrize("arrival", [NOON * 1_000_000, -NOON * 1000, 253402300799000, 10**17])
@pytest.mark.parametrize("zone", ZONES)
def test_an_invalid_arrival_time_stops_nothing(arrival: int, zone: ZoneInfo | None) -> None:
    body = line(event(mp_lib="unity", **{"$mp_api_timestamp_ms": arrival}))
    parser = event_parser(wall_clock_zone=zone, evidence=TimeEvidence(ZoneInfo("America/New_York")))
    assert len([row for row in parser.parse([body, body]) if isinstance(row, ParsedEvent)]) == 2
    assert parser.evidence.rows == 0, "and says nothing of how time is kept"


@pytest.mark.parametrize(
    "broken", ["parse_line", "event_time", "content_digest", "event_id", "string_of", "is_live"]
)
def test_an_unexpected_error_affects_only_its_row(
    broken: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Class and place of the error are logged once; its text, which may quote the row, is not."""
    good, calls = getattr(event_parsing, broken), iter([0, 1, 1, 0, 0, 0] + [0] * 99)

    def fails(*arguments: Any) -> Any:
        if next(calls):
            raise LookupError("canary")
        return good(*arguments)

    monkeypatch.setattr(event_parsing, broken, fails)
    parser = event_parser()
    body = line(event(mp_lib="web", **{"$mp_api_timestamp_ms": NOON * 1000}))
    parsed = list(parser.parse([body] * 4))
    reasons = [row["reason"] for row in parsed if isinstance(row, dict)]
    assert set(reasons) == {"unexpected_error"}
    assert len(reasons) + parser.by_event["Purchase"] == 4, "what is counted is an event that goes on"
    assert [row["raw"].encode() for row in parsed if isinstance(row, dict)] == [body] * len(reasons)
    (message,) = {record.getMessage() for record in caplog.records}
    assert f"LookupError at {Path(__file__).name}:" in message
    assert "canary" not in caplog.text


def test_a_lack_of_memory_is_not_attributed_to_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(event_parsing, "parse_line", full)
    with pytest.raises(MemoryError):
        list(event_parser().parse([line(event())]))

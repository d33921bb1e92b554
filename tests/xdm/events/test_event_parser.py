"""Parsing: every line is an event or is in quarantine with its reason, and no value of an event is changed."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.mixpanel.time_convention import TimeEvidence
from include.xdm.events import event_parser as event_parsing
from include.xdm.events import line_parser as lines
from include.xdm.events.event_parser import ParsedEvent
from include.xdm.events.event_rows import EvidenceLog
from tests.support.builders import DAY, NOON, event, line
from tests.support.parsed_lines import (
    ORDINARY,
    assert_read_alike,
    deep,
    event_parser,
    hostile,
    in_a_block,
    one,
    parsed_at_its_day,
    raw_line,
    seen_as,
)

pytestmark = pytest.mark.unit
SAMPLES = Path(__file__).parents[3] / "sandbox/mixpanel_aep_sandbox/demo_data/mixpanel-samples.jsonl"


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


def test_the_twelve_hostile_lines_are_eleven_events() -> None:
    parsed = [parsed_at_its_day(body) for body in hostile()]
    assert [row["reason"] for row in parsed if isinstance(row, dict)] == []
    assert len({row.id for row in parsed if isinstance(row, ParsedEvent)}) == 11, (
        "two are one event, sent twice"
    )


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
                for number in (parsed.timestamp_ms, parsed.processed_ms, parsed.content_digest)
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

"""Lines of an export, parsed individually and in blocks, which must agree."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from include.json_types import JsonObject, JsonValue
from include.mixpanel.time_convention import TimeEvidence
from include.xdm.events.block_reader import BlockReader
from include.xdm.events.event_parser import EventParser, ParsedEvent
from include.xdm.events.event_rows import EventRows, EvidenceLog
from tests.support.builders import DAY, LATER, NOON, PROJECT_ID, event, line

SAMPLES = Path(__file__).parents[2] / "sandbox/mixpanel_aep_sandbox/demo_data/mixpanel-samples.jsonl"


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


def in_a_block(bodies: Sequence[bytes], **changes: Any) -> list[ParsedEvent | JsonObject]:
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
        int.from_bytes(rows.content_digests[n : n + 8], "big", signed=True)
        for n in range(0, len(rows.content_digests), 8)
    ]
    properties = list(map(rows.properties.row, range(len(rows))))
    columns = (rows.line_numbers, rows.ids, rows.timestamps_ms, rows.wall_seconds, rows.processed_ms,
               rows.has_insert_id, rows.events, properties, contents, map(bytes, rows.compaction_texts.split()))  # fmt: skip
    return [ParsedEvent(*row) for row in zip(*columns, strict=True)]


def seen_as(found: ParsedEvent | JsonObject) -> object:
    """Return a result that can be compared: the order of properties counts."""
    if isinstance(found, dict):
        return found
    return found._replace(properties={}), [(name, bytes(text)) for name, text in found.properties.items()]


ORDINARY = line(event("Before", **{"$insert_id": "before"}))


def assert_read_alike(body: bytes, **changes: Any) -> None:
    """Assert that a line has the same result when it is parsed alone, as a block, and in a block with other lines."""
    if body and b"\n" not in body:
        bodies = [ORDINARY, body, ORDINARY]
        one_by_one = event_parser(**{**changes, "evidence": EvidenceLog()})
        expected = list(map(seen_as, one_by_one.parse(bodies)))
        assert list(map(seen_as, in_a_block(bodies, **changes))) == expected
        alone = event_parser(**{**changes, "evidence": EvidenceLog()}).parse([body])
        assert list(map(seen_as, in_a_block([body], **changes))) == list(map(seen_as, alone))


def one(body: bytes, **changes: Any) -> ParsedEvent | JsonObject:
    assert_read_alike(body, **changes)
    (parsed,) = event_parser(**changes).parse([body])
    return parsed


def kept(body: bytes, **changes: Any) -> ParsedEvent:
    parsed = one(body, **changes)
    assert isinstance(parsed, ParsedEvent), parsed
    return parsed


def deep(levels: int) -> JsonValue:
    value: JsonValue = 1
    for _ in range(levels):
        value = [value]
    return value


def raw_line(properties: bytes) -> bytes:
    return b'{"event":"A","properties":{"time":%d,"distinct_id":"u",%s}}' % (NOON, properties)


def hostile() -> list[bytes]:
    return SAMPLES.read_bytes().split(b"\n")[:-1]


def parsed_at_its_day(body: bytes) -> ParsedEvent | JsonObject:
    seconds = json.loads(body)["properties"]["time"]
    return one(body, day=datetime.fromtimestamp(seconds, UTC).date())

"""Why an event is in quarantine is said in one way on the board and on the command line, also of a damaged record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from include.board.quarantine import first_rows
from include.lake.keys import PartitionKey
from include.lake.lake import Lake
from include.steps.quarantine_records import DAMAGED, read_record, reasons_of
from tests.board.test_lake import DAY, quarantine

pytestmark = pytest.mark.unit
RECORDS: list[tuple[Any, tuple[str, ...]]] = [
    ({"step": "transform", "reason": "not_json", "raw": "x"}, ("its line is invalid JSON",)),
    (
        {
            "step": "validate",
            "reasons": [{"field": "age", "expectation": "maximum", "limit": 9, "value": 12}],
        },
        ("age must be at most 9",),
    ),
    ({"step": "ingest", "batch": "b", "refused": {"age": 12}}, ("AEP refused the row",)),
    (
        {"step": "ingest", "batch": "b", "reasons": ["DCVS-1106-400 at /age"], "row": {}},
        ("AEP refused the row: DCVS-1106-400 at /age",),
    ),
    ({"step": "validate", "reasons": ["x", None, {"limit": 1}]}, (DAMAGED,) * 3),
    ({"step": "validate", "reasons": []}, (DAMAGED,)),
    ({"step": "transform", "reason": {"a": 1}}, (DAMAGED,)),
    ({}, (DAMAGED,)),
]


@pytest.mark.parametrize(("record", "sentences"), RECORDS)
def test_each_record_has_a_sentence_without_values(record: Any, sentences: tuple[str, ...]) -> None:
    assert reasons_of(read_record(json.dumps(record).encode())) == sentences


@pytest.mark.parametrize("line", [b"", b"{", b"[1]", b"null", b"\xff", b"[" * 100_000])
def test_a_damaged_line_is_a_record_without_fields(line: bytes) -> None:
    assert reasons_of(read_record(line)) == (DAMAGED,)


@pytest.mark.parametrize("damage", [b"\x1f\x8b\x08\x00damaged", b"no gzip at all"])
def test_a_damaged_file_is_one_event_after_those_that_can_be_read(tmp_path: Path, damage: bytes) -> None:
    lake = Lake(f"file://{tmp_path}/lake")
    whole = quarantine(lake, tmp_path, {"step": "transform", "reason": "not_json", "raw": "x"})
    path = tmp_path / "damaged.gz"
    path.write_bytes((lake.read(whole) or b"") + damage)
    key = PartitionKey("hostile", DAY).quarantine("transform", "cd" * 16)
    lake.upload(key, path)
    rows = first_rows(lake, [key], 9, show_values=False)
    assert [row.reasons for row in rows] == [("its line is invalid JSON",), (DAMAGED,)]

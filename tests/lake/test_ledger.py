"""The ledger: one sequence of records for all writers; a writer that was overtaken changes nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import BadManifest, Conflict
from include.lake.lake import Lake
from include.lake.ledger import Ledger, LedgerRecord
from tests.support.builders import DAY

pytestmark = pytest.mark.unit
FIELDS = {"at": "2026-07-02T00:00:00.000+00:00", "content": "c" * 32, "staged": "d" * 32}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return ledger_in(tmp_path)


def ledger_in(folder: Path) -> Ledger:
    return Ledger(Lake(f"file://{folder}/lake"), "_histories/x/ledger/2026-07-01", DAY, "x")


def three(ledger: Ledger) -> list[LedgerRecord]:
    records: list[LedgerRecord] = []
    for kind in ("claimed", "created", "completing"):
        records = ledger.append(records, kind, run="one", **FIELDS)
    return records


def path_of(ledger: Ledger, number: int) -> Path:
    assert ledger.lake.root is not None
    return ledger.lake.root / ledger.key(number)


def test_records_are_read_as_they_were_written(ledger: Ledger) -> None:
    written = three(ledger)
    assert ledger.records() == written
    assert [(record.number, record.kind) for record in written] == [
        (1, "claimed"),
        (2, "created"),
        (3, "completing"),
    ]


def test_a_new_partition_has_no_records(ledger: Ledger) -> None:
    assert ledger.records() == []


def test_a_writer_that_missed_the_newest_record_is_fenced_out(ledger: Ledger) -> None:
    paused = ledger.append([], "claimed", run="one", **FIELDS)
    there = ledger.append(paused, "created", run="two", batch="B", **FIELDS)
    with pytest.raises(Conflict, match=r"Another run is loading partition 2026-07-01 \(record 2 "):
        ledger.append(paused, "created", run="one", batch="A", **FIELDS)
    assert ledger.records() == there


def test_a_write_with_a_lost_response_may_be_repeated(ledger: Ledger) -> None:
    first = ledger.append([], "claimed", run="one", **FIELDS)
    assert ledger.append([], "claimed", run="one", **FIELDS) == first


def test_exactly_one_of_many_concurrent_claims_wins(ledger: Ledger) -> None:
    start = threading.Barrier(6)

    def claim(run: int) -> bool:
        start.wait()
        try:
            ledger.append([], "claimed", run=str(run), **FIELDS)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(claim, range(6))) == 1


def damage(edit: Callable[[dict[str, object]], object]) -> Callable[[Path], None]:
    return lambda path: path.write_text(json.dumps(edit(json.loads(path.read_text())))) and None


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:20]),
        lambda path: path.write_bytes(b"\xff\xfe"),
        damage(lambda record: []),
        damage(lambda record: {**record, "kind": "unheard"}),
        damage(lambda record: {**record, "version": "1"}),
        damage(lambda record: {**record, "version": None}),
        damage(lambda record: {**record, "more": 1}),
        damage(lambda record: {**record, "number": 7}),
    ],
    ids=["empty", "cut", "bytes", "list", "kind", "text version", "null version", "more", "number"],
)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_damaged_record_stops_every_reader(
    ledger: Ledger, number: int, harm: Callable[[Path], None]
) -> None:
    three(ledger)
    harm(path_of(ledger, number))
    with pytest.raises(BadManifest, match=rf"2026-07-01/00000{number}\.json is not a readable ledger record"):
        ledger.records()


def test_a_record_of_a_newer_version_is_reported_as_such(ledger: Ledger) -> None:
    three(ledger)
    damage(lambda record: {**record, "version": 4, "more": 1})(path_of(ledger, 2))
    with pytest.raises(BadManifest, match="was written by a newer version of mixpanel-aep"):
        ledger.records()


@pytest.mark.parametrize("number", [1, 2])
def test_a_missing_record_is_never_read_as_the_end(ledger: Ledger, number: int) -> None:
    """Otherwise the next run would create a second batch in addition to the one in record 3."""
    three(ledger)
    path_of(ledger, number).unlink()
    with pytest.raises(BadManifest, match=rf"2026-07-01/00000{number}\.json is missing"):
        ledger.records()


def test_other_files_are_not_records(ledger: Ledger) -> None:
    written = three(ledger)
    path_of(ledger, 3).with_name("notes.txt").write_text("hello")
    assert ledger.records() == written


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 1), st.booleans()), max_size=25))
def test_interleaved_writers_make_one_sequence(turns: list[tuple[int, bool]]) -> None:
    """In each turn a writer reads, or writes after what it read; its successful writes are there, in order."""
    with TemporaryDirectory() as folder:
        ledger = ledger_in(Path(folder))
        seen: list[list[LedgerRecord]] = [[], []]
        written: list[LedgerRecord] = []
        for turn, (writer, looks) in enumerate(turns):
            if looks:
                seen[writer] = ledger.records()
                continue
            overtaken = len(seen[writer]) < len(written)
            try:
                seen[writer] = ledger.append(seen[writer], "claimed", run=f"{writer}-{turn}", **FIELDS)
                written.append(seen[writer][-1])
                assert not overtaken
            except Conflict:
                assert overtaken
        assert ledger.records() == written
        assert [record.number for record in written] == list(range(1, len(written) + 1))

"""What the board reads from a lake: correct figures of a loaded day, with few reads and without listing the lake."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from include.board.facts import read_facts
from include.board.index import read_board_index, write_board_index
from include.board.quarantine import HIDDEN, first_rows
from include.board.source import FactsReader
from include.clock import SYSTEM_CLOCK, Clock
from include.lake.keys import PartitionKey
from include.lake.lake import Lake
from include.steps.reconcile.audit import audit_days
from tests.support.pipeline_runner import PIPELINES, PipelineRunner, loaded_sandbox

DAYS = date(2026, 6, 30), date(2026, 7, 1)
EMPTY, DAY = DAYS


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PipelineRunner]:
    folder = tmp_path_factory.mktemp("board")
    with loaded_sandbox(folder, *DAYS) as server:
        yield PipelineRunner(server.url, Lake(f"file://{folder}/lake"), PIPELINES["hostile"])


def audited(runner: PipelineRunner, now: datetime) -> Any:
    history = runner.history(DAY)
    return write_board_index(history, "hostile", audit_days(history, runner.pipeline, runner.aep, now), now)


@pytest.mark.sandbox
def test_the_facts_of_a_day_come_from_its_manifests_and_its_ledger(runner: PipelineRunner) -> None:
    facts = read_facts(runner.history(DAY), "hostile", DAY)
    result = runner.result(DAY)
    assert facts is not None
    counts = facts.counts
    assert counts.exported == counts.duplicates + counts.quarantined + counts.valid
    assert (counts.active, counts.quarantined) == (result.active, result.quarantined)
    assert [batch.id for batch in facts.batches] == [
        record.batch for record in runner.records(DAY) if record.kind == "active"
    ]
    assert runner.lake.has(facts.report)


@pytest.mark.sandbox
def test_the_index_holds_every_day_and_what_aep_says_of_the_batches(runner: PipelineRunner) -> None:
    now = datetime.now(UTC)
    index = audited(runner, now)
    assert set(index.days) == {str(day) for day in DAYS}
    assert index.days[str(EMPTY)].progress == "empty"
    (batch,) = index.days[str(DAY)].batches
    assert index.statuses[batch.id] == "success"
    assert read_board_index(runner.history(DAY)) == index
    assert index.verdicts["2026-06-29"].remedy == "RUN"


@pytest.mark.sandbox
def test_an_unchanged_lake_costs_one_read_and_no_listing_per_page(
    runner: PipelineRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    audited(runner, datetime.now(UTC))
    reads: list[str] = []
    monkeypatch.setattr(Lake, "objects", lambda *_: pytest.fail("the lake was listed"))
    read = Lake.read
    monkeypatch.setattr(Lake, "read", lambda lake, key: reads.append(key) or read(lake, key))
    reader = FactsReader(runner.lake, runner.pipeline, SYSTEM_CLOCK)
    assert set(reader.read({}).days) == set(DAYS)
    assert [key.rsplit("/", 1)[1] for key in reads].count("board.json") == 1
    reads.clear()
    assert set(reader.read({}).days) == set(DAYS)
    assert reads == []


@pytest.mark.sandbox
def test_a_day_newer_than_the_index_is_read_once(runner: PipelineRunner) -> None:
    audited(runner, datetime(2026, 1, 1, tzinfo=UTC))
    seconds = 1000.0
    reader = FactsReader(runner.lake, runner.pipeline, Clock(lambda: seconds))
    ended = {DAY: datetime.now(UTC)}
    found = reader.read(ended)
    assert found.days[DAY].properties != ()  # The index keeps none with its days.
    assert found.unread == frozenset()
    assert reader._outdated_days(ended) == []


@pytest.mark.unit
def test_a_missing_history_is_not_an_error(tmp_path: Path) -> None:
    reader = FactsReader(Lake(f"file://{tmp_path}/lake"), PIPELINES["hostile"], SYSTEM_CLOCK)
    assert reader.listed_at() is None
    assert reader.read({DAY: datetime.now(UTC)}).days == {}
    assert reader.fresh_day(DAY) is None


def quarantine(lake: Lake, folder: Path, *records: Any) -> str:
    key = PartitionKey("hostile", DAY).quarantine("transform", "ab" * 16)
    path = folder / "rows.gz"
    path.write_bytes(b"".join(gzip.compress(json.dumps(record).encode() + b"\n") for record in records))
    lake.upload(key, path)
    return key


@pytest.mark.unit
@pytest.mark.parametrize("show_values", [False, True])
def test_values_are_hidden_by_default(tmp_path: Path, show_values: bool) -> None:
    lake = Lake(f"file://{tmp_path}/lake")
    raw = json.dumps({"event": "Buy", "properties": {"email": "a@example.com"}})
    reason = {"field": "age", "expectation": "maximum", "limit": 9, "value": 12345}
    key = quarantine(
        lake, tmp_path, {"step": "transform", "reason": "not_json", "raw": raw},
        {"step": "validate", "reasons": [reason], "row": {"age": 12345}}, {"step": "transform", "raw": "no JSON"},
    )  # fmt: skip
    rows = first_rows(lake, [key], 10, show_values=show_values)
    text = str(rows)
    assert [row.step for row in rows] == ["transform", "validate", "transform"]
    assert rows[1].reasons == ("age must be at most 9",)
    for value in ("a@example.com", "12345", "no JSON"):
        assert (value in text) is show_values
    assert (HIDDEN in text) is not show_values
    assert "properties.email" in text  # Names of fields are not values.


@pytest.mark.unit
def test_only_quarantine_files_are_opened_and_only_the_requested_rows_read(tmp_path: Path) -> None:
    lake = Lake(f"file://{tmp_path}/lake")
    key = quarantine(lake, tmp_path, *[{"step": "transform", "raw": str(number)} for number in range(9)])
    assert len(first_rows(lake, [key], 4, show_values=False)) == 4
    assert first_rows(lake, ["mixpanel-aep.json", "../x"], 4, show_values=True) == []

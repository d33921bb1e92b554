"""Late events are added to the active ones, days are replaced in one batch, and orphans are aborted."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from include.aep.batches import Batches
from include.config.identities import IdentitySource
from include.errors import BatchFailed, Terminal
from include.lake.lake import Lake
from include.lake.manifest import Manifest
from include.mixpanel.stored_day import stored_day
from include.steps.export.step import export_partitions
from include.steps.ingest.step import IngestResult
from include.steps.reconcile.orphaned_batches import OLD_ENOUGH, abort_orphaned_batches
from include.steps.reconcile.window import days_to_reconcile, late_beyond_window
from scripts.demo.evidence import Comparison, Sandbox
from tests.support.pipeline_runner import PIPELINES, PipelineRunner, quick_sandbox

pytestmark = pytest.mark.sandbox
DAY = date(2026, 7, 1)
NOON = 1782907200
EXACT = Comparison(0, 0, 0)


class Late(PipelineRunner):
    """The hostile project, to which events can be added, and its lake."""

    def add(self, *insert_ids: str, day: date = DAY, processed: datetime | None = None) -> None:
        at = NOON + 86_400 * (day - DAY).days
        rows = [
            {
                "event": "Late",
                "properties": {
                    "time": at, "distinct_id": "u-late", "$insert_id": key, "$user_id": "u-late",
                    "mp_processing_time_ms": int((processed.timestamp() if processed else at + 60) * 1000),
                },
            }
            for key in insert_ids
        ]  # fmt: skip
        self.control(f"/mixpanel/projects/{self.project_id}/events", {"events": rows})

    def control(self, path: str, body: Any) -> None:
        answer = requests.post(f"{self.url}/_sandbox{path}", json=body, timeout=20)
        assert answer.ok, answer.text

    def load(self, run: str, *, refresh: bool = True, replace: bool = False) -> IngestResult:
        staged = self.stage(DAY, run if refresh else None, replace=replace)
        return self.ingest(DAY, staged, run, replace=replace)

    def kinds(self, day: date = DAY) -> list[str]:
        return [record.kind for record in self.records(day)]

    def active(self) -> dict[str, str]:
        return dict(Sandbox(self.url).active(self.pipeline.aep.dataset))


@pytest.fixture
def late(tmp_path: Path) -> Iterator[Late]:
    with quick_sandbox(tmp_path / "sandbox") as server:
        runner = Late(server.url, Lake(f"file://{tmp_path}/lake"), PIPELINES["hostile"])
        runner.setup()
        yield runner


def test_only_late_events_are_added_to_active_ones(late: Late) -> None:
    first = late.load("one")
    late.add("late-1", "late-2")
    second = late.load("two")
    assert (second.loaded, second.late, second.active) == (2, True, first.active + 2)
    assert len(second.batches) == 2
    assert late.compare(DAY) == EXACT
    again = late.load("three")
    assert (again.again, again.active, again.batches) == (True, second.active, second.batches)
    assert late.load("four", refresh=False).again


def test_without_a_refresh_a_partition_is_unchanged(late: Late) -> None:
    first = late.load("one")
    late.add("late-1")
    assert late.load("two", refresh=False).active == first.active
    assert late.kinds() == ["claimed", "created", "completing", "active"]


def test_an_empty_day_with_later_events_is_loaded_then(late: Late) -> None:
    day = DAY + timedelta(days=9)
    empty = late.ingest(day, late.stage(day, "one"), "one")
    assert (empty.active, empty.batches, late.kinds(day)) == (0, (), ["empty"])
    late.add("late-1", day=day)
    assert late.ingest(day, late.stage(day, "two"), "two").active == 1
    assert late.compare(DAY, day) == EXACT


def test_events_deleted_in_mixpanel_stay_and_are_counted_until_the_day_is_replaced(late: Late) -> None:
    late.add("gone-1", "stays-1")
    first = late.load("one")
    late.control(f"/mixpanel/projects/{late.project_id}/deletions", {"insert_ids": ["gone-1"]})
    staged = late.stage(DAY, "two")
    assert (staged.counts["vanished"], staged.rows) == (1, 0)
    assert late.ingest(DAY, staged, "two").active == first.active
    replaced = late.load("three", replace=True)
    assert (replaced.active, len(replaced.batches)) == (first.active - 1, 1)
    assert set(late.active().values()) == set(replaced.batches)


def test_a_changed_mapping_keeps_active_rows_until_the_day_is_replaced(late: Late) -> None:
    first = late.load("one")
    late.pipeline = late.pipeline.model_copy(update={"unmapped": "drop"})
    assert late.load("two").batches == first.batches
    replaced = late.load("three", replace=True)
    assert replaced.batches != first.batches
    assert (replaced.active, set(late.active().values())) == (first.active, set(replaced.batches))
    assert late.load("four", replace=True).again
    assert late.load("five").again
    assert late.compare(DAY) == EXACT


def test_a_replacement_that_aep_refuses_keeps_the_old_batches_active(late: Late) -> None:
    first = late.load("one")
    late.add("late-1")
    second = late.load("two")
    late.pipeline = late.pipeline.model_copy(update={"unmapped": "drop"})
    late.control("/aep/settings", {"next_batches": [{"outcome": "failed"}]})
    with pytest.raises(BatchFailed):
        late.load("three", replace=True)
    assert set(late.active().values()) == set(second.batches)
    replaced = late.load("four", replace=True)
    assert (replaced.active, len(replaced.batches)) == (first.active + 1, 1)
    assert set(late.active().values()) == set(replaced.batches)
    assert late.compare(DAY) == EXACT


def test_rows_that_a_corrected_mapping_accepts_are_added(late: Late) -> None:
    """Quarantine is replayed by running the day again: only rows that are valid now are loaded."""
    late.add("late-1")
    quality = late.pipeline.quality.model_copy(
        update={"severity": {"identity": "critical"}, "max_quarantined": 1.0}
    )
    only_devices = {
        "quality": quality,
        "identities": {"$device_id": IdentitySource(namespace="MixpanelDevice")},
    }
    late.pipeline = late.pipeline.model_copy(update=only_devices)
    strict = late.load("one")
    late.pipeline = PIPELINES["hostile"]
    loose = late.load("two")
    assert loose.late
    assert loose.active == strict.active + loose.loaded > strict.active
    assert late.compare(DAY) == EXACT


def test_only_the_batch_removed_in_aep_is_loaded_again(late: Late) -> None:
    first = late.load("one")
    late.add("late-1")
    second = late.load("two")
    late.aep.batches.revert(first.batches[0])
    third = late.load("three")
    assert third.active == second.active
    assert second.batches[1] in third.batches
    assert first.batches[0] not in third.batches
    assert late.compare(DAY) == EXACT


def test_an_empty_replacement_needs_confirmation(late: Late) -> None:
    day = DAY + timedelta(days=9)
    late.add("only-1", day=day)
    late.ingest(day, late.stage(day, "one"), "one")
    late.control(f"/mixpanel/projects/{late.project_id}/deletions", {"insert_ids": ["only-1"]})
    with pytest.raises(Terminal, match="no valid event is left to replace the active rows"):
        late.ingest(day, late.stage(day, "two", replace=True), "two", replace=True)


def test_rows_that_aep_refuses_are_kept_with_its_reasons(late: Late, monkeypatch: pytest.MonkeyPatch) -> None:
    late.control("/aep/settings", {"next_batches": [{"outcome": "failed"}]})
    rows = [b'{"_id": "1", "_validationErrors": [{"keyword": "enum"}]}', b'{"_errors": [{"code": "1401"}]}']
    monkeypatch.setattr(Batches, "failed_rows", lambda self, batch: iter(rows))
    with pytest.raises(BatchFailed):
        late.load("one")
    (failed,) = [r for r in late.records(DAY) if r.kind == "failed"]
    assert failed.counts == {"refused": 2}
    (key,) = [k for k in late.lake.keys("hostile/2026-07-01/quarantine") if "/ingest-" in k]
    kept = [json.loads(text) for text in gzip.decompress(late.lake.read(key) or b"").splitlines()]
    assert [record["refused"].get("_id") for record in kept] == ["1", None]
    assert {record["batch"] for record in kept} == {failed.batch}


def test_a_range_is_exported_in_one_request_and_each_day_gets_its_own_lines(late: Late) -> None:
    days = [DAY + timedelta(days=n) for n in range(-1, 3)]
    for number, day in enumerate(days):
        late.add(*(f"r{number}-{n}" for n in range(number + 1)), day=day)
    asked_before = Sandbox(late.url).calls()["export"]
    found = export_partitions([late.workspace(day) for day in days], late.source, late.mixpanel, "refresh")
    assert Sandbox(late.url).calls()["export"] == asked_before + 1
    again = export_partitions([late.workspace(day) for day in days], late.source, late.mixpanel, "refresh")
    assert again == found
    one_by_one = [late.export(day, "other") for day in days]
    assert [m.counts for m in found] == [m.counts for m in one_by_one]
    assert len(late.load("refresh").batches) == 1
    assert late.compare(*days).duplicate == 0


def test_lines_without_a_readable_day_are_exported_day_by_day(late: Late) -> None:
    days = [DAY, DAY + timedelta(days=1)]

    class Odd:
        """Return a client whose range holds a line without a time."""

        def __init__(self) -> None:
            self.ranges: list[tuple[date, date]] = []

        def export(self, from_date: date, to_date: date, **_: Any) -> Any:
            self.ranges.append((from_date, to_date))
            return nullcontext([b'{"event":"x","properties":{"distinct_id":"u"}}'])

    odd = Odd()
    found = export_partitions([late.workspace(day) for day in days], late.source, odd, "refresh")
    assert odd.ranges == [(days[0], days[1]), (days[0], days[0]), (days[1], days[1])]
    assert [m.rows for m in found] == [1, 1]


def test_the_day_of_a_line_is_the_one_mixpanel_returns_it_for() -> None:
    assert stored_day(b'{"event":"e","properties":{"time":1782950399.9}}', in_ms=False) == DAY
    assert stored_day(b'{"event":"e","properties":{"time":1782950400000}}', in_ms=True) == DAY + timedelta(1)
    for line in (
        b"",
        b"[]",
        b'{"properties":{"time":"x"}}',
        b'{"properties":{}}',
        b'{"properties":{"time":1e300}}',
    ):
        assert stored_day(line, in_ms=False) is None


def test_the_window_ends_with_the_last_settled_day(late: Late) -> None:
    pipeline = late.pipeline.model_copy(update={"late_days": 3, "settle_hours": 6.0, "end_date": None})
    for hour, last in ((5, date(2026, 6, 29)), (6, date(2026, 6, 30))):
        days = days_to_reconcile(pipeline, datetime(2026, 7, 1, hour, tzinfo=UTC))
        assert days == [last - timedelta(days=n) for n in (2, 1, 0)]
    started = pipeline.model_copy(update={"start_date": date(2026, 6, 30)})
    assert days_to_reconcile(started, datetime(2026, 7, 1, 12, tzinfo=UTC)) == [date(2026, 6, 30)]


def test_changed_days_beyond_the_window_are_reported_if_they_were_exported(late: Late) -> None:
    old, never = DAY, DAY + timedelta(days=2)
    late.export(old)
    now = datetime.now(UTC)
    late.add("beyond-1", "beyond-2", day=old, processed=now + timedelta(seconds=1))
    late.add("before-1", day=old, processed=now - timedelta(days=1))
    late.add("never-1", day=never, processed=now + timedelta(seconds=1))
    late.control("/clock", {"set": (now + timedelta(minutes=5)).isoformat()})
    reported = late_beyond_window(late.lake, late.pipeline, late.mixpanel, DAY + timedelta(days=5), now)
    assert reported == {old: 2}


def test_only_orphans_are_aborted(late: Late, monkeypatch: pytest.MonkeyPatch) -> None:
    """An orphan is open, created by this project, old, and not the batch of its partition's ledger."""
    aep = late.aep
    dataset = aep.catalog.require_dataset(late.pipeline.aep.dataset)["id"]

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    def staged(day: date) -> Manifest:
        late.add(f"s-{day}", day=day)
        return late.stage(day)

    resumable = staged(DAY + timedelta(days=2))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Batches, "upload", die)
        late.ingest(DAY + timedelta(days=2), resumable)
    prefix = f"mixpanel-aep-{late.pipeline.name}-2026-07-01-"
    orphan = aep.batches.create(dataset, "json", f"{prefix}{'a' * 16}-1")
    foreign = aep.batches.create(dataset, "json", "of-another-producer")
    now = datetime.now(UTC)
    assert abort_orphaned_batches(late.history(DAY), aep, now) == []
    assert abort_orphaned_batches(late.history(DAY), aep, now + 2 * OLD_ENOUGH) == [orphan]
    statuses = {key: aep.batches.find(key) for key in (orphan, foreign)}
    assert [found.status if found else None for found in statuses.values()] == ["aborted", "loading"]
    assert late.ingest(DAY + timedelta(days=2), resumable).active == 1

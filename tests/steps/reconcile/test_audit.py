"""Audit: no day is silently missing, and AEP decides about every one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import requests

from include.aep.setup import setup_pipeline
from include.errors import DaysMissing
from include.lake.lake import Lake
from include.steps.history.day_states import read_days
from include.steps.history.open_history import open_history
from include.steps.history.provenance import current_made_of
from include.steps.reconcile.audit import Audit, AuditedDay, DayStatus, Remedy, audit_days
from include.steps.reconcile.window import days_to_reconcile, window_start
from tests.support.pipeline_runner import PIPELINES, PipelineRunner, quick_sandbox

pytestmark = pytest.mark.sandbox
FIRST = date(2026, 6, 30)
NOW = datetime(2026, 7, 4, 12, tzinfo=UTC)


class Audited(PipelineRunner):
    """The hostile project from 30 June to 3 July 2026."""

    def audit(self, now: datetime = NOW) -> Audit:
        opened = open_history(self.lake, self.pipeline, self.aep, self.source, all_days=True)
        current = {name: digest for name, digest in current_made_of(self.pipeline, "", "").items() if digest}
        return audit_days(opened.history, self.pipeline, self.aep, now, current)

    def statuses(self, now: datetime = NOW) -> list[DayStatus]:
        return [day.status for day in self.audit(now).days]

    def load(self, day: date) -> None:
        self.ingest(day, self.stage(day))


@pytest.fixture
def audited(tmp_path: Path) -> Iterator[Audited]:
    with quick_sandbox(tmp_path / "sandbox") as server:
        pipeline = PIPELINES["hostile"].model_copy(update={"start_date": FIRST, "end_date": None})
        runner = Audited(server.url, Lake(f"file://{tmp_path}/lake"), pipeline)
        runner.setup()
        yield runner


def test_days_that_never_ran_are_missing_and_named(audited: Audited) -> None:
    """The scheduler was off: Airflow creates no runs for the days before the last one."""
    audited.load(date(2026, 7, 1))
    audited.export(date(2026, 7, 2))
    assert audited.statuses() == [
        DayStatus.NEVER_RUN, DayStatus.ACTIVE, DayStatus.NEVER_RUN, DayStatus.NEVER_RUN,
    ]  # fmt: skip
    audit = audited.audit()
    assert [day.reason for day in audit.missing] == [
        "never run", "never loaded; export is its last finished step", "never run",
    ]  # fmt: skip
    with pytest.raises(DaysMissing, match=r"3 of 4 days .* 2026-06-30 \(never run\)"):
        audit.require_complete(NOW, 0)
    audit.require_complete(NOW, 24 * 60)
    with pytest.raises(DaysMissing, match=r"1 of 4 days"):
        audit.require_complete(NOW, 36)


def test_an_empty_day_is_accounted_for(audited: Audited) -> None:
    for number in range(4):
        audited.load(FIRST + timedelta(days=number))
    assert set(audited.statuses()) == {DayStatus.EMPTY, DayStatus.ACTIVE}
    audited.audit().require_complete(NOW, 0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"status": "inactive"}, "reports its status as inactive"), ({"vanished": True}, "does not list it")],
    ids=["taken back", "gone from the catalog"],
)
def test_a_day_not_active_in_aep_is_missing(audited: Audited, change: dict[str, object], reason: str) -> None:
    day = date(2026, 7, 1)
    audited.load(day)
    batch = audited.records(day)[-1].batch
    requests.post(f"{audited.url}/_sandbox/aep/batches/{batch}", json=change, timeout=20).raise_for_status()
    (found,) = [each for each in audited.audit().missing if each.day == day]
    assert (found.status, reason in found.reason) == (DayStatus.NOT_ACTIVE, True)


def test_an_unfinished_batch_is_waiting_and_a_refused_one_failed(audited: Audited) -> None:
    day = date(2026, 7, 1)
    requests.post(
        f"{audited.url}/_sandbox/aep/settings", json={"batch_seconds": 3600}, timeout=20
    ).raise_for_status()
    audited.advance(day, audited.stage(day))
    assert audited.statuses()[1] is DayStatus.WAITING


def test_days_of_another_filter_are_listed_and_not_red(audited: Audited) -> None:
    for number in range(4):
        audited.load(FIRST + timedelta(days=number))
    source = audited.pipeline.mixpanel.model_copy(update={"where": 'properties["x"] == 1'})
    audited.pipeline = audited.pipeline.model_copy(update={"mixpanel": source})
    audit = audited.audit()
    assert {day.outdated for day in audit.outdated} == {("filter",)}
    assert date(2026, 7, 1) in {day.day for day in audit.outdated}
    audit.require_complete(NOW, 0)


def test_the_index_reads_only_changed_ledgers(audited: Audited, monkeypatch: pytest.MonkeyPatch) -> None:
    day = date(2026, 7, 1)
    audited.load(day)
    history = audited.history(day)
    first = read_days(history)
    reads: list[str] = []
    read = Lake.read
    monkeypatch.setattr(Lake, "read", lambda self, key: (reads.append(key), read(self, key))[1])
    assert read_days(history) == first
    assert [key for key in reads if "/ledger/" in key] == []
    audited.load(date(2026, 7, 2))
    reads.clear()
    assert set(read_days(history)) == {day, date(2026, 7, 2)}
    assert {key.split("/")[3] for key in reads if "/ledger/" in key} == {"2026-07-02"}


@pytest.mark.parametrize("damage", [b"", b"{", b'{"version": 99}', b'{"days": {"x": 1}}'])
def test_a_damaged_index_is_recreated(audited: Audited, damage: bytes) -> None:
    day = date(2026, 7, 1)
    audited.load(day)
    history = audited.history(day)
    expected = read_days(history)
    audited.lake.replace(history.key("index"), damage)
    assert read_days(history) == expected


@pytest.mark.parametrize(("settle_hours", "late_days"), [(72, 1), (168, 5), (0, 3), (240, 60)])
def test_the_window_counts_back_from_the_last_settled_day(settle_hours: float, late_days: int) -> None:
    pipeline = PIPELINES["hostile"].model_copy(
        update={
            "settle_hours": settle_hours,
            "late_days": late_days,
            "end_date": None,
            "start_date": date(2026, 1, 1),
        }
    )
    days = days_to_reconcile(pipeline, NOW)
    assert len(days) == late_days
    assert days[-1] <= (NOW - timedelta(hours=settle_hours)).date() - timedelta(days=1)


def test_without_a_window_late_events_of_every_settled_day_are_reported() -> None:
    pipeline = PIPELINES["hostile"].model_copy(update={"late_days": 0, "end_date": None})
    assert window_start(pipeline, NOW) == date(2026, 7, 4)
    assert window_start(pipeline.model_copy(update={"late_days": 2}), NOW) == date(2026, 7, 2)


def audited_day(number: int, status: DayStatus, remedy: Remedy, reason: str = "reason") -> AuditedDay:
    day = FIRST + timedelta(days=number)
    return AuditedDay(day, status, reason, NOW - timedelta(days=30), remedy=remedy)


def test_days_that_need_a_person_or_fail_repeatedly_do_not_block_others() -> None:
    days = [audited_day(number, DayStatus.NEVER_RUN, Remedy.RUN, "never run") for number in range(2)]
    days += [audited_day(number, DayStatus.FAILED, Remedy.CORRECT) for number in range(2, 6)]
    days += [audited_day(number, DayStatus.UNKNOWN_BATCH, Remedy.REVERT) for number in range(6, 9)]
    chosen = Audit("p", tuple(days)).days_to_catch_up(3, NOW)
    assert chosen[:2] == [FIRST + timedelta(days=1), FIRST]
    tried = Audit("p", tuple(days[2:]))
    turns = {day for number in range(4) for day in tried.days_to_catch_up(1, NOW + timedelta(days=number))}
    assert turns == {FIRST + timedelta(days=number) for number in range(2, 6)}
    assert tried.days_to_catch_up(9, NOW, [day.day for day in days]) == []


def test_the_remedy_follows_from_the_reason() -> None:
    days = (
        audited_day(0, DayStatus.NEVER_RUN, Remedy.RUN),
        audited_day(1, DayStatus.UNKNOWN_BATCH, Remedy.REVERT),
        audited_day(2, DayStatus.NEVER_RUN, Remedy.RUN),
    )
    with pytest.raises(DaysMissing) as refused:
        Audit("shop", days).require_complete(NOW, 1)
    assert "For 2026-06-30, 2026-07-02: run a backfill" in refused.value.hint
    assert "For 2026-07-01: mixpanel-aep verify shop 2026-07-01 reports" in refused.value.hint
    with pytest.raises(DaysMissing) as refused:
        Audit("shop", days[1:2]).require_complete(NOW, 1)
    assert "backfill" not in refused.value.hint


def test_days_loaded_with_another_time_convention_are_listed(audited: Audited) -> None:
    day = date(2026, 7, 1)
    audited.load(day)
    local = {"time_is": "project_local", "timezone": "America/New_York"}
    source = audited.pipeline.mixpanel.model_copy(update=local)
    audited.pipeline = audited.pipeline.model_copy(update={"mixpanel": source})
    assert [each.outdated for each in audited.audit().outdated if each.day == day] == [("time",)]


def test_an_old_lake_is_audited_as_a_new_one(tmp_path: Path) -> None:
    """Data version 5 and older kept ledgers below the pipeline's name, and did not record the dataset."""
    with quick_sandbox(tmp_path / "sandbox") as server:
        pipeline = PIPELINES["hostile"].model_copy(update={"start_date": FIRST, "end_date": None})
        runner = Audited(server.url, Lake(f"file://{tmp_path}/lake"), pipeline)
        setup_pipeline(pipeline, runner.aep)
        day = date(2026, 7, 1)
        runner.load(day)
        make_old(runner, day)
        assert runner.statuses()[1] is DayStatus.ACTIVE
        again = runner.ingest(day, runner.stage(day), "again")
        assert (again.again, again.active) == (True, 8)


def make_old(runner: PipelineRunner, day: date) -> None:
    """Rewrite a day's ledger as data version 5 wrote it, and remove its history."""
    import json
    import shutil

    lake, history = runner.lake, runner.history(day)
    for record in history.ledger(day).records():
        data = record.model_dump(mode="json", exclude={"ids", "recipe", "made_of", "history"})
        key = f"{runner.pipeline.name}/{day}/ledger/{record.number:06d}.json"
        assert lake.create(key, json.dumps({**data, "version": 1}).encode())
    assert lake.root is not None
    shutil.rmtree(lake.root / "_histories")

"""Rows that AEP refuses although they passed validation are in quarantine and not active; a later run may send them."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from include.board.facts import read_facts
from include.board.quarantine import first_rows
from include.errors import BatchFailed, CountMismatch, LakeNotReadable, Transient
from include.lake.lake import Lake
from include.lake.ledger import LedgerRecord
from include.lake.ledger_state import active_records, refused_rows
from include.steps.ingest.partial_load import ACTIVE, REFUSED, REFUSED_OF_BATCH, UNEXPECTED
from include.steps.quarantine import quarantined_days
from include.steps.reconcile.audit import DayStatus, audit_days
from include.steps.recover import recover
from include.steps.verify import verify
from tests.steps.ingest.test_late_and_replaced import DAY, EXACT, Late
from tests.support.pipeline_runner import PIPELINES, quick_sandbox

pytestmark = pytest.mark.sandbox
NEXT = "/aep/settings"


class Partial(Late):
    """Return a pipeline with an error threshold, some rows of whose next batch AEP refuses."""

    def with_aep(self, **changes: Any) -> None:
        self.pipeline = self.pipeline.model_copy(update={"aep": self.pipeline.aep.model_copy(update=changes)})

    def refuse(self, rows: int, **more: Any) -> None:
        self.control(NEXT, {"next_batches": [{"outcome": "refused", "rows": rows, **more}]})

    def recover(self) -> None:
        steps = self.steps(DAY)
        with self.aep.lake_reader() as reader:
            recover(steps.history, steps.opened.dataset, reader, self.aep, self.pipeline)

    def quarantine(self) -> list[dict[str, Any]]:
        """Return the refused rows that are in quarantine, of all loads."""
        found = []
        for key in self.lake.keys(self.workspace(DAY).partition.prefix):
            if "/quarantine/ingest-" in key:
                found += map(json.loads, gzip.decompress(self.lake.read(key) or b"").splitlines())
        return found

    @property
    def newest_kind(self) -> str:
        return self.records(DAY)[-1].kind

    def batches(self) -> Sequence[Any]:
        body = requests.get(f"{self.url}/_sandbox/aep/batches", timeout=20).json()
        return list(body["batches"])

    @property
    def newest(self) -> LedgerRecord:
        return active_records(self.records(DAY))[-1]


@pytest.fixture
def partial(tmp_path: Path) -> Iterator[Partial]:
    with quick_sandbox(tmp_path / "sandbox") as server:
        runner = Partial(server.url, Lake(f"file://{tmp_path}/lake"), PIPELINES["hostile"])
        runner.with_aep(error_threshold_percent=50)
        runner.setup()
        yield runner


@pytest.mark.parametrize("file_format", ["parquet", "json"])
@pytest.mark.parametrize("reader", ["query_service", "data_access"])
def test_refused_rows_are_quarantined_with_a_reason_and_counted(
    partial: Partial, file_format: str, reader: str
) -> None:
    partial.with_aep(file_format=file_format)
    verify = partial.pipeline.verify.model_copy(update={"reader": reader})
    partial.pipeline = partial.pipeline.model_copy(update={"verify": verify})
    staged = partial.stage(DAY)
    partial.refuse(3)
    done = partial.ingest(DAY, staged)
    assert (done.active, done.refused, done.active + done.refused) == (staged.rows - 3, 3, staged.rows)
    rows = partial.quarantine()
    assert len(rows) == 3
    assert {row["row"]["_id"] for row in rows}.isdisjoint(partial.active())
    assert all(
        row["reasons"] == ["1554 at _id", "planned at #/_id"] and row["row"]["timestamp"] for row in rows
    )
    assert partial.newest.counts == {"active": staged.rows - 3, "refused": 3}
    assert partial.newest.ids is not None and partial.newest.ids.rows == staged.rows - 3
    assert partial.newest.note.startswith("AEP lists INGEST-1212-400: rows have errors")
    assert partial.compare(DAY) == EXACT


def test_without_a_threshold_one_refused_row_fails_the_batch(partial: Partial) -> None:
    partial.with_aep(error_threshold_percent=0)
    partial.refuse(1)
    with pytest.raises(BatchFailed, match=r"1554 at _id \(1 row\)"):
        partial.ingest(DAY, partial.stage(DAY))
    assert not partial.active()


def test_a_batch_above_the_threshold_fails_as_a_whole(partial: Partial) -> None:
    partial.refuse(5)  # of 8
    with pytest.raises(BatchFailed, match="INGEST-1212-400"):
        partial.ingest(DAY, partial.stage(DAY))
    assert not partial.active()


def test_refused_rows_are_listed_with_aeps_reasons_until_they_are_active(partial: Partial) -> None:
    partial.refuse(3)
    partial.load("one", refresh=False)
    (listed,) = quarantined_days(partial.lake, partial.pipeline.name, DAY)
    assert listed.events == 3
    assert dict(listed.reasons) == {
        "AEP refused the row: 1554 at _id": 3, "AEP refused the row: planned at #/_id": 3,
    }  # fmt: skip
    facts = read_facts(partial.history(DAY), partial.pipeline.name, DAY)
    assert facts is not None
    assert (facts.counts.refused, facts.counts.active + 3) == (3, facts.counts.staged)
    assert set(facts.quarantine) == {file.key for file in listed.files}
    assert len(first_rows(partial.lake, facts.quarantine, 9, show_values=False)) == 3
    partial.pipeline = partial.pipeline.model_copy(update={"unmapped": "drop"})
    partial.load("two", refresh=False)
    assert quarantined_days(partial.lake, partial.pipeline.name, DAY) == []
    facts = read_facts(partial.history(DAY), partial.pipeline.name, DAY)
    assert facts is not None and (facts.counts.refused, facts.quarantine) == (0, ())


def test_refused_rows_are_not_sent_again_with_late_ones(partial: Partial) -> None:
    partial.refuse(3)
    partial.load("one", refresh=False)
    refused = {row["row"]["_id"] for row in partial.quarantine()}
    partial.add("late-1")
    late = partial.load("two")
    assert (late.loaded, late.active, late.refused) == (1, 6, 3)
    assert partial.newest.refused is not None and partial.newest.refused.rows == 3
    assert refused.isdisjoint(partial.active())
    assert partial.load("three").again
    assert partial.compare(DAY) == EXACT


def test_a_changed_mapping_sends_the_refused_rows_again(partial: Partial) -> None:
    partial.refuse(3)
    partial.load("one", refresh=False)
    partial.pipeline = partial.pipeline.model_copy(update={"unmapped": "drop"})
    done = partial.load("two", refresh=False)
    assert (done.loaded, done.active, done.refused) == (3, 8, 0)
    assert refused_rows(partial.records(DAY)) == 0
    assert partial.compare(DAY) == EXACT
    assert partial.load("three", refresh=False).again


def test_a_replacement_sends_the_refused_rows_once_in_each_run(partial: Partial) -> None:
    partial.refuse(3)
    partial.load("one", refresh=False)
    partial.refuse(2)
    second = partial.load("two", refresh=False, replace=True)
    assert (second.active, second.refused) == (6, 2)
    assert partial.load("two", refresh=False, replace=True).again, "the run does not replace its own batch"
    third = partial.load("three", refresh=False, replace=True)
    assert (third.active, third.refused) == (8, 0)
    assert partial.load("four", refresh=False, replace=True).again
    assert partial.compare(DAY) == EXACT


def test_rows_lost_without_being_refused_are_never_green(partial: Partial) -> None:
    partial.control(NEXT, {"next_batches": [{"outcome": "partial", "rows": 2, "silent": True}]})
    with pytest.raises(CountMismatch, match="6 rows and 0 failed ones, but 8 were staged"):
        partial.ingest(DAY, partial.stage(DAY))
    assert partial.newest_kind == "completing"


def test_an_unreadable_data_lake_fails_with_a_remedy(
    partial: Partial, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged = partial.stage(DAY)
    partial.refuse(3)
    with monkeypatch.context() as patch:
        patch.setattr("include.steps.ingest.partial_load.read_back", _not_licensed)
        with pytest.raises(
            LakeNotReadable, match=r"3 of 8 rows .*INGEST-1554-400.*The licence is missing.*verify\.reader"
        ) as red:
            partial.ingest(DAY, staged)
    assert "Request one." in str(red.value)
    assert partial.newest_kind == "completing"
    done = partial.ingest(DAY, staged)
    assert (done.active, done.refused) == (5, 3)
    assert len(partial.batches()) == 1


def test_a_new_dataset_without_a_table_is_waited_for(partial: Partial) -> None:
    partial.control(NEXT, {"query_table_seconds": 3600})
    staged = partial.stage(DAY)
    partial.refuse(3)
    with pytest.raises(Transient, match=r"3 of 8 rows .*42P01.*some time after its first batch.*A retry"):
        partial.ingest(DAY, staged)
    assert partial.newest_kind == "completing"
    partial.control("/clock", {"advance_seconds": 3601})
    done = partial.ingest(DAY, staged)
    assert (done.active, done.refused, len(partial.batches())) == (5, 3, 1)


def test_rows_that_are_not_visible_yet_are_waited_for(
    partial: Partial, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged = partial.stage(DAY)
    partial.refuse(3)
    with monkeypatch.context() as patch:
        patch.setattr("include.steps.ingest.partial_load.read_back", lambda *_: 2)
        with pytest.raises(Transient, match="shows 2 of 5 rows"):
            partial.ingest(DAY, staged)
    assert partial.ingest(DAY, staged).refused == 3


@pytest.mark.parametrize("moment", ["write_ids", "gzip_writer", "record"])
def test_a_run_that_dies_while_it_settles_is_continued_with_the_same_result(
    partial: Partial, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    from include.steps.ingest.batch_loader import BatchLoader

    staged = partial.stage(DAY)
    partial.refuse(3)
    record = BatchLoader.record
    with monkeypatch.context() as patch:
        if moment == "record":
            patch.setattr(
                BatchLoader,
                "record",
                lambda self, kind, *a, **k: _die() if kind == "active" else record(self, kind, *a, **k),
            )
        else:
            patch.setattr(f"include.steps.ingest.partial_load.{moment}", _die)
        with pytest.raises(KeyboardInterrupt):
            partial.ingest(DAY, staged)
    before = {key: partial.lake.read(key) for key in partial.lake.keys("_histories") if "/ids/" in key}
    done = partial.ingest(DAY, staged)
    assert (done.active, done.refused) == (5, 3)
    assert all(partial.lake.read(key) == body for key, body in before.items())
    assert len(partial.quarantine()) == 3
    assert partial.compare(DAY) == EXACT


def test_verify_and_audit_count_the_refused_rows_and_miss_none(partial: Partial) -> None:
    partial.refuse(3)
    partial.load("one", refresh=False)
    steps = partial.steps(DAY)
    with partial.aep.lake_reader() as reader:
        found = verify(steps.history, steps.opened.dataset, reader, partial.aep, partial.pipeline)
    assert found.differing == ()
    assert (found.counts["ids"], found.counts["lost"], found.counts["refused"]) == (5, 0, 3)
    assert str(found).endswith("lost 0, duplicate 0, phantom 0, refused by AEP 3")
    audit = audit_days(steps.history, partial.pipeline, partial.aep, datetime(2026, 7, 2, 12, tzinfo=UTC))
    (day,) = [each for each in audit.days if each.day == DAY]
    assert (day.status, day.rows, day.refused) == (DayStatus.ACTIVE, 5, 3)
    assert day.reason == "active; rows refused by AEP, in quarantine: 3"
    assert audit.counts["refused"] == 3


def test_recover_keeps_the_ledgers_refused_rows(partial: Partial) -> None:
    partial.refuse(3)
    partial.load("one", refresh=False)
    before = partial.newest
    assert before.ids is not None and before.refused is not None
    Path(str(partial.lake.root), before.ids.key).unlink()
    partial.recover()
    assert partial.newest.number > before.number
    assert (partial.newest.counts, partial.newest.refused) == (before.counts, before.refused)
    assert partial.load("two", refresh=False).again


@pytest.mark.parametrize("replace", [False, True])
def test_after_a_lost_ledger_the_refused_rows_are_sent_again(partial: Partial, replace: bool) -> None:
    partial.refuse(3)
    partial.load("one", refresh=False)
    shutil.rmtree(Path(str(partial.lake.root), partial.history(DAY).ledger(DAY).prefix))
    partial.recover()
    assert refused_rows(partial.records(DAY)) == 0, "nothing says any more which ones they were"
    done = partial.load("two", refresh=False, replace=replace)
    assert (done.loaded, done.active, done.refused) == (8 if replace else 3, 8, 0)
    assert partial.compare(DAY) == EXACT


@given(
    staged=st.sets(st.integers(0, 30)),
    earlier=st.sets(st.integers(0, 30)),
    lost=st.sets(st.integers(0, 30)),
    strays=st.lists(st.integers(0, 35), max_size=3),
)
def test_staged_rows_are_either_active_or_refused(
    staged: set[int], earlier: set[int], lost: set[int], strays: list[int]
) -> None:
    with duckdb.connect() as db:
        found = [*(staged - lost), *strays]
        for table, columns in (
            ("staged", "digest BIGINT"),
            ("earlier", "digest BIGINT"),
            ("found", "batch VARCHAR"),
        ):
            db.execute(f"CREATE TABLE {table} (_id VARCHAR, {columns})")
        for table, ids in (("staged", staged), ("earlier", earlier), ("found", found)):
            db.executemany(f"INSERT INTO {table} VALUES (?, NULL)", [[str(key)] for key in ids] or [["x"]])
            db.execute(f"DELETE FROM {table} WHERE _id = 'x'")

        def ids_of(query: str) -> list[int]:
            return sorted(int(key) for key, _ in db.execute(query).fetchall())

        active, own, refused = ids_of(ACTIVE), ids_of(REFUSED_OF_BATCH), ids_of(REFUSED)
        assert sorted([*active, *own]) == sorted(staged)
        assert refused == sorted((earlier | staged) - set(active))
        (unexpected,) = db.execute(UNEXPECTED).fetchone()  # type: ignore[misc]
        assert (unexpected == 0) == (set(found) <= staged and len(found) == len(set(found)))


def test_errors_of_a_successful_batch_are_reported_without_values(partial: Partial) -> None:
    errors = [{"code": "INGEST-1555-400", "description": "canary-value", "recordCount": 2}]
    partial.control(NEXT, {"next_batches": [{"outcome": "success", "errors": errors}]})
    done = partial.ingest(DAY, partial.stage(DAY))
    (sentence,) = done.listed
    assert "INGEST-1555-400: a required field is missing or null (2 rows)" in sentence
    assert "canary" not in sentence + partial.newest.note
    assert (done.active, done.refused) == (8, 0)


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("INGEST-1999-500", "The cause is an error inside AEP. Clear the task ingest"),
        ("CONNECTORS-2001-503", "The cause is an error inside AEP. Clear the task ingest"),
        ("INGEST-1401-400", "Correct the mapping or the schema, then clear the task transform"),
    ],
)
def test_a_batch_that_failed_for_aeps_own_reasons_does_not_blame_the_mapping(
    partial: Partial, code: str, hint: str
) -> None:
    errors = [{"code": code, "description": "x", "recordCount": 8}]
    partial.control(NEXT, {"next_batches": [{"outcome": "failed", "errors": errors}]})
    with pytest.raises(BatchFailed, match=code) as failed:
        partial.ingest(DAY, partial.stage(DAY))
    assert hint in failed.value.hint
    assert ("mapping" in failed.value.hint) is code.endswith("-400")


def _not_licensed(*_: object) -> int:
    raise LakeNotReadable("The licence is missing.", "Request one.")


def _die(*_: object, **__: object) -> Any:
    raise KeyboardInterrupt

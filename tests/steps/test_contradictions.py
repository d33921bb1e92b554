"""Contradictions that made a run, an audit or a recovery green, or red without a remedy."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from include.aep.model import Batch
from include.aep.setup import setup_pipeline
from include.errors import AmendmentRefused, AnotherSource, BatchFailed, BatchUnconfirmed, UnknownBatch
from include.lake.lake import Lake
from include.steps.history.open_history import open_history
from include.steps.ingest.other_batches import OtherBatches
from include.steps.reconcile.audit import AuditedDay, DayStatus, audit_days
from tests.steps.recover.test_recover import Recoverer
from tests.steps.verify.test_verify import NOON, OURS, row
from tests.support.pipeline_runner import PIPELINES, loaded_sandbox, quick_sandbox

pytestmark = pytest.mark.sandbox
DAY, NEXT = date(2026, 7, 1), date(2026, 7, 2)


class Breaker(Recoverer):
    """The hostile project in a changing environment."""

    def audited(self, day: date = DAY) -> AuditedDay:
        opened = open_history(self.lake, self.pipeline, self.aep, self.source, all_days=True)
        now = datetime(2026, 7, 4, 12, tzinfo=UTC)
        (found,) = [
            each for each in audit_days(opened.history, self.pipeline, self.aep, now).days if each.day == day
        ]
        return found

    def leave_out(self, insert_id: str) -> None:
        where = f'properties["$insert_id"] != "{insert_id}"'
        source = self.pipeline.mixpanel.model_copy(update={"where": where})
        self.pipeline = self.pipeline.model_copy(update={"mixpanel": source})


PIPELINE = PIPELINES["hostile"].model_copy(update={"start_date": date(2026, 6, 30), "end_date": None})


@pytest.fixture
def untagged(tmp_path: Path) -> Iterator[Breaker]:
    """Return a project set up by an earlier version: neither the lake nor the dataset has an id of the lake."""
    with quick_sandbox(tmp_path / "sandbox") as server:
        made = Breaker(server.url, Lake(f"file://{tmp_path}/lake"), PIPELINE)
        setup_pipeline(made.pipeline, made.aep)
        yield made


@pytest.fixture
def loaded(tmp_path: Path) -> Iterator[Breaker]:
    with loaded_sandbox(tmp_path, DAY) as server:
        yield Breaker(server.url, Lake(f"file://{tmp_path}/lake"), PIPELINE)


def test_an_empty_replacement_ends(loaded: Breaker) -> None:
    loaded.aep.batches.revert(str(loaded.records(DAY)[-1].batch))
    loaded.pipeline = loaded.pipeline.model_copy(
        update={"mixpanel": loaded.pipeline.mixpanel.model_copy(update={"where": "1 == 2"})}
    )
    staged = loaded.stage(DAY, "again", replace=True)
    assert loaded.ingest(DAY, staged, "again", replace=True).active == 0
    assert [record.kind for record in loaded.records(DAY)][-2:] == ["gone", "empty"]


def test_another_project_is_refused_where_only_aep_is_shared(untagged: Breaker, tmp_path: Path) -> None:
    untagged.load()
    before = untagged.active()
    untagged.lake = Lake(f"file://{tmp_path}/another")
    untagged.connection = {"extra": {"project_id": 3000002, "region": "us"}}
    with pytest.raises(AnotherSource, match=r"eu/3000001.*us/3000002"):
        untagged.load(NEXT, run="other")
    assert untagged.active() == before


def test_an_old_ledger_with_a_batch_missing_in_aep_is_not_loaded_twice(untagged: Breaker) -> None:
    untagged.late("next", NEXT)
    untagged.load(DAY, NEXT)
    batch, history = str(untagged.records(DAY)[-1].batch), untagged.history(DAY)
    for day in (DAY, NEXT):
        for record in history.ledger(day).records():
            old = record.model_copy(update={"version": 1, "ids": None, "history": ""})
            key = f"hostile/{day}/ledger/{record.number:06d}.json"
            assert untagged.lake.create(key, old.model_dump_json().encode())
    assert untagged.lake.root is not None
    shutil.rmtree(untagged.lake.root / "_histories")
    untagged.post(f"/aep/batches/{batch}", {"vanished": True})
    with pytest.raises(BatchUnconfirmed, match=f"ledger release hostile {DAY} --batch {batch}"):
        untagged.load(run="again")
    untagged.post(f"/aep/batches/{batch}", {"vanished": False})
    untagged.load(run="later")
    untagged.check(9)


def test_a_day_with_nothing_left_to_load_is_not_missing_for_ever(loaded: Breaker) -> None:
    """AEP refused late rows, and then Mixpanel no longer returns them."""
    loaded.late("late-1")
    loaded.post("/aep/settings", {"next_batches": [{"outcome": "failed"}]})
    with pytest.raises(BatchFailed):
        loaded.load(run="late", refresh="late")
    assert loaded.audited().status is DayStatus.PARTLY_LOADED
    loaded.leave_out("late-1")
    loaded.load(run="without", refresh="without")
    assert loaded.audited().status is DayStatus.ACTIVE
    records = loaded.records(DAY)
    loaded.load(run="again")
    assert loaded.records(DAY) == records
    loaded.check(8)


def test_an_active_batch_unknown_to_the_ledger_is_found_by_the_audit(loaded: Breaker) -> None:
    """A run without a batch to create does not search for one."""
    assert loaded.audited().status is DayStatus.ACTIVE
    batch = loaded.add_batch(OURS, [row(key, NOON) for key in loaded.ids()])
    found = loaded.audited()
    assert (found.status, batch in found.reason) == (DayStatus.UNKNOWN_BATCH, True)
    assert f"verify hostile {DAY}" in found.reason


def test_a_batch_that_repeats_active_rows_is_not_adopted_or_recovered(
    loaded: Breaker, tmp_path: Path
) -> None:
    batch = loaded.add_batch(OURS, [row(loaded.ids()[0], NOON), row("f" * 64, NOON)])
    before = loaded.records(DAY)
    with pytest.raises(AmendmentRefused, match=r"1 event .* more than once"):
        loaded.adopt(batch)
    assert loaded.records(DAY) == before
    loaded.lose_lake(tmp_path)
    assert "more than once" in loaded.recover().refused[DAY]
    loaded.aep.batches.revert(batch)
    loaded.recover()
    loaded.load(run="after")
    loaded.check(8)


def test_a_ledger_with_a_gap_does_not_stop_the_recovery_of_other_days(
    loaded: Breaker, tmp_path: Path
) -> None:
    """The lake was lost while a run continued to write."""
    loaded.late("next", NEXT)
    loaded.load(NEXT)
    folder = tmp_path / "lake" / loaded.history(DAY).ledger(DAY).prefix
    (folder / "000001.json").unlink()
    found = loaded.recover()
    assert f"Move the folder file://{folder}" in found.refused[DAY]
    assert NEXT in found.known
    shutil.rmtree(folder)
    assert list(loaded.recover().written) == [DAY]
    loaded.load(run="after")
    loaded.check(9)


@pytest.mark.parametrize("until_ms", [-1, 9_999_999_999_999, 9_999_999_999_999_999, 10**30])
def test_a_damaged_listing_does_not_disable_the_witness(loaded: Breaker, until_ms: int) -> None:
    loaded.late("late-1")
    batch = loaded.add_batch(OURS, [row("f" * 64, NOON)])
    key = loaded.history(DAY).key("batches")
    loaded.lake.replace(key, b'{"version": 1, "until_ms": %d, "days": {}}' % until_ms)
    with pytest.raises(UnknownBatch, match=batch):
        loaded.load(run="again", refresh="again")


def test_a_refused_batch_that_becomes_active_is_found_before_the_next_one(loaded: Breaker) -> None:
    """AEP reported it as failed, another batch was loaded instead, and then AEP has both."""
    loaded.late("late-1")
    loaded.post("/aep/settings", {"next_batches": [{"outcome": "failed"}]})
    with pytest.raises(BatchFailed):
        loaded.load(run="one", refresh="one")
    loaded.load(run="two", refresh="one")
    refused = next(str(record.batch) for record in loaded.records(DAY) if record.kind == "failed")
    seen = {batch.id for batch in _witnessed(loaded)}
    assert refused in seen


def _witnessed(loaded: Breaker) -> list[Batch]:
    steps = loaded.steps(DAY)
    return OtherBatches(steps.workspace, steps.history, steps.aep).unaccounted(loaded.records(DAY))

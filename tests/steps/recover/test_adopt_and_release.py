"""Adopt and release write a decision of a person into a ledger, if AEP does not contradict it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from include.aep.batches import Batches
from include.errors import (
    AmendmentRefused,
    BatchUnconfirmed,
    Conflict,
    ForeignLake,
    UnknownBatch,
)
from include.lake.lake import Lake
from include.steps.recover import AepIds
from tests.steps.verify.test_verify import DAY, NOON, row
from tests.support.lost_lake import Recoverer, dies

pytestmark = pytest.mark.sandbox


def test_two_writers_cannot_write_one_ledger(loaded: Recoverer, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = loaded.add_batch(f"mixpanel-aep-hostile-{DAY}-{'b' * 16}-1", [row("f" * 64, NOON)])
    read = AepIds._insert_ids

    def read_while_a_run_writes(self: AepIds, *arguments: Any) -> int:
        monkeypatch.setattr(AepIds, "_insert_ids", read)
        ledger = loaded.history(DAY).ledger(DAY)
        ledger.append(ledger.records(), "claimed", run="a run", at="now", content="", staged="")
        return read(self, *arguments)

    monkeypatch.setattr(AepIds, "_insert_ids", read_while_a_run_writes)
    with pytest.raises(Conflict):
        loaded.adopt(batch)
    assert loaded.adopt(batch) == 4
    loaded.check(9)


def test_an_adopted_batch_is_excluded_from_the_next_load(loaded: Recoverer) -> None:
    loaded.late("late-1")
    mapped = loaded.transform(DAY, loaded.export(DAY, "refresh"))
    staged = loaded.steps(DAY, refresh="refresh").stage(loaded.steps(DAY).validate(mapped))
    (file,) = staged.files
    import pyarrow.parquet as pq

    (late,) = pq.read_table(Path(loaded.lake.url.removeprefix("file://")) / file.key)["_id"].to_pylist()
    batch = loaded.add_batch(f"mixpanel-aep-other-{DAY}-{'b' * 16}-1", [row(late, NOON)])
    with pytest.raises(UnknownBatch, match=f"{batch}.*ledger adopt hostile {DAY} --batch {batch} --why TEXT"):
        loaded.load(run="before", refresh="refresh")
    assert loaded.adopt(batch) == 4
    assert loaded.adopt(batch) == 0
    loaded.load(run="after", refresh="refresh")
    loaded.check(9)
    assert {(r.run, r.note) for r in loaded.records(DAY) if r.batch == batch} == {("test/me@here", "because")}


def test_only_an_active_load_of_the_day_is_adopted(loaded: Recoverer) -> None:
    ours = f"mixpanel-aep-hostile-{DAY}-{'b' * 16}-1"
    other_day = loaded.add_batch(ours.replace(str(DAY), "2026-07-02"), [row("f" * 64, NOON)])
    other_producer = loaded.add_batch("theirs", [row("e" * 64, NOON)])
    is_open = loaded.aep.batches.create(loaded.dataset_id, "json", ours)
    dataset = loaded.pipeline.aep.dataset
    aep = loaded.pipeline.aep.model_copy(update={"dataset": "Another"})
    own = loaded.pipeline
    loaded.pipeline = own.model_copy(update={"aep": aep})
    loaded.setup()
    elsewhere = loaded.add_batch(ours, [row("d" * 64, NOON)])
    loaded.pipeline = own
    assert loaded.pipeline.aep.dataset == dataset
    before = loaded.records(DAY)
    for batch, why in (
        (other_day, "of partition 2026-07-02"),
        (other_producer, "of another producer"),
        (elsewhere, "in dataset"),
        (is_open, "loading, not active"),
        ("01NOTHING", "does not list batch"),
    ):
        with pytest.raises(AmendmentRefused, match=why):
            loaded.adopt(batch)
    assert loaded.records(DAY) == before


@pytest.mark.parametrize("state", ["open", "committed", "active"])
def test_a_batch_in_aep_is_not_released(
    loaded: Recoverer, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    if state != "active":
        loaded.late("late-1")
        staged = loaded.stage(DAY, "again")
        plan = {"outcome": "status", "status": "staging"} if state == "committed" else {"outcome": "stalled"}
        loaded.post("/aep/settings", {"next_batches": [plan]})
        if state == "open":
            monkeypatch.setattr(Batches, "complete", dies)
            with pytest.raises(KeyboardInterrupt):
                loaded.advance(DAY, staged, "again")
        else:
            loaded.advance(DAY, staged, "again")
    batch = loaded.records(DAY)[-1].batch
    before = loaded.records(DAY)
    with pytest.raises(AmendmentRefused, match="would be duplicated"):
        loaded.release(str(batch))
    assert loaded.records(DAY) == before


def test_a_missing_batch_in_flight_can_be_released(loaded: Recoverer) -> None:
    """Otherwise a run waits for it for ever."""
    loaded.late("late-1")
    staged = loaded.stage(DAY, "again")
    loaded.post("/aep/settings", {"next_batches": [{"outcome": "status", "status": "staging"}]})
    loaded.advance(DAY, staged, "again")
    batch = str(loaded.records(DAY)[-1].batch)
    loaded.post(f"/aep/batches/{batch}", {"status": "deleted", "vanished": True})
    with pytest.raises(BatchUnconfirmed, match=f"ledger release hostile 2026-07-01 --batch {batch} --why"):
        loaded.advance(DAY, staged, "next")
    record = loaded.release(batch)
    assert (record.kind, record.run, record.note) == ("gone", "test/me@here", "because")
    loaded.load(run="after", refresh="again")
    loaded.check(9)


def test_a_released_batch_that_reappears_is_found_and_not_loaded_twice(loaded: Recoverer) -> None:
    """Without the permission to read the data lake a person can be wrong about a batch."""
    batch = str(loaded.records(DAY)[-1].batch)
    loaded.post("/aep/settings", {"query_permission": "missing"})
    loaded.post(f"/aep/batches/{batch}", {"vanished": True})
    loaded.release(batch)
    loaded.post(f"/aep/batches/{batch}", {"vanished": False})
    loaded.post("/aep/settings", {"query_permission": "granted"})
    assert loaded.ingest(DAY, loaded.stage(DAY), "after").batches == (batch,)
    loaded.check(8)


def test_ids_of_two_recipes_are_not_mixed_in_a_day(loaded: Recoverer, tmp_path: Path) -> None:
    batch = loaded.add_batch(f"mixpanel-aep-hostile-{DAY}-{'b' * 16}-1", [row("f" * 64, NOON)], recipe=1)
    before = loaded.records(DAY)
    with pytest.raises(AmendmentRefused, match=rf"different recipes: .*{batch} \(recipe 1\)"):
        loaded.adopt(batch)
    assert loaded.records(DAY) == before
    loaded.lose_lake(tmp_path)
    assert batch in loaded.recover().refused[DAY]
    loaded.aep.batches.revert(batch)
    loaded.recover()
    loaded.load(run="after")
    loaded.check(8)


def left_at_aep(loaded: Recoverer, plan: dict[str, Any]) -> str:
    """A run completed a batch of late rows, and ended before AEP decided it."""
    loaded.late("late-1")
    staged = loaded.stage(DAY, "again")
    loaded.post("/aep/settings", {"next_batches": [plan]})
    loaded.advance(DAY, staged, "again")
    return str(loaded.records(DAY)[-1].batch)


STAGING = {"outcome": "status", "status": "staging"}


@pytest.mark.parametrize("vanished", [False, True])
def test_a_batch_of_a_current_run_is_not_released(loaded: Recoverer, vanished: bool) -> None:
    """A later record about another batch would let it become active unnoticed, and its rows be loaded twice."""
    flying = left_at_aep(loaded, STAGING)
    other = loaded.add_batch(f"mixpanel-aep-hostile-{DAY}-{'b' * 16}-1", [row("f" * 64, NOON)])
    loaded.post(f"/aep/batches/{flying}", {"vanished": vanished})
    before = loaded.records(DAY)
    with pytest.raises(AmendmentRefused, match=f"A run has submitted batch {flying}"):
        loaded.adopt(other)
    assert flying in loaded.recover().refused[DAY]
    assert loaded.records(DAY) == before
    loaded.post(f"/aep/batches/{flying}", {"vanished": False, "status": "success"})
    assert loaded.recover().written == {DAY: [flying, other]}
    loaded.load(run="after", refresh="again")
    loaded.check(10)


def test_the_missing_batch_in_flight_is_recorded_first(
    loaded: Recoverer, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = loaded.add_batch(f"mixpanel-aep-hostile-{DAY}-{'b' * 16}-1", [row("f" * 64, NOON)])
    monkeypatch.setattr("include.steps.ingest.other_batches.OtherBatches.require_none", lambda *_: None)
    flying = left_at_aep(loaded, STAGING)
    loaded.post(f"/aep/batches/{flying}", {"status": "success"})
    before = loaded.records(DAY)
    assert loaded.recover().written == {DAY: [older, flying]}
    written = [(record.kind, record.batch) for record in loaded.records(DAY)[len(before) :]]
    assert written == [
        ("active", flying), ("claimed", None), ("created", older), ("completing", older), ("active", older),
    ]  # fmt: skip
    loaded.check(10)


def test_a_batch_with_an_undocumented_status_is_not_released(loaded: Recoverer) -> None:
    flying = left_at_aep(loaded, {"outcome": "status", "status": "an unknown word"})
    with pytest.raises(AmendmentRefused, match="an unknown word; after a release"):
        loaded.release(flying)


def test_the_old_lake_is_refused_after_another_was_rebuilt(loaded: Recoverer, tmp_path: Path) -> None:
    """The lake was not lost; its address was mistyped: from now on one of the two must not load."""
    old = loaded.lake
    loaded.lake = Lake(f"file://{tmp_path}/another")
    assert loaded.recover().tagged
    loaded.lake = old
    with pytest.raises(ForeignLake, match="was loaded through the lake with the id"):
        loaded.load(run="old")

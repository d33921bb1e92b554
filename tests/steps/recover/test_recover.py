"""Recover rebuilds a lost lake from AEP; adopt and release write a person's decision into a ledger."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from include.errors import (
    AnotherSource,
    BadManifest,
    ForeignLake,
    UnknownBatch,
)
from include.lake.lake_id import ensure_lake_id, read_lake_id
from include.lake.ledger import Ledger
from tests.steps.verify.test_verify import DAY, NOON, row
from tests.support.lost_lake import Reader, Recoverer, dies

pytestmark = pytest.mark.sandbox
DAYS = (date(2026, 6, 30), DAY, date(2026, 7, 2))


@pytest.fixture
def several(loaded: Recoverer) -> Recoverer:
    """Days of one event precede and follow the hostile one."""
    for day in (DAYS[0], DAYS[2]):
        loaded.late(f"of-{day}", day)
        loaded.load(day)
    return loaded


@pytest.mark.parametrize("reader", ["query_service", "data_access"])
def test_a_lost_lake_is_rebuilt_and_runs_load_exactly_the_missing_rows(
    several: Recoverer, tmp_path: Path, reader: Reader
) -> None:
    before, identity = sorted(several.active()), read_lake_id(several.lake)
    several.lose_lake(tmp_path)
    with pytest.raises(ForeignLake, match="recover"):
        several.load(run="lost")
    found = several.recover(reader=reader)
    assert sorted(found.written) == list(DAYS)
    assert (found.refused, found.tagged) == ({}, True)
    assert read_lake_id(several.lake) not in (None, identity)
    several.late("late-1")
    several.load(*DAYS, run="after", refresh="after")
    after = several.active()
    assert len(after) == len(set(after)) == len(before) + 1
    assert set(before) < set(after)
    verified = several.verify()
    expected = {"partitions": 3, "ids": len(after), "lost": 0, "duplicate": 0, "phantom": 0, "refused": 0}
    assert verified.counts == expected
    assert {record.run.split("/")[0] for record in several.records(DAYS[0])} == {"recover"}
    assert all(record.note for record in several.records(DAYS[0]))


def test_an_older_copy_of_a_lake_is_completed_and_keeps_its_contents(
    loaded: Recoverer, tmp_path: Path
) -> None:
    shutil.copytree(tmp_path / "lake", tmp_path / "copy")
    before = loaded.records(DAY)
    loaded.late("late-1")
    loaded.load(run="second", refresh="second")
    loaded.late("late-2", date(2026, 7, 2))
    loaded.load(date(2026, 7, 2), run="second")
    shutil.rmtree(tmp_path / "lake")
    (tmp_path / "copy").rename(tmp_path / "lake")
    loaded.late("late-3")
    with pytest.raises(UnknownBatch, match="mixpanel-aep recover hostile 2026-07-01"):
        loaded.load(run="third", refresh="third")
    assert sorted(loaded.recover().written) == [DAY, date(2026, 7, 2)]
    assert loaded.records(DAY)[: len(before)] == before
    loaded.load(DAY, date(2026, 7, 2), run="fourth", refresh="fourth")
    loaded.check(8 + 3)


def test_a_second_recover_writes_nothing(loaded: Recoverer, tmp_path: Path) -> None:
    assert loaded.recover().known == [DAY]
    loaded.lose_lake(tmp_path)
    assert list(loaded.recover().written) == [DAY]
    records = loaded.records(DAY)
    found = loaded.recover()
    assert (found.written, found.known, found.tagged) == ({}, [DAY], False)
    assert loaded.records(DAY) == records


@pytest.mark.parametrize("writes", range(5))
def test_recover_killed_at_any_write_completes_when_run_again(
    loaded: Recoverer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """Four records, then the lake's id."""
    loaded.lose_lake(tmp_path)
    left, append = [writes], Ledger.append

    def dies_after(self: Ledger, *arguments: Any, **fields: Any) -> Any:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return append(self, *arguments, **fields)

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "append", dies_after)
        if writes == 4:
            patch.setattr("include.steps.recover.rebuild.ensure_lake_id", dies)
        with pytest.raises(KeyboardInterrupt):
            loaded.recover()
    with pytest.raises(ForeignLake):
        loaded.load(run="between")
    loaded.recover()
    kinds = [record.kind for record in loaded.records(DAY)]
    assert kinds == ["claimed", "created", "completing", "active"]
    loaded.late("late-1")
    loaded.load(run="after", refresh="after")
    loaded.check(9)


def test_a_lake_with_its_own_id_becomes_the_datasets_lake(loaded: Recoverer, tmp_path: Path) -> None:
    loaded.lose_lake(tmp_path)
    identity = ensure_lake_id(loaded.lake)
    with pytest.raises(ForeignLake):
        loaded.load(run="before")
    assert loaded.recover().tagged
    assert read_lake_id(loaded.lake) == identity
    loaded.load(run="after")
    loaded.check(8)


def test_another_project_cannot_recover_a_dataset(loaded: Recoverer, tmp_path: Path) -> None:
    loaded.lose_lake(tmp_path)
    dataset = loaded.aep.catalog.require_dataset(loaded.pipeline.aep.dataset)
    loaded.connection = {"extra": {"project_id": 3000002, "region": "us"}}
    with pytest.raises(AnotherSource):
        loaded.recover()
    loaded.aep.catalog.tag_dataset(dataset, {"mixpanel-aep/source": ["us/3000002"]})
    with pytest.raises(AnotherSource, match=r"Batch \w+ .* contains events of Mixpanel project eu/3000001"):
        loaded.recover()
    written = [key for key in loaded.lake.keys("_histories") if "taken-over" not in key]
    assert (written, read_lake_id(loaded.lake)) == ([], None)


@pytest.mark.parametrize("status", ["loading", "staging", "an unknown word"])
def test_a_day_with_an_undecided_batch_is_refused_and_the_others_are_recovered(
    loaded: Recoverer, tmp_path: Path, status: str
) -> None:
    other = date(2026, 7, 2)
    batches = loaded.aep.batches
    batch = batches.create(loaded.dataset_id, "json", f"mixpanel-aep-hostile-{other}-{'a' * 16}-1")
    if status != "loading":
        plan = {"outcome": "status", "status": status}
        loaded.post("/aep/settings", {"next_batches": [plan]})
        batches.complete(batch)
    loaded.lose_lake(tmp_path)
    found = loaded.recover()
    assert list(found.written) == [DAY]
    assert f"batch {batch} of the day as {status}" in found.refused[other]
    loaded.load(run="after")
    loaded.check(8)


def test_a_day_whose_ledger_contradicts_aep_is_refused(loaded: Recoverer) -> None:
    batch = loaded.records(DAY)[-1].batch
    loaded.post(f"/aep/batches/{batch}", {"vanished": True})
    loaded.add_batch(f"mixpanel-aep-hostile-{DAY}-{'b' * 16}-1", [row("f" * 64, NOON)])
    found = loaded.recover()
    assert (found.written, "does not" in found.refused[DAY]) == ({}, True)


def test_lost_ids_are_read_back_from_aep(loaded: Recoverer, tmp_path: Path) -> None:
    ids = loaded.records(DAY)[-1].ids
    assert ids is not None
    (tmp_path / "lake" / ids.key).unlink()
    loaded.late("late-1")
    with pytest.raises(BadManifest, match="recover hostile 2026-07-01"):
        loaded.load(run="before", refresh="before")
    assert list(loaded.recover([DAY]).written) == [DAY]
    loaded.load(run="after", refresh="after")
    loaded.check(9)


def test_only_active_batches_of_a_replaced_day_are_recovered(loaded: Recoverer, tmp_path: Path) -> None:
    loaded.late("late-1")
    staged = loaded.stage(DAY, "replace", replace=True)
    (batch,) = loaded.ingest(DAY, staged, "replace", replace=True).batches
    copy = shutil.copytree(tmp_path / "lake", tmp_path / "copy")
    loaded.lose_lake(tmp_path)
    assert loaded.recover().written == {DAY: [batch]}
    loaded.load(run="after", refresh="after")
    loaded.check(9)
    assert copy.is_dir()


def test_a_copy_from_before_a_replacement_gets_the_replacement(loaded: Recoverer, tmp_path: Path) -> None:
    first = loaded.records(DAY)[-1].batch
    shutil.copytree(tmp_path / "lake", tmp_path / "copy")
    loaded.late("late-1")
    staged = loaded.stage(DAY, "replace", replace=True)
    (batch,) = loaded.ingest(DAY, staged, "replace", replace=True).batches
    shutil.rmtree(tmp_path / "lake")
    (tmp_path / "copy").rename(tmp_path / "lake")
    found = loaded.recover()
    assert (found.ended, found.written) == ({DAY: [first]}, {DAY: [batch]})
    loaded.load(run="after", refresh="after")
    loaded.check(9)


def test_rows_missing_in_the_data_lake_are_not_assumed_unloaded(
    loaded: Recoverer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With too few ids in the ledger a run would load the others a second time."""
    from include.aep.data_lake import QueryServiceReader

    real = QueryServiceReader.ids

    def fewer(self: QueryServiceReader, *arguments: Any, **more: Any) -> Any:
        return list(real(self, *arguments, **more))[:-1].__iter__()

    loaded.lose_lake(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(QueryServiceReader, "ids", fewer)
        found = loaded.recover()
    assert "AEP counts 8 rows in batch" in found.refused[DAY]
    assert loaded.records(DAY) == []
    loaded.recover()
    loaded.load(run="after")
    loaded.check(8)

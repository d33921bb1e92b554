"""Recover rebuilds a lost lake from AEP; adopt and release write a person's decision into a ledger."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Literal

import pytest

from include.aep.batches import Batches
from include.errors import (
    AmendmentRefused,
    AnotherSource,
    BadManifest,
    BatchUnconfirmed,
    Conflict,
    ForeignLake,
    UnknownBatch,
)
from include.lake.lake import Lake
from include.lake.lake_id import ensure_lake_id, read_lake_id
from include.lake.ledger import Ledger
from include.steps.history.open_history import open_history
from include.steps.recover import AepIds, Recovery, Writer, adopt, recover, release
from scripts.demo.evidence import Sandbox
from tests.steps.verify.test_verify import DAY, NOON, Verifier, row
from tests.support.pipeline_runner import PIPELINES, loaded_sandbox

pytestmark = pytest.mark.sandbox
DAYS = (date(2026, 6, 30), DAY, date(2026, 7, 2))
Reader = Literal["query_service", "data_access"]


class Recoverer(Verifier):
    """A pipeline whose lake is lost."""

    def recover(self, days: Sequence[date] | None = None, reader: Reader = "query_service") -> Recovery:
        aep = self.aep
        opened = open_history(self.lake, self.pipeline, aep, self.source, any_lake=True, all_days=True)
        with aep.lake_reader(reader) as found:
            return recover(opened.history, opened.dataset, found, aep, self.pipeline, days, self.clock)

    def adopt(self, batch: str, day: date = DAY) -> int:
        return len(self._amend(adopt, batch, day))

    def release(self, batch: str, day: date = DAY) -> Any:
        return self._amend(release, batch, day)

    def _amend(self, change: Any, batch: str, day: date) -> Any:
        aep = self.aep
        opened = open_history(self.lake, self.pipeline, aep, self.source, day)
        with aep.lake_reader() as reader:
            writer = Writer("test/me@here", "because")
            ids = AepIds(opened.history, opened.dataset, reader, self.pipeline, self.clock, writer)
            return change(ids, aep, day, batch)

    def lose_lake(self, tmp_path: Path) -> None:
        """Replace the lost folder by a new one."""
        shutil.rmtree(tmp_path / "lake")
        self.lake = Lake(f"file://{tmp_path}/lake")

    def active(self) -> list[str]:
        return [key for key, _ in Sandbox(self.url).active(self.pipeline.aep.dataset)]

    def late(self, name: str, day: date = DAY) -> None:
        """Add an event that Mixpanel gets after its day was loaded."""
        self.add_event(name, int(NOON.replace(month=day.month, day=day.day).timestamp()))

    def check(self, ids: int) -> None:
        """Assert that AEP holds so many ids, each once, as the ledgers say."""
        assert (len(self.active()), len(set(self.active()))) == (ids, ids)
        found = self.verify()
        found.require_equal()
        assert found.counts["ids"] == ids


@pytest.fixture
def loaded(tmp_path: Path) -> Iterator[Recoverer]:
    with loaded_sandbox(tmp_path, DAY) as server:
        yield Recoverer(server.url, Lake(f"file://{tmp_path}/lake"), PIPELINES["hostile"])


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


def test_two_writers_cannot_write_one_ledger(loaded: Recoverer, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = loaded.add_batch(f"mixpanel-aep-hostile-{DAY}-{'b' * 16}-1", [row("f" * 64, NOON)])
    read = AepIds._read

    def read_while_a_run_writes(self: AepIds, *arguments: Any) -> int:
        monkeypatch.setattr(AepIds, "_read", read)
        ledger = loaded.history(DAY).ledger(DAY)
        ledger.append(ledger.records(), "claimed", run="a run", at="now", content="", staged="")
        return read(self, *arguments)

    monkeypatch.setattr(AepIds, "_read", read_while_a_run_writes)
    with pytest.raises(Conflict):
        loaded.adopt(batch)
    assert loaded.adopt(batch) == 4
    loaded.check(9)


def test_an_adopted_batch_is_excluded_from_the_next_load(loaded: Recoverer) -> None:
    loaded.late("late-1")
    mapped = loaded.transform(DAY, loaded.export(DAY, "look"))
    staged = loaded.steps(DAY, refresh="look").stage(loaded.steps(DAY).validate(mapped))
    (file,) = staged.files
    import pyarrow.parquet as pq

    (late,) = pq.read_table(Path(loaded.lake.url.removeprefix("file://")) / file.key)["_id"].to_pylist()
    batch = loaded.add_batch(f"mixpanel-aep-other-{DAY}-{'b' * 16}-1", [row(late, NOON)])
    with pytest.raises(UnknownBatch, match=f"{batch}.*ledger adopt hostile {DAY} --batch {batch} --why TEXT"):
        loaded.load(run="before", refresh="look")
    assert loaded.adopt(batch) == 4
    assert loaded.adopt(batch) == 0
    loaded.load(run="after", refresh="look")
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


def dies(*_: Any) -> None:
    raise KeyboardInterrupt


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

"""Verify compares AEP's data lake with the ledger, as sets of ids, day by day."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from include.aep.data_lake.query_connection import QueryLimits
from include.aep.load_id import RECIPE_TAG
from include.errors import QueryServiceBusy, VerificationFailed
from include.lake.lake import Lake
from include.steps.history.id_sets import insert_ids
from include.steps.history.open_history import open_history
from include.steps.verify import Verification, verify
from include.steps.verify import compare_days as compare
from include.steps.verify.verified_days import VerifiedDay, days_to_verify, read_verified
from tests.support.pipeline_runner import PIPELINES, PipelineRunner, loaded_sandbox

pytestmark = pytest.mark.sandbox
DAY = date(2026, 7, 1)
DAYS = (date(2026, 6, 30), DAY, date(2026, 7, 2))


class Verifier(PipelineRunner):
    """A pipeline whose days are loaded and then compared."""

    def load(self, *days: date, run: str = "run", refresh: str | None = None) -> None:
        for day in days or (DAY,):
            self.ingest(day, self.stage(day, refresh), run)

    def verify(
        self,
        days: Sequence[date] | None = None,
        reader: Literal["query_service", "data_access"] = "query_service",
        limits: QueryLimits | None = None,
        **more: Any,
    ) -> Verification:
        aep = self.aep
        opened = open_history(self.lake, self.pipeline, aep, self.source, all_days=True)
        with aep.lake_reader(reader, limits) as found:
            return verify(opened.history, opened.dataset, found, aep, self.pipeline, days, self.clock, **more)

    @property
    def dataset_id(self) -> str:
        return self.aep.catalog.require_dataset(self.pipeline.aep.dataset)["id"]

    def post(self, path: str, body: Any) -> None:
        requests.post(f"{self.url}/_sandbox{path}", json=body, timeout=20).raise_for_status()

    def add_batch(self, external_id: str, rows: list[dict[str, Any]], recipe: int = 2) -> str:
        """Add a batch of another installation or person."""
        batches, dataset = self.aep.batches, self.dataset_id
        batch = batches.create(dataset, "json", external_id, {RECIPE_TAG: [str(recipe)]})
        body = b"".join(json.dumps(row).encode() + b"\n" for row in rows)

        def opened() -> Any:
            import io

            return io.BytesIO(body)

        batches.upload(batch, dataset, "rows.json", opened, len(body))
        batches.complete(batch)
        found = self.aep.batches.find(batch)
        assert found is not None
        assert found.status == "success", found
        return batch

    def add_event(self, name: str, seconds: int) -> None:
        """Add an event that reaches Mixpanel after its day was loaded."""
        properties = {"time": seconds, "distinct_id": "late", "$insert_id": name}
        body = {"events": [{"event": "Late", "properties": properties, "processed_at": 1_783_000_000_000}]}
        self.post(f"/mixpanel/projects/{self.project_id}/events", body)

    def ids(self, day: date = DAY) -> list[str]:
        """Return the ids of the day's staged rows."""
        from scripts.demo.evidence import Sandbox

        batches = {record.batch for record in self.records(day)}
        return [key for key, batch in Sandbox(self.url).active(self.pipeline.aep.dataset) if batch in batches]


@pytest.fixture
def loaded(tmp_path: Path) -> Iterator[Verifier]:
    """Load the hostile project's day."""
    with loaded_sandbox(tmp_path, DAY) as server:
        yield Verifier(server.url, Lake(f"file://{tmp_path}/lake"), PIPELINES["hostile"])


def row(key: str, moment: datetime) -> dict[str, Any]:
    return {"_id": key, "timestamp": moment.isoformat().replace("+00:00", "Z")}


NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
OURS = f"mixpanel-aep-hostile-{DAY}-{'a' * 16}-1"


@pytest.mark.parametrize("reader", ["query_service", "data_access"])
def test_a_day_held_by_aep_as_loaded_is_equal(loaded: Verifier, reader: Any) -> None:
    found = loaded.verify(reader=reader)
    assert str(found) == "verify: 1 partitions, 8 ids, lost 0, duplicate 0, phantom 0"
    found.require_equal()


@pytest.mark.parametrize("reader", ["query_service", "data_access"])
def test_rows_of_a_batch_unknown_to_the_ledgers_are_found_with_their_batch(
    loaded: Verifier, reader: Any
) -> None:
    twice = loaded.ids()[:3]
    batch = loaded.add_batch(OURS, [row(key, NOON) for key in [*twice, "f" * 64, "0" * 64]])
    (found,) = loaded.verify([DAY], reader).days
    assert (found.lost, found.duplicate, found.phantom) == (0, 3, 2)
    assert found.strays == {batch: 5}
    with pytest.raises(
        VerificationFailed, match=rf"duplicate 3, phantom 2; surplus rows in batch {batch} \(5\)"
    ):
        loaded.verify().require_equal()


@pytest.mark.parametrize("reader", ["query_service", "data_access"])
def test_rows_that_aep_no_longer_holds_are_lost(loaded: Verifier, reader: Any) -> None:
    (batch,) = {record.batch for record in loaded.records(DAY) if record.batch}
    loaded.aep.batches.revert(str(batch))
    (found,) = loaded.verify(reader=reader).days
    assert (found.ids, found.lost, found.duplicate, found.phantom) == (8, 8, 0, 0)
    assert found.lost_from == {batch: 8}


@pytest.mark.parametrize("reader", ["query_service", "data_access"])
def test_rows_of_other_producers_are_excluded_and_counted(loaded: Verifier, reader: Any) -> None:
    loaded.add_batch("their own name", [row(key, NOON) for key in ["e" * 64, loaded.ids()[0]]])
    found = loaded.verify(reader=reader)
    found.require_equal()
    assert found.others == 2


def test_late_rows_in_a_separate_batch_are_equal(loaded: Verifier) -> None:
    loaded.add_event("late-1", int(NOON.timestamp()))
    loaded.load(run="again", refresh="again")
    assert str(loaded.verify()) == "verify: 1 partitions, 9 ids, lost 0, duplicate 0, phantom 0"


def test_a_row_repeated_by_a_batch_of_another_day_is_a_duplicate(loaded: Verifier) -> None:
    """Fingerprints use timestamps and the ledger batches: both days differ, and the row counts on its own day."""
    later = loaded.add_batch(OURS.replace(str(DAY), "2026-07-02"), [row(loaded.ids()[0], NOON)])
    found = {result.day: result for result in loaded.verify().days}
    assert (found[DAY].lost, found[DAY].duplicate, found[DAY].phantom) == (0, 1, 0)
    assert found[DAY].strays == {later: 1}
    other = found[date(2026, 7, 2)]
    assert (other.lost, other.duplicate, other.phantom) == (0, 0, 1)


def test_rows_far_from_their_day_are_found_by_their_batch(loaded: Verifier) -> None:
    batch = loaded.add_batch(OURS, [row("f" * 64, datetime(2001, 2, 3, tzinfo=UTC))])
    (found,) = loaded.verify([DAY]).days
    assert (found.phantom, found.strays) == (1, {batch: 1})


def test_rows_of_a_batch_of_ours_without_a_day_are_duplicate_or_phantom(loaded: Verifier) -> None:
    batch = loaded.add_batch("mixpanel-aep-", [row(key, NOON) for key in ["f" * 64, *loaded.ids()[:2]]])
    found = loaded.verify()
    assert [(r.day, r.duplicate, r.phantom, dict(r.strays)) for r in found.differing] == [
        (None, 2, 1, {batch: 3})
    ]
    assert (found.counts["partitions"], found.counts["ids"]) == (1, 8)
    with pytest.raises(VerificationFailed) as refused:
        found.require_equal()
    assert refused.value.hint == (
        "A batch without a day cannot be adopted: revert it in AEP. Then run verify again."
    )


def test_an_event_of_a_skipped_hour_belongs_to_the_day_of_its_batch(loaded: Verifier) -> None:
    """In Nuuk 2024-03-30 had no 23:30; such an event happened half an hour into the next day."""
    source = loaded.pipeline.mixpanel.model_copy(
        update={"timezone": "America/Nuuk", "time_is": "project_local"}
    )
    changes = {"mixpanel": source, "start_date": date(2024, 3, 1), "unmapped": "drop"}
    loaded.pipeline = loaded.pipeline.model_copy(update=changes)
    days = (date(2024, 3, 30), date(2024, 3, 31))
    for number, text in enumerate(("2024-03-30T23:30", "2024-03-30T12:00", "2024-03-31T00:30")):
        wall = datetime.fromisoformat(f"{text}+00:00")
        loaded.add_event(f"gap-{number}", int(wall.timestamp()))
    loaded.load(*days, run="gap", refresh="gap")
    found = loaded.verify(days)
    assert [result.ids for result in found.days] == [2, 1]
    found.require_equal()


def test_a_load_without_a_file_of_ids_is_compared_by_its_staged_rows(loaded: Verifier) -> None:
    """Version 1 of the ledger had none."""
    ledger = loaded.history(DAY).ledger(DAY)
    for record in ledger.records():
        old = record.model_copy(update={"ids": None, "version": 1})
        loaded.lake.replace(ledger.key(record.number), old.model_dump_json().encode())
    assert str(loaded.verify()) == "verify: 1 partitions, 8 ids, lost 0, duplicate 0, phantom 0"


def test_a_day_with_lost_ids_is_red_and_names_the_remedy(loaded: Verifier) -> None:
    ids = loaded.records(DAY)[-1].ids
    assert ids is not None
    (Path(loaded.lake.url.removeprefix("file://")) / ids.key).unlink()
    with pytest.raises(VerificationFailed, match=r"not compared.*recover hostile 2026-07-01"):
        loaded.verify().require_equal()


def test_a_day_that_is_being_loaded_is_not_a_difference(
    loaded: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run has not recorded yet that its batch is active."""
    loaded.add_event("late-1", int(NOON.timestamp()))
    staged = loaded.stage(DAY, "again")

    def dies(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("include.steps.ingest.step.record_active", dies)
        with pytest.raises(KeyboardInterrupt):
            loaded.ingest(DAY, staged, "again")
    found = loaded.verify()
    assert (found.postponed, found.is_verified) == ((DAY,), False)
    assert str(found) == f"verify: not verified: runs are loading {DAY} now"
    loaded.ingest(DAY, staged, "again")
    assert loaded.verify().counts["ids"] == 9


def test_a_day_that_changes_during_the_comparison_is_not_a_difference(
    loaded: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run begins after the ledger was read, and ends before AEP's data lake is read."""
    from include.aep.data_lake import QueryServiceReader

    real = QueryServiceReader.fingerprints_of

    def late(self: QueryServiceReader, *arguments: Any, **more: Any) -> Any:
        if loaded.records(DAY)[-1].run == "test/run":
            loaded.add_event("late-1", int(NOON.timestamp()))
            loaded.add_batch(OURS, [row("f" * 64, NOON)])
            loaded.history(DAY).ledger(DAY).append(
                loaded.records(DAY), "claimed", run="another", at="now", content="", staged=""
            )
        more["batches"] = None
        return real(self, *arguments, **more)

    monkeypatch.setattr(QueryServiceReader, "fingerprints_of", late)
    found = loaded.verify()
    assert (found.days, found.postponed) == ((), (DAY,))


@pytest.mark.parametrize(
    ("setting", "reason"), [("query_permission", "Manage Queries"), ("query_licence", "licence")]
)
def test_without_permission_or_licence_verify_is_neither_green_nor_red(
    loaded: Verifier, setting: str, reason: str
) -> None:
    loaded.aep.batches.revert(str(loaded.records(DAY)[-1].batch))
    loaded.post("/aep/settings", {setting: "missing"})
    found = loaded.verify()
    assert (found.is_verified, found.is_busy, found.left) == (False, False, 1)
    assert reason in str(found)
    assert read_verified(loaded.history(DAY)) == {}
    assert loaded.verify(reader="data_access").counts["lost"] == 8


def test_a_busy_query_service_keeps_earlier_results(
    loaded: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, day in enumerate((20, 30)):
        loaded.add_event(f"busy-{number}", int(NOON.replace(month=6, day=day).timestamp()))
    loaded.load(date(2026, 6, 20), date(2026, 6, 30))
    from include.aep.data_lake import QueryServiceReader

    asked: list[int] = []
    real = QueryServiceReader.fingerprints_of

    def busy(self: QueryServiceReader, dataset: Any, windows: Any, **more: Any) -> Any:
        asked.append(len(windows))
        if len(asked) > 1:
            raise QueryServiceBusy("Query Service has no free session.", "Later.")
        return real(self, dataset, windows, **more)

    monkeypatch.setattr(QueryServiceReader, "fingerprints_of", busy)
    found = loaded.verify()
    assert (found.is_verified, found.is_busy, found.left) == (True, True, 2)
    assert list(read_verified(loaded.history(DAY))) == [date(2026, 6, 20)]
    # The two days of the second query were requested individually because a query of fewer days takes less time.
    assert asked == [1, 2, 1]


def test_days_of_a_query_that_takes_too_long_are_all_compared_by_shorter_queries(
    loaded: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded.add_event("june-30", int(NOON.replace(month=6, day=30).timestamp()))
    loaded.load(date(2026, 6, 30))
    from include.aep.data_lake import QueryServiceReader

    real = QueryServiceReader.fingerprints_of

    def busy(self: QueryServiceReader, dataset: Any, windows: Any, **more: Any) -> Any:
        if len(windows) > 1:
            raise QueryServiceBusy("The query took too long.", "Later.")
        return real(self, dataset, windows, **more)

    monkeypatch.setattr(QueryServiceReader, "fingerprints_of", busy)
    progress: list[tuple[int, int]] = []
    found = loaded.verify(on_progress=lambda done, count: progress.append((done, count)))
    assert [result.day for result in found.days] == [date(2026, 6, 30), DAY]
    assert (found.is_busy, found.left, progress) == (False, 0, [(1, 2), (2, 2)])


def test_changed_days_come_first_and_the_budget_ends_a_run(loaded: Verifier) -> None:
    days = [date(2026, 6, 10), date(2026, 6, 20), DAY]
    loaded.load(*days[:2])
    assert [result.day for result in loaded.verify(budget_seconds=3600).days] == days
    assert [result.day for result in loaded.verify(budget_seconds=0).days] == days[:1]
    loaded.add_event("late-1", int(NOON.timestamp()))
    loaded.load(run="again", refresh="again")
    found = loaded.verify(budget_seconds=0)
    assert ([result.day for result in found.days], found.left) == ([DAY], 2)


def test_a_day_that_differed_is_compared_again_each_time(loaded: Verifier) -> None:
    loaded.load(date(2026, 6, 20))
    batch = loaded.add_batch(OURS, [row("f" * 64, NOON)])
    assert loaded.verify().differing
    assert [result.day for result in loaded.verify(budget_seconds=0).days] == [DAY]
    loaded.aep.batches.revert(batch)
    loaded.verify().require_equal()
    assert read_verified(loaded.history(DAY))[DAY].is_equal


days = st.dates(date(2026, 1, 1), date(2026, 1, 9))


@pytest.mark.unit
@given(st.dictionaries(days, st.integers(0, 3)), st.dictionaries(days, st.integers(0, 3)), st.sets(days))
def test_every_day_gets_its_turn_and_changed_ones_come_first(
    numbers: dict[date, int], verified: dict[date, int], different: set[date]
) -> None:
    known = {
        day: VerifiedDay(f"2026-02-{number + 1:02}", number, lost=int(day in different))
        for day, number in verified.items()
    }
    order = days_to_verify(numbers, known)
    assert sorted(order) == sorted(numbers)
    due = [day not in known or known[day].number != numbers[day] or not known[day].is_equal for day in order]
    assert due == sorted(due, reverse=True)
    rest = [known[day].at for day, is_due in zip(order, due, strict=True) if not is_due]
    assert rest == sorted(rest)


pairs = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("XY")), max_size=8)


@pytest.mark.unit
@given(pairs, pairs, pairs)
@settings(max_examples=60, deadline=None)
def test_the_counts_equal_those_of_the_sets(
    ledger: list[tuple[str, str]], own: list[tuple[str, str]], other: list[tuple[str, str]]
) -> None:
    import duckdb

    with duckdb.connect() as db:
        db.execute(compare._EXPECTED)
        db.execute(compare._ACTUAL)
        db.execute(compare._FORGOTTEN)
        insert_ids(db, "expected", iter(ledger))
        insert_ids(db, "actual", iter(own), "true")
        insert_ids(db, "actual", iter((key, "Z") for key, _ in other), "false")
        found = compare._count_differences(db, DAY, "true")
    wanted, held = {key for key, _ in ledger}, {key for key, _ in own}
    foreign = [key for key, _ in other if key in wanted]
    rows = Counter([key for key, _ in own] + foreign)
    assert found.lost == len(wanted - held - set(foreign))
    assert found.phantom == len(held - wanted)
    assert found.duplicate == sum(count > 1 for count in rows.values())
    # Every surplus row has a batch, and no other row has.
    assert sum(found.strays.values()) == sum(
        count - (key in wanted) for key, count in rows.items() if count > (key in wanted)
    )
    assert (found.lost > 0) == bool(found.lost_from)

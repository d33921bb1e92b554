"""Recover rebuilds a lost lake from AEP; adopt and release write into a ledger what a person has decided."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Literal

import pytest
import requests

from include.demo.evidence import Sandbox
from include.errors import (
    AmendmentRefused,
    AnotherSource,
    BatchUnconfirmed,
    Conflict,
    ForeignLake,
    UnknownBatch,
)
from include.lake.lake import Lake
from include.lake.lake_id import ensure_lake_id, read_lake_id
from include.lake.ledger import Ledger
from include.steps.aep_ids import AepIds, Writer
from include.steps.amend import adopt, release
from include.steps.binding import open_history
from include.steps.recover import Recovery, recover
from tests.steps.test_verify import DAY, Verifier, row, NOON
from tests.carrying import PIPELINES, quick_sandbox

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
        """The folder is gone, and a new one takes its place."""
        shutil.rmtree(tmp_path / "lake")
        self.lake = Lake(f"file://{tmp_path}/lake")

    def active(self) -> list[str]:
        return [key for key, _ in Sandbox(self.url).active(self.pipeline.aep.dataset)]

    def late(self, name: str, seconds: int = 1_782_910_800) -> None:
        """An event that Mixpanel gets after its day was loaded."""
        event = {
            "event": "Late",
            "properties": {"time": seconds, "distinct_id": "late", "$insert_id": name},
            "processed_at": 1_783_000_000_000,
        }
        self.post(f"/mixpanel/projects/{self.project_id}/events", {"events": [event]})


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Recoverer]:
    with quick_sandbox(tmp_path / "sandbox") as server:
        made = Recoverer(server.url, Lake(f"file://{tmp_path}/lake"), PIPELINES["shop"])
        made.setup()
        made.load(*DAYS)
        yield made


@pytest.fixture
def loaded(tmp_path: Path) -> Iterator[Recoverer]:
    with quick_sandbox(tmp_path / "sandbox") as server:
        made = Recoverer(server.url, Lake(f"file://{tmp_path}/lake"), PIPELINES["hostile"])
        made.setup()
        made.load()
        yield made


@pytest.mark.parametrize("reader", ["query_service", "data_access"])
def test_a_lost_lake_is_rebuilt_and_runs_load_exactly_what_is_missing(
    shop: Recoverer, tmp_path: Path, reader: Reader
) -> None:
    before, identity = sorted(shop.active()), read_lake_id(shop.lake)
    shop.lose_lake(tmp_path)
    with pytest.raises(ForeignLake, match="recover"):
        shop.load(run="lost")
    found = shop.recover(reader=reader)
    assert sorted(found.written) == list(DAYS)
    assert (found.refused, found.tagged) == ({}, False)
    assert read_lake_id(shop.lake) == identity
    shop.late("late-1")
    shop.load(*DAYS, run="after", look="after")
    after = shop.active()
    assert len(after) == len(set(after)) == len(before) + 1
    assert set(before) < set(after)
    verified = shop.verify()
    assert verified.counts == {"partitions": 3, "ids": len(after), "lost": 0, "duplicate": 0, "phantom": 0}
    assert {record.run.split("/")[0] for record in shop.records(DAYS[0])} == {"recover"}
    assert all(record.note for record in shop.records(DAYS[0]))

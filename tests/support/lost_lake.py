"""A pipeline whose lake is lost, for the tests of recover, adopt and release."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Literal, TypeVar

from include.aep.client import AepClient
from include.lake.lake import Lake
from include.lake.ledger import LedgerRecord
from include.steps.history.open_history import open_history
from include.steps.recover import AepIds, Recovery, Writer, adopt, recover, release
from scripts.demo.evidence import Sandbox
from tests.steps.verify.test_verify import DAY, NOON, Verifier

Reader = Literal["query_service", "data_access"]
R = TypeVar("R")


class Recoverer(Verifier):
    """Recovers the lake of a pipeline, and changes its ledgers by hand."""

    def recover(self, days: Sequence[date] | None = None, reader: Reader = "query_service") -> Recovery:
        aep = self.aep
        opened = open_history(self.lake, self.pipeline, aep, self.source, any_lake=True, all_days=True)
        with aep.lake_reader(reader) as found:
            return recover(opened.history, opened.dataset, found, aep, self.pipeline, days, self.clock)

    def adopt(self, batch: str, day: date = DAY) -> int:
        return len(self._amend(adopt, batch, day))

    def release(self, batch: str, day: date = DAY) -> LedgerRecord:
        return self._amend(release, batch, day)

    def _amend(self, change: Callable[[AepIds, AepClient, date, str], R], batch: str, day: date) -> R:
        aep = self.aep
        opened = open_history(self.lake, self.pipeline, aep, self.source, day)
        with aep.lake_reader() as reader:
            writer = Writer("test/me@here", "because")
            ids = AepIds(opened.history, opened.dataset, reader, self.pipeline, self.clock, writer)
            return change(ids, aep, day, batch)

    def lose_lake(self, tmp_path: Path) -> None:
        """Remove the folder of the lake, and continue with an empty one."""
        shutil.rmtree(tmp_path / "lake")
        self.lake = Lake(f"file://{tmp_path}/lake")

    def active(self) -> list[str]:
        return [key for key, _ in Sandbox(self.url).active(self.pipeline.aep.dataset)]

    def late(self, name: str, day: date = DAY) -> None:
        """Add an event that Mixpanel gets after its day was loaded."""
        self.add_event(name, int(NOON.replace(month=day.month, day=day.day).timestamp()))

    def check(self, ids: int) -> None:
        """Assert that AEP holds ``ids`` ids, each once, and that the ledgers list the same."""
        assert (len(self.active()), len(set(self.active()))) == (ids, ids)
        found = self.verify()
        found.require_equal()
        assert found.counts["ids"] == ids


def dies(*_: object) -> None:
    raise KeyboardInterrupt

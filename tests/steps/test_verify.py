"""Verify compares what AEP's data lake holds with what the ledger says, as sets of ids, day by day."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
import requests

from include.aep.data_lake.connection import QueryLimits
from include.errors import LakeNotReadable, QueryServiceBusy, VerificationFailed
from include.lake.lake import Lake
from include.steps.binding import open_history
from include.steps.verify import DayResult, Verification, verify
from include.steps.verify.verified import VerifiedDay, days_to_verify, read_verified
from tests.carrying import PIPELINES, Carrier, quick_sandbox

pytestmark = pytest.mark.sandbox
DAY = date(2026, 7, 1)
DAYS = (date(2026, 6, 30), DAY, date(2026, 7, 2))


class Verifier(Carrier):
    """A pipeline whose days are loaded and then compared."""

    def load(self, *days: date, run: str = "run", look: str | None = None) -> None:
        for day in days or (DAY,):
            self.ingest(day, self.stage(day, look), run)

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

    def add_batch(self, external_id: str, rows: list[dict[str, Any]]) -> str:
        """A batch that some other installation, or a person, has loaded."""
        batches, dataset = self.aep.batches, self.dataset_id
        batch = batches.create(dataset, "json", external_id)
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

    def ids(self, day: date = DAY) -> list[str]:
        """The ids of the day's staged rows."""
        from include.demo.evidence import Sandbox

        batches = {record.batch for record in self.records(day)}
        return [key for key, batch in Sandbox(self.url).active(self.pipeline.aep.dataset) if batch in batches]


@pytest.fixture
def loaded(tmp_path: Path) -> Iterator[Verifier]:
    """The hostile project's day, loaded."""
    with quick_sandbox(tmp_path / "sandbox") as server:
        made = Verifier(server.url, Lake(f"file://{tmp_path}/lake"), PIPELINES["hostile"])
        made.setup()
        made.load()
        yield made


def row(key: str, moment: datetime) -> dict[str, Any]:
    return {"_id": key, "timestamp": moment.isoformat().replace("+00:00", "Z")}


NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
OURS = f"mixpanel-aep-hostile-{DAY}-{'a' * 16}-1"


@pytest.mark.parametrize("reader", ["query_service", "data_access"])
def test_a_day_that_aep_holds_as_it_was_loaded_is_equal(loaded: Verifier, reader: Any) -> None:
    found = loaded.verify(reader=reader)
    assert str(found) == "verify: 1 partitions, 8 ids, lost 0, duplicate 0, phantom 0"
    found.require_equal()


@pytest.mark.parametrize("reader", ["query_service", "data_access"])
def test_rows_of_a_batch_that_no_ledger_knows_are_found_with_their_batch(
    loaded: Verifier, reader: Any
) -> None:
    twice = loaded.ids()[:3]
    batch = loaded.add_batch(OURS, [row(key, NOON) for key in [*twice, "f" * 64, "0" * 64]])
    (found,) = loaded.verify([DAY], reader).days
    assert (found.lost, found.duplicate, found.phantom) == (0, 3, 2)
    assert found.strays == {batch: 5}
    with pytest.raises(
        VerificationFailed, match=rf"duplicate 3, phantom 2; rows too many in batch {batch} \(5\)"
    ):
        loaded.verify().require_equal()

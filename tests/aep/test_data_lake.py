"""What AEP's data lake holds is read as it is: over the real wire of the sandbox's Query Service, and by files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.aep.client import AepClient
from include.aep.data_lake import LakeReader, Window, bucket_of
from include.aep.model import Dataset
from include.aep.settings import AepSettings
from include.sandbox.aep.constants import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, DEMO_ORG
from include.sandbox.fixtures import AepSandbox
from include.sandbox.server import SandboxServer
from include.sandbox.store import Store
from include.sandbox.world import Settings, World

pytestmark = pytest.mark.sandbox
DAY = datetime(2026, 7, 1, tzinfo=UTC)
NEXT = DAY + timedelta(days=1)


def event_id(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def row(key: str, moment: datetime = DAY) -> dict[str, Any]:
    return {"_id": key, "timestamp": moment.isoformat()}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServer]:
    world = World(Store(tmp_path_factory.mktemp("sandbox")), Settings(batch_seconds=0.0))
    with SandboxServer(world=world) as running:
        yield running


@pytest.fixture
def sandbox(server: SandboxServer) -> AepSandbox:
    found = AepSandbox(server.url)
    found.reset()
    return found


@pytest.fixture
def client(sandbox: AepSandbox) -> Iterator[AepClient]:
    found = AepClient(
        AepSettings(DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, DEMO_ORG, "prod", sandbox_url=sandbox.url)
    )
    yield found
    found.close()


def dataset_of(
    client: AepClient, sandbox: AepSandbox, *batches: list[dict[str, Any]]
) -> tuple[Dataset, list[str]]:
    key = sandbox.add_dataset("Shop events")
    loaded = [sandbox.load(key, rows) for rows in batches]
    assert [batch["status"] for batch in loaded] == ["success"] * len(batches)
    ids = [batch["id"] for batch in sandbox.batches()]
    return client.catalog.require_dataset("Shop events"), ids


@pytest.fixture(params=["query_service", "data_access"])
def reader(request: pytest.FixtureRequest, client: AepClient) -> Iterator[LakeReader]:
    with client.lake_reader(request.param) as found:
        yield found


def test_a_day_is_what_was_loaded(client: AepClient, sandbox: AepSandbox, reader: LakeReader) -> None:
    mine = [event_id(n) for n in range(300)]
    twice = mine[:20]
    dataset, (first, second) = dataset_of(
        client,
        sandbox,
        [row(key, DAY + timedelta(minutes=n)) for n, key in enumerate(mine)],
        [row(key) for key in twice]
        + [row(event_id(1000), NEXT), row(event_id(1001), DAY - timedelta(seconds=1))],
    )
    assert reader.rows_by_batch(dataset, DAY, NEXT) == {first: 300, second: 20}
    assert reader.fingerprints(dataset, DAY, NEXT) == bucket_of([*mine, *twice])
    assert reader.fingerprints(dataset, DAY, NEXT, batches=[first]) == bucket_of(mine)
    assert reader.fingerprints(dataset, DAY, NEXT, digits=3) == bucket_of([*mine, *twice], digits=3)
    found = list(reader.ids(dataset, DAY, NEXT))
    assert sorted(found) == sorted([(key, first) for key in mine] + [(key, second) for key in twice])
    bucket = mine[0][:2]
    assert sorted(reader.ids(dataset, DAY, NEXT, bucket, batches=[first])) == sorted(
        (key, first) for key in mine if key.startswith(bucket)
    )


def test_several_days_are_read_at_once(client: AepClient, sandbox: AepSandbox, reader: LakeReader) -> None:
    days = {f"day {n}": Window(DAY + timedelta(days=n), DAY + timedelta(days=n + 1)) for n in range(4)}
    dataset, _ = dataset_of(
        client, sandbox, [row(event_id(n), DAY + timedelta(hours=12 * n)) for n in range(6)]
    )
    found = reader.fingerprints_of(dataset, days)
    assert found == {
        "day 0": bucket_of(map(event_id, (0, 1))),
        "day 1": bucket_of(map(event_id, (2, 3))),
        "day 2": bucket_of(map(event_id, (4, 5))),
        "day 3": {},
    }

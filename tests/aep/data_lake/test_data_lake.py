"""Reading AEP's data lake: over the Postgres wire of the sandbox's Query Service, and from files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.aep.client import AepClient
from include.aep.data_lake import EVER, Bucket, DataAccessReader, DataLakeReader, Window, fingerprint_of
from include.aep.data_lake.query_connection import QueryLimits
from include.aep.model import Dataset
from include.aep.settings import AepSettings
from include.errors import LakeNotReadable
from mixpanel_aep_sandbox.aep.core.constants import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, DEMO_ORG
from mixpanel_aep_sandbox.client import AepSandbox
from mixpanel_aep_sandbox.core.server import SandboxServer
from mixpanel_aep_sandbox.core.state import SandboxState, Settings
from mixpanel_aep_sandbox.core.store import Store

pytestmark = pytest.mark.sandbox
DAY = datetime(2026, 7, 1, tzinfo=UTC)
NEXT = DAY + timedelta(days=1)


def event_id(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def row(key: str, moment: datetime = DAY) -> dict[str, Any]:
    return {"_id": key, "timestamp": moment.isoformat()}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServer]:
    state = SandboxState(Store(tmp_path_factory.mktemp("sandbox")), Settings(batch_seconds=0.0))
    with SandboxServer(state=state) as running:
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
def reader(request: pytest.FixtureRequest, client: AepClient) -> Iterator[DataLakeReader]:
    with client.lake_reader(request.param) as found:
        yield found


def test_a_day_equals_what_was_loaded(client: AepClient, sandbox: AepSandbox, reader: DataLakeReader) -> None:
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
    assert reader.fingerprints(dataset, DAY, NEXT) == fingerprint_of([*mine, *twice])
    assert reader.fingerprints(dataset, DAY, NEXT, batches=[first]) == fingerprint_of(mine)
    assert reader.fingerprints(dataset, DAY, NEXT, digits=3) == fingerprint_of([*mine, *twice], digits=3)
    found = list(reader.ids(dataset, DAY, NEXT))
    assert sorted(found) == sorted([(key, first) for key in mine] + [(key, second) for key in twice])
    bucket = mine[0][:2]
    assert sorted(reader.ids(dataset, DAY, NEXT, bucket, batches=[first])) == sorted(
        (key, first) for key in mine if key.startswith(bucket)
    )


def test_several_days_are_read_with_one_query(
    client: AepClient, sandbox: AepSandbox, reader: DataLakeReader
) -> None:
    days = {f"day {n}": Window(DAY + timedelta(days=n), DAY + timedelta(days=n + 1)) for n in range(4)}
    dataset, _ = dataset_of(
        client, sandbox, [row(event_id(n), DAY + timedelta(hours=12 * n)) for n in range(6)]
    )
    found = reader.fingerprints_of(dataset, days)
    assert found == {
        "day 0": fingerprint_of(map(event_id, (0, 1))),
        "day 1": fingerprint_of(map(event_id, (2, 3))),
        "day 2": fingerprint_of(map(event_id, (4, 5))),
        "day 3": {},
    }


ids_of_rows = st.lists(
    st.one_of(
        st.integers(0, 40).map(event_id),
        st.text("0123456789abcdef", min_size=1, max_size=20),
        st.text("0Fz-._~", min_size=1, max_size=20),
    ),
    min_size=1,
    max_size=60,
)


def test_the_local_fingerprint_equals_the_one_in_the_lake(client: AepClient, sandbox: AepSandbox) -> None:
    """For ids of any kind, including duplicates."""
    key = sandbox.add_dataset("Shop events")
    dataset = client.catalog.require_dataset("Shop events")
    with client.lake_reader() as reader:

        @settings(max_examples=12, suppress_health_check=list(HealthCheck))
        @given(ids_of_rows, st.sampled_from([2, 3]))
        def check(keys: list[str], digits: int) -> None:
            done = sandbox.load(key, [row(each) for each in keys])
            assert done["status"] == "success", done
            batch = sandbox.batches()[-1]["id"]
            found = reader.fingerprints(dataset, DAY, NEXT, batches=[batch], digits=digits)
            assert found == fingerprint_of(keys, digits=digits)
            assert sorted(reader.ids(dataset, DAY, NEXT, batches=[batch])) == sorted(
                (each, batch) for each in keys
            )

        check()


@given(ids_of_rows)
def test_ordered_ids_need_no_memory_and_have_the_same_fingerprint(keys: list[str]) -> None:
    assert fingerprint_of(sorted(keys), is_sorted=True) == fingerprint_of(keys)
    assert sum(bucket.rows for bucket in fingerprint_of(keys).values()) == len(keys)
    assert sum(bucket.ids for bucket in fingerprint_of(keys).values()) == len(set(keys))


def test_unordered_ids_are_refused() -> None:
    with pytest.raises(ValueError, match="ascending"):
        fingerprint_of(["b" * 64, "a" * 64], is_sorted=True)


@given(ids_of_rows, st.data())
def test_a_lost_duplicate_or_foreign_row_changes_the_fingerprint(
    keys: list[str], data: st.DataObject
) -> None:
    before = fingerprint_of(keys)
    one = data.draw(st.sampled_from(keys))
    assert fingerprint_of([*keys, one]) != before
    without = list(keys)
    without.remove(one)
    assert fingerprint_of(without) != before
    assert fingerprint_of([*keys, event_id(1000)]) != before


def test_bucket_counts_are_plain_numbers() -> None:
    one, other = "00" + "0" * 11 + "1" + "f" * 50, "00" + "f" * 12 + "0" * 50
    assert fingerprint_of([one, other, other]) == {"00": Bucket(rows=3, ids=2, checksum=1 + 2 * (16**12 - 1))}
    assert fingerprint_of([one, other, other])["00"].duplicates == 1


@pytest.mark.parametrize("most", [2, 7, 100])
def test_every_row_is_listed_although_a_result_is_limited(
    client: AepClient, sandbox: AepSandbox, most: int
) -> None:
    keys = [event_id(n) for n in range(40)] + [event_id(0)]
    dataset, (batch,) = dataset_of(client, sandbox, [row(key) for key in keys])
    with client.lake_reader(limits=QueryLimits(rows=most)) as reader:
        assert sorted(reader.ids(dataset, DAY, NEXT)) == sorted((key, batch) for key in keys)
        buckets = {key[:2] for key in keys[:5]}
        found = sorted(key for key, _ in reader.ids(dataset, DAY, NEXT, buckets))
        assert found == sorted(key for key in keys if key[:2] in buckets)
        assert list(reader.ids(dataset, DAY, NEXT, ())) == []


def test_a_lower_limit_than_documented_is_detected(client: AepClient, sandbox: AepSandbox) -> None:
    """The server truncates without an error: a truncated result is never accepted as complete."""
    keys = [event_id(n) for n in range(200)]
    dataset, (batch,) = dataset_of(client, sandbox, [row(key) for key in keys])
    with client.lake_reader() as reader:
        prefix = keys[0][:1]
        sandbox.settings(query_rows=30)
        assert sorted(reader.ids(dataset, DAY, NEXT, prefix)) == sorted(
            (key, batch) for key in keys if key.startswith(prefix)
        )
        with pytest.raises(LakeNotReadable, match=r"truncated a result of \d+ rows after 30"):
            reader.fingerprints(dataset, DAY, NEXT)
        with pytest.raises(LakeNotReadable, match="truncated a result"):
            list(reader.ids(dataset, DAY, NEXT))


def test_more_rows_of_one_id_than_a_result_allows_are_listed(client: AepClient, sandbox: AepSandbox) -> None:
    keys = [event_id(1)] * 20 + [event_id(2)] * 15
    dataset, (batch,) = dataset_of(client, sandbox, [row(key) for key in keys])
    with client.lake_reader(limits=QueryLimits(rows=10)) as reader:
        assert sorted(reader.ids(dataset, DAY, NEXT)) == sorted((key, batch) for key in keys)


def test_a_long_list_of_batches_is_reduced_to_those_with_rows(client: AepClient, sandbox: AepSandbox) -> None:
    dataset, (first, _) = dataset_of(client, sandbox, [row(event_id(1))], [row(event_id(2))])
    ours = [first, *(f"01{n:024}" for n in range(1000))]
    with client.lake_reader() as reader:
        assert reader.fingerprints(dataset, DAY, NEXT, batches=ours) == fingerprint_of([event_id(1)])
        assert list(reader.ids(dataset, DAY, NEXT, batches=ours)) == [(event_id(1), first)]
        assert reader.fingerprints(dataset, DAY, NEXT, batches=ours[1:]) == {}
        assert reader.fingerprints(dataset, DAY, NEXT, batches=[]) == {}


def test_windows_have_a_zone_and_do_not_overlap(
    reader: DataLakeReader, client: AepClient, sandbox: AepSandbox
) -> None:
    dataset, _ = dataset_of(client, sandbox)
    with pytest.raises(ValueError, match="time zone"):
        Window(datetime(2026, 7, 1), NEXT)
    with pytest.raises(ValueError, match="overlap"):
        reader.fingerprints_of(dataset, {"a": Window(DAY, NEXT), "b": Window(DAY + timedelta(hours=1), NEXT)})


def test_a_day_in_another_zone_is_read_by_its_own_bounds(
    reader: DataLakeReader, client: AepClient, sandbox: AepSandbox
) -> None:
    zone = timezone(timedelta(hours=9))
    start = datetime(2026, 7, 1, tzinfo=zone)
    moments = [
        start - timedelta(milliseconds=1),
        start,
        start + timedelta(days=1, milliseconds=-1),
        start + timedelta(days=1),
    ]
    dataset, _ = dataset_of(client, sandbox, [row(event_id(n), moment) for n, moment in enumerate(moments)])
    found = reader.fingerprints(dataset, start, start + timedelta(days=1))
    assert found == fingerprint_of([event_id(1), event_id(2)])


def test_a_batch_is_read_whatever_its_timestamps(
    reader: DataLakeReader, client: AepClient, sandbox: AepSandbox
) -> None:
    moments = [datetime(1971, 1, 1, tzinfo=UTC), DAY, NEXT]
    rows = [row(event_id(n), moment) for n, moment in enumerate(moments)]
    dataset, (first, _) = dataset_of(client, sandbox, rows, [row(event_id(9))])
    found = reader.ids(dataset, EVER.start, EVER.end, batches=[first])
    assert sorted(found) == sorted((event_id(n), first) for n in range(3))


def test_files_of_a_batch_contain_every_id(client: AepClient, sandbox: AepSandbox) -> None:
    keys = [event_id(n) for n in range(5)]
    _, (batch,) = dataset_of(client, sandbox, [row(key) for key in [*keys, keys[0]]])
    with client.lake_reader("data_access") as reader:
        assert isinstance(reader, DataAccessReader)
        assert list(reader.batch_ids(batch)) == [*keys, keys[0]]

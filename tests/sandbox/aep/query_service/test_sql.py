"""Query Service with a real driver: rows of active batches as tables, functions as in Spark, read-only."""

from __future__ import annotations

import hashlib
import io
import zlib
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import psycopg.sql
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixpanel_aep_sandbox.aep.query_service.functions import conv
from mixpanel_aep_sandbox.client import AepSandbox
from tests.sandbox.aep.query_service.shop_table import NOON, row
from tests.support.sandbox.query_session import Connection, connect

pytestmark = pytest.mark.sandbox


def test_a_table_has_the_unique_name_of_its_dataset(
    aep: AepSandbox, dataset: str, session: Connection
) -> None:
    aep.add_dataset("shop events 2026")
    aep.add_dataset("***")
    cursor = session.execute("show tables")
    assert cursor.description is not None
    assert [each.name for each in cursor.description][:3] == ["name", "dataSetId", "dataSet"]
    found = {table: (key, name) for table, key, name, *_ in cursor}
    assert list(found) == ["dataset", "shop_events_2026", "shop_events_2026_2"]
    assert found["shop_events_2026"] == (dataset, "Shop: Events (2026)")


def test_only_rows_of_active_batches_are_visible(aep: AepSandbox, dataset: str, session: Connection) -> None:
    query = "select _id from shop_events_2026 order by 1"
    assert session.execute(query).fetchall() == []
    first = aep.load(dataset, [row("a"), row("b"), row("c")])
    assert [key for (key,) in session.execute(query)] == ["a", "b", "c"]
    [batch] = [each["id"] for each in aep.batches()]
    assert first["status"] == "success"
    aep.load(dataset, [row("c"), row("d")], replay={"predecessors": [batch], "reason": "replace"})
    assert [key for (key,) in session.execute(query)] == ["c", "d"]
    aep.plan_batches({"outcome": "failed"})
    aep.load(dataset, [row("e")])
    assert [key for (key,) in session.execute(query)] == ["c", "d"]
    aep.control("POST", f"/aep/batches/{aep.batches()[1]['id']}", json={"status": "inactive"})
    assert session.execute(query).fetchall() == []


WHOLE = "select _id, timestamp, eventType from shop_events_2026 order by 1"
NARROW = "select _id, timestamp, null from shop_events_2026 order by 1"
"""The same by way of whole rows, and of ids and times alone."""


@pytest.mark.parametrize(
    "bad", [{"_id": "bad"}, {"_id": "b a d", "timestamp": NOON}], ids=["no time", "odd id"]
)
@pytest.mark.parametrize("query", [WHOLE, NARROW], ids=["whole", "narrow"])
def test_rejected_rows_are_not_visible(
    aep: AepSandbox, dataset: str, session: Connection, query: str, bad: dict[str, Any]
) -> None:
    aep.load(dataset, [row("a"), bad, row("b")], partialIngestionPercent=50)
    assert [key for key, *_ in session.execute(query)] == ["a", "b"]


MOMENTS: list[Any] = [NOON, "2026-07-01T12:00:00.2509Z", "2026-07-01T21:00:00.250+09:00", 1782907200250]


def test_times_of_rows_are_utc_in_milliseconds(aep: AepSandbox, dataset: str, session: Connection) -> None:
    rows = [{"_id": str(n), "timestamp": moment} for n, moment in enumerate(MOMENTS)]
    assert aep.load(dataset, rows)["status"] == "success"
    assert aep.load(dataset, rows[:2])["status"] == "success"
    noon = datetime(2026, 7, 1, 12, 0, 0, 250_000)
    for query in (WHOLE, NARROW):
        assert session.execute(query).fetchall() == [(str(n), noon, None) for n in (0, 0, 1, 1, 2, 3)]


def test_rows_of_parquet_files_are_read_alike(aep: AepSandbox, dataset: str, session: Connection) -> None:
    moments = pa.array([1782907200250, 1782907200251, 1782907200252], pa.timestamp("ms"))
    table = pa.table({"_id": ["a", "b a d", "c"], "timestamp": moments})
    batch = load_parquet(aep, dataset, table)
    assert batch["metrics"]["outputRecordCount"] == 2
    noon = datetime(2026, 7, 1, 12, 0, 0, 250_000)
    for query in (WHOLE, NARROW):
        assert session.execute(query).fetchall() == [
            ("a", noon, None),
            ("c", noon + timedelta(milliseconds=2), None),
        ]


def load_parquet(aep: AepSandbox, dataset: str, table: pa.Table) -> dict[str, Any]:
    wanted = {"datasetId": dataset, "inputFormat": {"format": "parquet"}, "partialIngestionPercent": 50}
    batch = aep.request("POST", "/data/foundation/import/batches", json=wanted).json()["id"]
    base, content = f"/data/foundation/import/batches/{batch}", io.BytesIO()
    pq.write_table(table, content)
    binary = {"Content-Type": "application/octet-stream"}
    aep.request("PUT", f"{base}/datasets/{dataset}/files/a.parquet", data=content.getvalue(), headers=binary)
    aep.request("POST", f"{base}?action=COMPLETE")
    return aep.ended(batch)


def test_columns_are_those_of_the_schema_and_objects_are_structs(
    aep: AepSandbox, dataset: str, session: Connection
) -> None:
    aep.load(dataset, [row("a", plan="paid", tags=["x", "y"])])
    query = "select _id, timestamp, _acmesandbox.plan, _acmesandbox from shop_events_2026"
    found = session.execute(query).fetchone()
    assert found == (
        "a",
        datetime(2026, 7, 1, 12, 0, 0, 250_000),
        "paid",
        '(paid,"{x,y}")',
    )
    cursor = session.execute("select * from shop_events_2026")
    assert cursor.description is not None
    assert [each.name for each in cursor.description][:2] == ["_id", "timestamp"]


def test_the_system_columns_are_hidden_until_the_session_asks_for_them(
    aep: AepSandbox, dataset: str, session: Connection
) -> None:
    aep.load(dataset, [row("a"), row("b")])
    aep.load(dataset, [row("c")])
    one, other = (batch["id"] for batch in aep.batches())
    query = (
        "select _id, _acp_system_metadata.acp_sourceBatchId, _ACP_BATCHID from shop_events_2026 order by 1"
    )
    with pytest.raises(psycopg.Error):
        session.execute(query)
    session.execute("set drop_system_columns=false")
    found = session.execute(query).fetchall()
    assert [each[:2] for each in found] == [("a", one), ("b", one), ("c", other)]
    assert len({each[2] for each in found}) == 2 and not {one, other} & {each[2] for each in found}
    [(metadata,)] = session.execute(
        "select _acp_system_metadata from shop_events_2026 where _id = 'b'"
    ).fetchall()
    parts = metadata.strip("()").split(",")
    assert (parts[0], parts[3:5], parts[6]) == (one, [f"{one}-1;", "1"], "false")
    session.execute("set drop_system_columns=true")
    cursor = session.execute("select * from shop_events_2026")
    assert cursor.description is not None
    assert not [each.name for each in cursor.description if each.name.startswith("_acp")]


def test_source_batches_may_share_a_physical_one(aep: AepSandbox, dataset: str, session: Connection) -> None:
    aep.load(dataset, [row("a")])
    aep.load(dataset, [row("b")])
    aep.settings(query_physical_batches="merged")
    session.execute("set drop_system_columns=false")
    query = "select count(distinct _acp_batchid), count(distinct _acp_system_metadata) from shop_events_2026"
    assert session.execute(query).fetchone() == (1, 2)


def test_an_aep_sandbox_has_its_own_tables(aep: AepSandbox, dataset: str) -> None:
    aep.load(dataset, [row("a")])
    other = AepSandbox(aep.url, "dev")
    with pytest.raises(psycopg.OperationalError, match="No table found for dbName"):
        connect(other)
    other.add_dataset("Shop events 2026")
    with connect(other) as session:
        assert session.execute("select count(*) from shop_events_2026").fetchone() == (0,)
    with pytest.raises(psycopg.OperationalError, match="dbName"):
        connect(aep, dbname="nowhere:all")


FUNCTIONS: list[tuple[str, Any]] = [
    ("conv('ff', 16, 10)", "255"),
    ("conv('FfFfFfFfFfFfFfFf', 16, 10)", str(2**64 - 1)),
    ("conv('1' || repeat('0', 16), 16, 10)", str(2**64 - 1)),
    ("conv('255', 10, 16)", "FF"),
    ("conv('-1', 10, 16)", "F" * 16),
    ("conv('-10', 16, -10)", "-16"),
    ("conv('12xyz', 10, 10)", "12"),
    ("conv('zz', 16, 10)", "0"),
    ("conv('', 16, 10)", None),
    ("conv(null, 16, 10)", None),
    ("substr('Spark SQL', 5)", "k SQL"),
    ("substr('Spark SQL', -3)", "SQL"),
    ("substr('Spark SQL', 0, 3)", "Spa"),
    ("substr('Spark SQL', 5, 1)", "k"),
    ("sha2('Spark', 256)", hashlib.sha256(b"Spark").hexdigest()),
    ("sha2('Spark', 0)", hashlib.sha256(b"Spark").hexdigest()),
    ("sha2('Spark', 512)", hashlib.sha512(b"Spark").hexdigest()),
    ("sha2('Spark', 7)", None),
    ("md5('Spark')", hashlib.md5(b"Spark").hexdigest()),
    ("crc32('Spark')", zlib.crc32(b"Spark")),
    ("date_trunc('MONTH', timestamp '2026-07-15 10:11:12')", datetime(2026, 7, 1)),
    ("from_utc_timestamp('2016-08-31', 'Asia/Seoul')", datetime(2016, 8, 31, 9)),
    ("to_timestamp('2022-07-22')", datetime(2022, 7, 22)),
    ("cast('2026-07-01T00:00:00Z' as timestamp)", datetime(2026, 7, 1)),
]


@pytest.mark.parametrize(("expression", "value"), FUNCTIONS, ids=[each for each, _ in FUNCTIONS])
def test_functions_behave_as_in_spark(session: Connection, expression: str, value: Any) -> None:
    assert session.execute(f"select {expression}").fetchone() == (value,)


def test_sets_and_exact_sums(session: Connection) -> None:
    rows = "(values (1), (2), (2), (null)) t(x)"
    assert session.execute(f"select collect_set(x) from {rows}").fetchone() in (("{1,2}",), ("{2,1}",))
    large = "cast(conv('ffffffffffff', 16, 10) as decimal(38,0))"
    query = f"select sum({large}) from range(100000)"
    assert session.execute(query).fetchone() == (Decimal((2**48 - 1) * 100_000),)


@given(st.integers(0, 2**64 - 1), st.integers(2, 36), st.integers(2, 36))
def test_conv_is_reversible(number: int, base: int, other: int) -> None:
    there = conv(str(number), 10, base)
    assert there is not None and int(there, base) == number
    back = conv(there, base, other)
    assert back is not None and int(back, other) == number


STATES = [
    ("select * from nope", "42P01"),
    ("select nope from shop_events_2026", "58000"),
    ("select nope(1)", "58000"),
    ("selec 1", "42601"),
    ("select 1 +", "42601"),
    ("drop table shop_events_2026", "0A000"),
    ("create table x as select 1", "0A000"),
    ("select 1 limit 100001", "53400"),
    ("set nothing", "42601"),
    ("select * from read_csv('/etc/passwd')", "58000"),
    ("select content from read_text('/etc/passwd')", "58000"),
]


@pytest.mark.parametrize(("query", "state"), STATES, ids=[each for each, _ in STATES])
def test_errors_have_their_documented_state_and_the_session_continues(
    session: Connection, query: str, state: str
) -> None:
    with pytest.raises(psycopg.Error) as caught:
        session.execute(query)
    assert caught.value.sqlstate == state
    assert session.execute("select 1").fetchone() == (1,)


def test_the_table_of_a_new_dataset_appears_after_its_first_batch(
    aep: AepSandbox, dataset: str, session: Connection
) -> None:
    aep.settings(query_table_seconds=60)
    for expected in ("42P01", "42P01"):
        with pytest.raises(psycopg.Error) as missing:
            session.execute("select _id from shop_events_2026")
        assert missing.value.sqlstate == expected
        if not aep.active_ids(dataset):
            aep.load(dataset, [row("a")])
    aep.clock.advance(61)
    assert session.execute("select _id from shop_events_2026").fetchall() == [("a",)]

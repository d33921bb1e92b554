"""Parquet: columns are a subset of the schema with compatible types, and a null is a missing field."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mixpanel_aep_sandbox.aep.core.constants import EXPORT
from tests.support.sandbox.aep_app import AepApp, aep_app

pytestmark = pytest.mark.sandbox
MOMENT = pa.timestamp("ms", tz="UTC")
BASE = {"_id": pa.string(), "timestamp": MOMENT}
MOMENT_MS = 1714557600123


@pytest.fixture(scope="module")
def aep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AepApp]:
    with aep_app(tmp_path_factory.mktemp("sandbox")) as caller:
        yield caller


@pytest.fixture
def dataset(aep: AepApp) -> str:
    return aep.ready()


def tenant(**fields: Any) -> dict[str, Any]:
    return {**BASE, "_acmesandbox": pa.struct(list(fields.items()))}


def event(key: str = "1", **fields: Any) -> dict[str, Any]:
    return {"_id": f"id{key}", "timestamp": MOMENT_MS, "_acmesandbox": fields}


def parquet(types: dict[str, Any], *rows: dict[str, Any], **options: Any) -> bytes:
    file = io.BytesIO()
    table = pa.Table.from_pylist(list(rows), schema=pa.schema(list(types.items())))
    pq.write_table(table, file, **options)
    return file.getvalue()


def load(aep: AepApp, dataset: str, content: bytes, **more: Any) -> dict[str, Any]:
    return aep.load(dataset, content, "parquet", **more)


def test_every_documented_type(aep: AepApp, dataset: str) -> None:
    identities = pa.map_(pa.string(), pa.list_(pa.struct([("id", pa.string()), ("primary", pa.bool_())])))
    types = tenant(
        distinctId=pa.string(),
        count=pa.int64(),
        small=pa.int32(),
        price=pa.float64(),
        paid=pa.bool_(),
        seen=MOMENT,
        day=pa.date32(),
        tags=pa.list_(pa.string()),
        labels=pa.map_(pa.string(), pa.string()),
        place=pa.struct([("city", pa.string()), ("zip", pa.string())]),
    )
    types["identityMap"] = identities
    full = event(
        distinctId="x", count=5, small=6, price=1.5, paid=True, seen=MOMENT_MS, day=19844,
        tags=["a"], labels=[("k", "v")], place={"city": "Rome", "zip": None},
    )  # fmt: skip
    full["identityMap"] = [("Email", [{"id": "a", "primary": True}])]
    nothing = {"_id": "id2", "timestamp": MOMENT_MS}
    body = load(aep, dataset, parquet(types, full, nothing))
    assert (body["status"], body["metrics"]["outputRecordCount"]) == ("success", 2)
    moment = "2024-05-01T10:00:00.123Z"
    assert aep.rows(dataset) == [
        {
            "_id": "id1",
            "timestamp": moment,
            "identityMap": {"Email": [{"id": "a", "primary": True}]},
            "_acmesandbox": {
                "distinctId": "x", "count": 5, "small": 6, "price": 1.5, "paid": True, "seen": moment,
                "day": "2024-05-01", "tags": ["a"], "labels": {"k": "v"}, "place": {"city": "Rome"},
            },
        },
        {"_id": "id2", "timestamp": moment},
    ]  # fmt: skip
    assert aep.active(dataset) == ["id1", "id2"]


@pytest.mark.parametrize(
    ("name", "kind", "fits"),
    [
        ("distinctId", pa.large_string(), True),
        ("distinctId", pa.dictionary(pa.int32(), pa.string()), True),
        ("distinctId", pa.int64(), True),
        ("distinctId", pa.float64(), True),
        ("distinctId", pa.bool_(), False),
        ("distinctId", pa.binary(), False),
        ("distinctId", MOMENT, False),
        ("distinctId", pa.list_(pa.string()), False),
        ("count", pa.int16(), True),
        ("count", pa.uint64(), True),
        ("count", pa.string(), True),
        ("count", pa.float32(), True),
        ("count", pa.decimal128(10, 2), False),
        ("price", pa.int32(), True),
        ("paid", pa.string(), False),
        ("paid", pa.int32(), False),
        ("seen", pa.timestamp("ms"), True),
        ("seen", pa.timestamp("us", tz="UTC"), False),
        ("seen", pa.timestamp("ns"), False),
        ("seen", pa.int64(), True),
        ("seen", pa.int32(), False),
        ("seen", pa.float64(), False),
        ("seen", pa.date32(), False),
        ("seen", pa.string(), True),
        ("day", pa.int64(), True),
        ("day", MOMENT, False),
        ("tags", pa.list_(pa.bool_()), False),
        ("tags", pa.string(), False),
        ("labels", pa.struct([("k", pa.string())]), True),
        ("labels", pa.map_(pa.string(), pa.int64()), True),
        ("labels", pa.map_(pa.int32(), pa.string()), False),
        ("labels", pa.map_(pa.string(), pa.bool_()), False),
        ("place", pa.map_(pa.string(), pa.string()), True),
        ("place", pa.map_(pa.string(), pa.bool_()), False),
        ("place", pa.map_(pa.int32(), pa.string()), False),
        ("place", pa.struct([("town", pa.string())]), False),
        ("place", pa.string(), False),
        ("nowhere", pa.string(), False),
        ("distinctId", pa.null(), True),
    ],
)
def test_types_of_columns(aep: AepApp, dataset: str, name: str, kind: Any, fits: bool) -> None:
    body = load(aep, dataset, parquet(tenant(**{name: kind}), event()), partialIngestionPercent=100)
    if fits:
        assert (body["status"], aep.active(dataset)) == ("success", ["id1"])
    else:
        (error,) = body["errors"]
        assert (body["status"], error["code"]) == ("failed", "INGEST-1554-400")
        assert error["description"].startswith("TypeCompatibilityException") and name in error["description"]


def test_a_map_is_converted_to_an_object(aep: AepApp, dataset: str) -> None:
    types = tenant(place=pa.map_(pa.string(), pa.int64()))
    rows = [
        event("1", place={"city": 1, "zip": 2}),
        event("2", place={"city": 3, "street": 4}),
        event("3", place={"zip": 5}),
        event("4"),
        event("5", place={}),
    ]
    body = load(aep, dataset, parquet(types, *rows), partialIngestionPercent=40)
    counts = {error["code"]: error.get("recordCount") for error in body["errors"]}
    assert (counts["INGEST-1555-400"], counts["INGEST-1554-400"]) == (1, 1), "a missing and an unknown key"
    kept = {row["_id"]: row.get("_acmesandbox") for row in aep.rows(dataset)}
    assert kept == {
        "id1": {"place": {"city": "1", "zip": "2"}},
        "id4": None,
        "id5": None,
    }
    (file,) = aep.ok("GET", f"{EXPORT}/batches/{body['id']}/files")["data"]
    assert file["records"] == "3"


def test_a_column_outside_the_schema(aep: AepApp, dataset: str) -> None:
    body = load(aep, dataset, parquet({**BASE, "extra": pa.string()}, event()), partialIngestionPercent=100)
    assert body["status"] == "failed" and "extra" in body["errors"][0]["description"]


@pytest.mark.parametrize("content", [b"PAR1", b'{"_id": "a"}\n', b"PAR1" + b"x" * 100 + b"PAR1"])
def test_a_file_that_is_not_parquet(aep: AepApp, dataset: str, content: bytes) -> None:
    body = load(aep, dataset, content, partialIngestionPercent=100)
    assert (body["status"], body["errors"][0]["code"]) == ("failed", "INGEST-1401-400")


def test_no_rows_is_empty(aep: AepApp, dataset: str) -> None:
    assert load(aep, dataset, parquet(BASE))["errors"][0]["code"] == "106"


def test_bad_rows(aep: AepApp, dataset: str) -> None:
    types = tenant(plan=pa.string(), count=pa.string(), tags=pa.list_(pa.string()), price=pa.float64())
    rows = [
        event("good", plan="free", count="5", tags=["a"]),
        {"_id": None, "timestamp": MOMENT_MS},
        {"_id": "no-time"},
        {"_id": "future", "timestamp": 32472144000000},
        {"_id": "", "timestamp": MOMENT_MS},
        event("enum", plan="gold"),
        event("empty", plan=""),
        event("number", count="x"),
        event("list", tags=[]),
        event("item", tags=["a", None]),
        event("nan", price=float("nan")),
        event("also-good"),
    ]
    body = load(aep, dataset, parquet(types, *rows), partialIngestionPercent=100)
    assert (body["status"], aep.active(dataset)) == ("success", ["idgood", "idalso-good"])
    assert [kept["_id"] for kept in aep.rows(dataset)] == ["idgood", "idalso-good"]
    counts = {error["code"]: error.get("recordCount") for error in body["errors"]}
    assert (counts["INGEST-1555-400"], counts["INGEST-1554-400"]) == (2, 8)


def test_a_missing_required_column(aep: AepApp, dataset: str) -> None:
    body = load(
        aep, dataset, parquet({"_id": pa.string()}, {"_id": "a"}, {"_id": "b"}), partialIngestionPercent=100
    )
    assert (body["metrics"]["failedRecordCount"], aep.active(dataset)) == (2, [])


def test_more_rows_than_a_record_batch(aep: AepApp, dataset: str) -> None:
    rows = [event(str(n), plan="gold" if n % 1000 == 999 else "free") for n in range(20_000)]
    content = parquet(tenant(plan=pa.string()), *rows, row_group_size=7000)
    body = load(aep, dataset, content, partialIngestionPercent=1)
    assert (body["status"], body["metrics"]["failedRecordCount"]) == ("success", 20)
    assert aep.active(dataset) == [f"id{n}" for n in range(20_000) if n % 1000 != 999]

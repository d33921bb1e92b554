"""Parquet in AEP's form is written, and other forms are recognised."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.xdm.convert.aep_parquet import AepParquetWriter, aep_schema, has_aep_form, parquet_reader
from tests.support.builders import instants

pytestmark = pytest.mark.unit
ROWS = pa.table({
    "_id": ["a", "b"],
    "timestamp": pa.array(instants(2), pa.timestamp("us", "UTC")),
    "tags": pa.array([["x"], None], pa.list_(pa.string())),
    "cart": pa.array([[{"at": instants(1)[0]}], []], pa.list_(pa.struct([("at", pa.timestamp("us", "UTC"))]))),
    "prices": pa.array([[("NOK", 5)], None], pa.map_(pa.string(), pa.int64())),
})  # fmt: skip
IN_FORM = ROWS.cast(aep_schema(ROWS.schema))


def written(path: Path, table: pa.Table = IN_FORM, **more: Any) -> pq.ParquetFile:
    pq.write_table(table, path, **{"compression": "snappy", "store_schema": False, **more})
    return pq.ParquetFile(path)


def test_the_writer_writes_aeps_form_with_the_same_rows(tmp_path: Path) -> None:
    writer = AepParquetWriter(tmp_path / "a.parquet", ROWS.schema)
    writer.write(ROWS)
    writer.close()
    file = pq.ParquetFile(tmp_path / "a.parquet")
    assert has_aep_form(file)
    assert file.read().to_pylist() == ROWS.to_pylist()
    assert has_aep_form(written(tmp_path / "b.parquet"))


@pytest.mark.parametrize(
    "change",
    [
        {"table": ROWS},
        {"compression": "zstd"},
        {"compression": {"_id": "zstd", "timestamp": "snappy"}},
        {"store_schema": True},
        {"table": IN_FORM.select(["_id"]).append_column("tags", ROWS["tags"]), "use_compliant_nested_type": False},
        {"table": IN_FORM.cast(pa.schema([f.with_nullable(f.name != "_id") for f in IN_FORM.schema]))},
        {"table": IN_FORM.set_column(1, "timestamp", IN_FORM["timestamp"].cast(pa.timestamp("ms")))},
    ],
    ids=["microseconds", "zstd", "one column in zstd", "arrow schema", "list names", "not nullable", "without a zone"],
)  # fmt: skip
def test_every_other_form_is_recognised(tmp_path: Path, change: dict[str, Any]) -> None:
    assert not has_aep_form(written(tmp_path / "a.parquet", **change))


def test_duckdbs_form_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    arrow = IN_FORM  # noqa: F841 - DuckDB reads it by its name
    duckdb.sql("SELECT * FROM arrow").write_parquet(str(path), compression="snappy")
    assert not has_aep_form(pq.ParquetFile(path))


def test_an_open_file_keeps_no_column_that_was_read(tmp_path: Path) -> None:
    """A day has hundreds of files; with Arrow's default each keeps what was read last until it is closed."""
    values = pa.array([f"{number:064x}" for number in range(50_000)])
    pq.write_table(pa.table({"_id": values}), tmp_path / "ids.parquet")
    with parquet_reader(tmp_path / "ids.parquet") as source:
        before = pa.total_allocated_bytes()
        source.read_row_group(
            0, use_threads=False
        )  # Arrow's threads release their buffers a moment after the result
        assert pa.total_allocated_bytes() - before < values.nbytes / 10

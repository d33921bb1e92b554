"""The tables that a query sees: the rows of the active batches of each dataset, as DuckDB reads them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.sandbox.aep.active import active_batches
from include.sandbox.aep.ingest_files import resolved_schema
from include.sandbox.aep.parquet_files import arrow_schema, dataset_file
from include.sandbox.aep.place import Place
from include.sandbox.aep.query_settings import QuerySettings
from include.sandbox.aep.table_names import tables_of

SYSTEM_COLUMNS = ("_acp_system_metadata", "_acp_batchid")


@dataclass(frozen=True)
class BatchFile:
    """A Parquet file of an active batch, and how many of the batch's rows are in files before it."""

    path: Path
    batch: dict[str, Any]
    rows_before: int


def add_tables(connection: Any, place: Place, names: set[str], *, with_system_columns: bool) -> None:
    """Makes views of those tables of an AEP sandbox that a query names; their files are the store's."""
    for table, dataset in tables_of(place).items():
        if table in names:
            _add_table(connection, place, table, dataset, with_system_columns)


def _add_table(connection: Any, place: Place, table: str, dataset: str, with_system_columns: bool) -> None:
    empty = _empty_file(place, dataset)
    files = _files(place, dataset)
    columns = _columns(connection, empty)
    if with_system_columns:
        columns += ["_acp_system_metadata", "_acp_batchid"]
    connection.execute(f"CREATE TEMP TABLE {quoted(table + '/files')} ({_FILE_COLUMNS})")
    if files:
        connection.executemany(
            f"INSERT INTO {quoted(table + '/files')} VALUES (?, ?, ?, ?, ?)",  # noqa: S608 - quoted
            [_file_row(place, dataset, file) for file in files],
        )
    paths = ", ".join(literal(str(path.resolve())) for path in (empty, *(file.path for file in files)))
    connection.execute(
        f"CREATE VIEW {quoted(table)} AS SELECT {', '.join(columns)} FROM (SELECT r.*,"  # noqa: S608 - quoted
        f" {_METADATA} AS _acp_system_metadata, f.physical AS _acp_batchid FROM"
        f" read_parquet([{paths}], union_by_name = true, filename = '_file', file_row_number = true) r"
        f" JOIN {quoted(table + '/files')} f ON f.path = r._file)"
    )


_FILE_COLUMNS = "path VARCHAR, source VARCHAR, physical VARCHAR, rows_before BIGINT, ingest_time BIGINT"
_METADATA = """struct_pack(
    acp_sourceBatchId := f.source,
    commitBatchId := f.physical,
    trackingId := f.source || '-' || (f.rows_before + r.file_row_number),
    rowId := f.source || '-' || (f.rows_before + r.file_row_number) || ';',
    rowVersion := 1,
    ingestTime := f.ingest_time,
    isDeleted := false
)"""


def _files(place: Place, dataset: str) -> list[BatchFile]:
    """[I] Batches of the legacy path for CSV are left out: they were never converted."""
    found = []
    for batch in active_batches(place, dataset):
        before = 0
        if batch["inputFormat"]["format"] == "csv":
            continue
        for number, counts in enumerate(batch["files"], 1):
            found.append(BatchFile(dataset_file(place, batch, number), batch, before))
            before += counts["good"]
    return found


def _file_row(place: Place, dataset: str, file: BatchFile) -> tuple[str, str, str, int, int]:
    merged = QuerySettings.of(place.world).query_physical_batches == "merged"
    source = str(file.batch["id"])
    physical = _physical(dataset if merged else source)
    return str(file.path.resolve()), source, physical, file.rows_before, int(file.batch["finished"])


def _physical(of: str) -> str:
    """The id of a physical batch: like that of a batch, and never the same."""
    return "01" + hashlib.sha256(of.encode()).hexdigest()[:24].upper()


def _empty_file(place: Place, dataset: str) -> Path:
    """A Parquet file without rows that has the columns of the dataset's schema as it is now."""
    import pyarrow.parquet as pq

    schema = arrow_schema(resolved_schema(place, dataset))
    key = hashlib.sha256(str(schema).encode()).hexdigest()[:16]
    path = place.world.store.file("aep", "tables", f"{dataset}-{key}.parquet")
    if not path.exists():
        unfinished = path.with_suffix(f".{id(schema)}.tmp")
        pq.write_table(schema.empty_table(), unfinished)
        unfinished.rename(path)
    return path


def _columns(connection: Any, empty: Path) -> list[str]:
    """The columns, with times as Spark shows them in a session of UTC."""
    described = connection.execute(f"DESCRIBE SELECT * FROM read_parquet({literal(str(empty))})").fetchall()  # noqa: S608 - quoted
    return [
        f"{quoted(name)}::TIMESTAMP AS {quoted(name)}" if kind == "TIMESTAMP WITH TIME ZONE" else quoted(name)
        for name, kind, *_ in described
    ]


def quoted(name: str) -> str:
    """An identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL."""
    return "'" + text.replace("'", "''") + "'"

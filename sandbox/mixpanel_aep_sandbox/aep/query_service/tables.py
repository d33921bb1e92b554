"""The tables of a query: the rows of the active batches of each dataset, as DuckDB reads them."""

from __future__ import annotations

import hashlib
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.aep.data_access.dataset_files import arrow_schema, dataset_file_path
from mixpanel_aep_sandbox.aep.data_access.id_files import COLUMNS, id_file_path, id_file_schema
from mixpanel_aep_sandbox.aep.ingestion.active_rows import active_batches
from mixpanel_aep_sandbox.aep.ingestion.files import resolved_schema
from mixpanel_aep_sandbox.aep.query_service.settings import QuerySettings
from mixpanel_aep_sandbox.aep.query_service.statements import words
from mixpanel_aep_sandbox.aep.query_service.table_names import tables_of
from mixpanel_aep_sandbox.core.json_types import JsonObject

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


_STAR = re.compile(r"(?<!count\()\*", re.IGNORECASE)
"""Every column, except the star of ``count(*)``."""


@dataclass(frozen=True)
class BatchFile:
    """A Parquet file of an active batch, and the number of the batch's rows in the files before it."""

    path: Path
    batch: JsonObject
    rows_before: int


def add_tables(
    connection: duckdb.DuckDBPyConnection, scope: AepSandboxScope, sql: str, *, with_system_columns: bool
) -> list[str]:
    """Create views of the tables that a query names, and return their names."""
    names, made = words(sql), []
    for table, dataset in tables_of(scope).items():
        if table in names and _is_visible(scope, dataset):
            resolved = resolved_schema(scope, dataset)
            others = {name.lower() for name in resolved.get("properties", {})} - set(COLUMNS)
            narrow = not others & {name.lower() for name in names} and not _STAR.search(sql)
            source = _Source(scope, dataset, resolved, narrow)
            _add_table(connection, source, table, with_system_columns)
            made.append(table)
    return made


def _is_visible(scope: AepSandboxScope, dataset: str) -> bool:
    """Return whether queries find the table of a dataset; only ``query_table_seconds`` delays it."""
    delay = QuerySettings.of(scope.state).query_table_seconds
    if not delay:
        return True
    finished = [int(batch["finished"]) for batch in active_batches(scope, dataset)]
    return bool(finished) and scope.state.clock.seconds() * 1000 >= min(finished) + delay * 1000


def remove_tables(connection: duckdb.DuckDBPyConnection, tables: list[str]) -> None:
    """Remove the views of ``add_tables``: the next query sees the batches that are active then."""
    for table in tables:
        connection.execute(f"DROP VIEW {quoted(table)}")
        connection.execute(f"DROP TABLE {quoted(table + '/files')}")


@dataclass(frozen=True)
class _Source:
    """The files of a dataset: whole, or only the columns of ``narrow_files`` if a query needs no other."""

    scope: AepSandboxScope
    dataset: str
    resolved: JsonObject
    narrow: bool

    def file(self, batch: JsonObject, number: int) -> Path:
        return (id_file_path if self.narrow else dataset_file_path)(self.scope, batch, number)

    def schema(self) -> pa.Schema:
        return id_file_schema() if self.narrow else arrow_schema(self.resolved)


def _add_table(
    connection: duckdb.DuckDBPyConnection, source: _Source, table: str, with_system_columns: bool
) -> None:
    empty, files = _empty_file(source), _files(source)
    columns = _columns(connection, empty)
    if with_system_columns:
        columns += ["_acp_system_metadata", "_acp_batchid"]
    connection.execute(f"CREATE TEMP TABLE {quoted(table + '/files')} ({_FILE_COLUMNS})")
    if files:
        connection.executemany(
            f"INSERT INTO {quoted(table + '/files')} VALUES (?, ?, ?, ?, ?)",  # noqa: S608 - quoted
            [_file_row(source, file) for file in files],
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


def _files(source: _Source) -> list[BatchFile]:
    """Return the files [I]. Batches of the legacy path for CSV are excluded: they were never converted."""
    found = []
    for batch in active_batches(source.scope, source.dataset):
        before = 0
        if batch["inputFormat"]["format"] == "csv":
            continue
        for number, counts in enumerate(batch["files"], 1):
            found.append(BatchFile(source.file(batch, number), batch, before))
            before += counts["good"]
    return found


def _file_row(source: _Source, file: BatchFile) -> tuple[str, str, str, int, int]:
    merged = QuerySettings.of(source.scope.state).query_physical_batches == "merged"
    batch = str(file.batch["id"])
    physical = _physical(source.dataset if merged else batch)
    return str(file.path.resolve()), batch, physical, file.rows_before, int(file.batch["finished"])


def _physical(of: str) -> str:
    """Return the id of a physical batch: in the form of a batch's id, and different from it."""
    return "01" + hashlib.sha256(of.encode()).hexdigest()[:24].upper()


def _empty_file(source: _Source) -> Path:
    """Return a Parquet file without rows that has the columns of the dataset's current schema."""
    import pyarrow.parquet as pq

    schema = source.schema()
    key = hashlib.sha256(str(schema).encode()).hexdigest()[:16]
    path = source.scope.state.store.file("aep", "tables", f"{source.dataset}-{key}.parquet")
    if not path.exists():
        unfinished = path.with_suffix(f".{threading.get_ident()}.tmp")
        pq.write_table(schema.empty_table(), unfinished)
        unfinished.rename(path)
    return path


def _columns(connection: duckdb.DuckDBPyConnection, empty: Path) -> list[str]:
    """Return the columns, with times as Spark shows them in a session of UTC."""
    described = connection.execute(f"DESCRIBE SELECT * FROM read_parquet({literal(str(empty))})").fetchall()  # noqa: S608 - quoted
    return [
        f"{quoted(name)}::TIMESTAMP AS {quoted(name)}" if kind == "TIMESTAMP WITH TIME ZONE" else quoted(name)
        for name, kind, *_ in described
    ]


def quoted(name: str) -> str:
    """Return a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as SQL."""
    return "'" + text.replace("'", "''") + "'"

"""The tables of a query, as DuckDB views over the Parquet files of the datasets' active batches."""

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
"""A star that selects all columns, unlike the star of ``count(*)``."""


@dataclass(frozen=True)
class BatchFile:
    """A Parquet file of an active batch.

    Attributes:
        path: The path on disk.
        batch: The document of the batch.
        rows_before: The number of rows in earlier files of the batch.
    """

    path: Path
    batch: JsonObject
    rows_before: int


def add_tables(
    connection: duckdb.DuckDBPyConnection, scope: AepSandboxScope, sql: str, *, with_system_columns: bool
) -> list[str]:
    """Create a view for each table of the AEP sandbox that a query names, and return the names of these tables."""
    names, added = words(sql), []
    for table, dataset in tables_of(scope).items():
        if table in names and _is_visible(scope, dataset):
            resolved = resolved_schema(scope, dataset)
            others = {name.lower() for name in resolved.get("properties", {})} - set(COLUMNS)
            ids_only = not others & {name.lower() for name in names} and not _STAR.search(sql)
            source = _Source(scope, dataset, resolved, ids_only)
            _add_table(connection, source, table, with_system_columns)
            added.append(table)
    return added


def _is_visible(scope: AepSandboxScope, dataset: str) -> bool:
    """Return whether queries find the table of a dataset.

    They find it ``query_table_seconds`` after the first batch of the dataset, or always if that setting is 0.
    """
    delay = QuerySettings.of(scope.state).query_table_seconds
    if not delay:
        return True
    finished = [int(batch["finished"]) for batch in active_batches(scope, dataset)]
    return bool(finished) and scope.state.clock.seconds() * 1000 >= min(finished) + delay * 1000


def remove_tables(connection: duckdb.DuckDBPyConnection, tables: list[str]) -> None:
    """Remove the views that ``add_tables`` created, so that the next query gets the batches that are active then."""
    for table in tables:
        connection.execute(f"DROP VIEW {quote_identifier(table)}")
        connection.execute(f"DROP TABLE {quote_identifier(table + '/files')}")


@dataclass(frozen=True)
class _Source:
    """The Parquet files from which the table of a dataset is read.

    Attributes:
        scope: The AEP sandbox.
        dataset: The id of the dataset.
        resolved: The resolved XDM schema of the dataset.
        ids_only: Whether the query needs only ``_id`` and ``timestamp``, so that files with only these columns are
            read.
    """

    scope: AepSandboxScope
    dataset: str
    resolved: JsonObject
    ids_only: bool

    def file(self, batch: JsonObject, number: int) -> Path:
        return (id_file_path if self.ids_only else dataset_file_path)(self.scope, batch, number)

    def schema(self) -> pa.Schema:
        return id_file_schema() if self.ids_only else arrow_schema(self.resolved)


def _add_table(
    connection: duckdb.DuckDBPyConnection, source: _Source, table: str, with_system_columns: bool
) -> None:
    """Create the view for a table.

    For the system columns, the view joins the rows with a table of the properties of the files.
    """
    empty, files = _empty_file(source), _list_files(source)
    columns = _columns(connection, empty)
    if with_system_columns:
        columns += ["_acp_system_metadata", "_acp_batchid"]
    connection.execute(f"CREATE TEMP TABLE {quote_identifier(table + '/files')} ({_FILE_COLUMNS})")
    if files:
        connection.executemany(
            f"INSERT INTO {quote_identifier(table + '/files')} VALUES (?, ?, ?, ?, ?)",  # noqa: S608 - quoted
            [_file_row(source, file) for file in files],
        )
    paths = ", ".join(quote_literal(str(path.resolve())) for path in (empty, *(file.path for file in files)))
    connection.execute(
        f"CREATE VIEW {quote_identifier(table)} AS SELECT {', '.join(columns)} FROM (SELECT r.*,"  # noqa: S608 - quoted
        f" {_METADATA} AS _acp_system_metadata, f.physical AS _acp_batchid FROM"
        f" read_parquet([{paths}], union_by_name = true, filename = '_file', file_row_number = true) r"
        f" JOIN {quote_identifier(table + '/files')} f ON f.path = r._file)"
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


def _list_files(source: _Source) -> list[BatchFile]:
    """Return the files of all active batches, except CSV batches, whose rows AEP does not convert (assumed [I])."""
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
    """Return the row of a file in the table of file properties, with the columns of ``_FILE_COLUMNS``."""
    merged = QuerySettings.of(source.scope.state).query_physical_batches == "merged"
    batch = str(file.batch["id"])
    physical = _physical_batch_id(source.dataset if merged else batch)
    return str(file.path.resolve()), batch, physical, file.rows_before, int(file.batch["finished"])


def _physical_batch_id(key: str) -> str:
    """Return the id of the physical batch in the data lake, which has the form of a batch id.

    Args:
        key: The id of the batch, or of the dataset if the lake has merged its batches.
    """
    return "01" + hashlib.sha256(key.encode()).hexdigest()[:24].upper()


def _empty_file(source: _Source) -> Path:
    """Return a Parquet file without rows that has the columns of the dataset's current schema."""
    import pyarrow.parquet as pq

    schema = source.schema()
    key = hashlib.sha256(str(schema).encode()).hexdigest()[:16]
    path = source.scope.state.store.file("aep", "tables", f"{source.dataset}-{key}.parquet")
    if not path.exists():
        temporary = path.with_suffix(f".{threading.get_ident()}.tmp")
        pq.write_table(schema.empty_table(), temporary)
        temporary.rename(path)
    return path


def _columns(connection: duckdb.DuckDBPyConnection, empty: Path) -> list[str]:
    """Return the SQL expressions of a file's columns; times are converted to UTC without a time zone, as in Spark."""
    sql = f"DESCRIBE SELECT * FROM read_parquet({quote_literal(str(empty))})"  # noqa: S608 - quoted
    described = connection.execute(sql).fetchall()
    return [
        f"{quote_identifier(name)}::TIMESTAMP AS {quote_identifier(name)}"
        if kind == "TIMESTAMP WITH TIME ZONE"
        else quote_identifier(name)
        for name, kind, *_ in described
    ]


def quote_identifier(name: str) -> str:
    """Return a name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def quote_literal(text: str) -> str:
    """Return a text as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"

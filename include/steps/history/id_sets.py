"""Write and read the file with the ``_id``s of a load: the only row data of a loaded day that later runs need.

It is a Parquet file with the columns ``_id`` (text) and ``digest`` (64-bit integer: a digest of the event's content,
NULL if unknown), in any order. A load of data version 5 or older has no such file; its ids are read from its staged
files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from include.errors import BadManifest, FilesRemoved, LakeError
from include.lake.history import History
from include.lake.ledger import LedgerRecord
from include.lake.manifest import LakeFile, Manifest, upload_file
from include.steps.workspace import Workspace

if TYPE_CHECKING:
    import duckdb

_TYPES = "_id VARCHAR, digest BIGINT"
_INSERTED_ROWS = 50_000


def write_ids(
    db: duckdb.DuckDBPyConnection,
    query: str,
    history: History,
    workspace: Workspace,
    digest: str,
    scratch: Path,
) -> LakeFile:
    """Publish the result of a DuckDB query (columns ``_id`` and ``digest``) as the id file of the load ``digest``."""
    path = scratch / "ids.parquet"
    target = str(path).replace("'", "''")
    db.execute(f"COPY ({query} ORDER BY _id) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
    (rows,) = db.execute("SELECT count(*) FROM read_parquet(?)", [str(path)]).fetchone()
    file = upload_file(history.lake, history.ids_key(workspace.partition.day, digest), path, int(rows))
    path.unlink()
    return file


def copy_ids(
    listed: LakeFile, mapped: Manifest, history: History, workspace: Workspace, digest: str, scratch: Path
) -> LakeFile:
    """Publish transform's list of the day's events as the id file of the load ``digest``, which contains all of them.

    ``listed``: the list, a file of the output ``mapped``.

    Raises:
        FilesRemoved: the list is not in the lake any more.
        BadManifest: the list is not the file that transform wrote.
    """
    path = workspace.local_file(listed, scratch / "events-copied.parquet", mapped)
    key = history.ids_key(workspace.partition.day, digest)
    return upload_file(history.lake, key, path, listed.rows)


def read_ids(
    db: duckdb.DuckDBPyConnection,
    table: str,
    workspace: Workspace,
    records: Iterable[LedgerRecord],
    scratch: Path,
) -> None:
    """Create a DuckDB table with the ``_id`` and the digest of every event of the loads in ``records``.

    Raises:
        BadManifest: an id file is missing or was changed.
    """
    # TEMP: DuckDB compresses tables that it stores in the database's file.
    db.execute(f"CREATE TEMP TABLE {table} ({_TYPES})")
    for path, columns in _id_files(workspace, records, scratch, table):
        db.execute(f"INSERT INTO {table} SELECT {columns} FROM {_table_function(path)}", [str(path)])


def view_ids(
    db: duckdb.DuckDBPyConnection,
    view: str,
    workspace: Workspace,
    records: Iterable[LedgerRecord],
    scratch: Path,
) -> None:
    """Create a DuckDB view of the ``_id``s and digests of the loads in ``records``; the id files are not copied.

    Raises:
        BadManifest: an id file is missing or was changed.
    """
    selects = ["SELECT NULL::VARCHAR AS _id, NULL::BIGINT AS digest WHERE false"]
    for path, columns in _id_files(workspace, records, scratch, view):
        text = "'" + str(path).replace("'", "''") + "'"
        selects.append(f"SELECT {columns} FROM {_table_function(path).replace('?', text, 1)}")
    db.execute(f"CREATE TEMP VIEW {view} AS {' UNION ALL '.join(selects)}")


def register_ids(db: duckdb.DuckDBPyConnection, view: str, ids: Iterable[str]) -> None:
    """Create a DuckDB view with one row for each of ``ids``, in its only column ``_id``."""
    import pyarrow as pa

    db.register(view, pa.table({"_id": pa.array(sorted(ids), pa.string())}))


def insert_ids(
    db: duckdb.DuckDBPyConnection, table: str, rows: Iterator[tuple[str, str]], *more: str
) -> None:
    """Insert pairs of ``_id`` and batch into a DuckDB table; ``more``: SQL expressions for its further columns."""
    import pyarrow as pa

    columns = ", ".join(("_id", "batch", *more))
    while some := list(islice(rows, _INSERTED_ROWS)):
        keys, batches = zip(*some, strict=True)
        db.register("some_ids", pa.table({"_id": list(keys), "batch": list(batches)}))
        db.execute(f"INSERT INTO {table} SELECT {columns} FROM some_ids")
        db.unregister("some_ids")


def _id_files(
    workspace: Workspace, records: Iterable[LedgerRecord], scratch: Path, name: str
) -> Iterator[tuple[Path, str]]:
    """Yield the path of each file with ids of the loads, and the SQL that selects ``_id`` and ``digest`` from it."""
    for number, record in enumerate(records):
        folder = scratch / f"{name}-{number}"
        folder.mkdir()
        yield from _id_files_of_load(workspace, record, folder)


def _id_files_of_load(workspace: Workspace, record: LedgerRecord, folder: Path) -> Iterator[tuple[Path, str]]:
    if record.ids is not None:
        yield _download_ids(workspace, record.ids, folder / "ids.parquet"), "_id, digest"
        return
    staged = workspace.find("stage", record.staged)
    try:
        paths = workspace.local_files(staged, folder) if staged is not None else None
    except FilesRemoved:  # removed by hand: a cleaning keeps them
        paths = None
    if paths is None:
        raise BadManifest(
            f"The ids of batch {record.batch} of partition {workspace.partition} are not in {workspace.lake.url}.",
            f"Read them from AEP: mixpanel-aep recover {workspace.pipeline.name} {workspace.partition}.",
        )
    for path in paths:
        yield path, "_id, NULL"


def _download_ids(workspace: Workspace, file: LakeFile, target: Path) -> Path:
    try:
        found = workspace.lake.download(file.key, target)
    except LakeError:
        if file.key in workspace.lake.keys(file.key.rpartition("/")[0]):
            raise
        raise BadManifest(
            f"The ledger names {workspace.lake.uri(file.key)}, but the file is missing.",
            f"Read the ids from AEP: mixpanel-aep recover {workspace.pipeline.name} {workspace.partition}.",
        ) from None
    if (found.bytes, found.sha256) != (file.bytes, file.sha256):
        raise BadManifest(
            f"{workspace.lake.uri(file.key)} differs from the file that the ledger names.",
            f"Read the ids from AEP: mixpanel-aep recover {workspace.pipeline.name} {workspace.partition}.",
        )
    return found.path


def _table_function(path: Path) -> str:
    if path.suffix == ".json":
        return "read_json(?, format='newline_delimited', columns={'_id': 'VARCHAR'})"
    return "read_parquet(?)"

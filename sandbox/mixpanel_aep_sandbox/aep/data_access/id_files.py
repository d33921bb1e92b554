"""Parquet files with only ``_id`` and ``timestamp`` of a batch's rows, for queries that need no other column.

They are faster to write than the complete data files, because rows are not converted.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.aep.data_access.dataset_files import dataset_file_path
from mixpanel_aep_sandbox.aep.ingestion.active_rows import rejected_rows
from mixpanel_aep_sandbox.aep.ingestion.files import batch_files, disk_path, raw_rows, result_path
from mixpanel_aep_sandbox.aep.ingestion.row_validation.times import epoch_ms
from mixpanel_aep_sandbox.core.json_types import JsonObject

if TYPE_CHECKING:
    import pyarrow as pa


COLUMNS = ("_id", "timestamp")
_WRITE_LOCK = threading.Lock()


class _UnusualRow(Exception):
    """A row's id or time has an unexpected type, so the ids and times must be read from the complete data file."""


def id_file_schema() -> pa.Schema:
    """Return the Arrow schema of these files: ``_id`` as a string, ``timestamp`` in UTC with milliseconds."""
    import pyarrow as pa

    return pa.schema([("_id", pa.string()), ("timestamp", pa.timestamp("ms", tz="UTC"))])


def id_file_path(scope: AepSandboxScope, batch: JsonObject, number: int) -> Path:
    """Return the path of a Parquet file with ``_id`` and ``timestamp`` of the rows in a batch's data file.

    The first call writes the file.

    Args:
        scope: The AEP sandbox.
        batch: The document of the batch.
        number: The number of the data file, from 1.
    """
    path = result_path(scope, batch["id"], "narrow", f"{number}.parquet")
    with _WRITE_LOCK:  # two concurrent callers would write the same file
        if not path.exists():
            _write(scope, batch, number, path)
    return path


def _write(scope: AepSandboxScope, batch: JsonObject, number: int, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    body = batch_files(scope, batch["id"])[number - 1]
    source = disk_path(scope, body)
    rejected = {index for file, index in rejected_rows(scope, batch["id"]) if file == number - 1}
    try:
        if batch["inputFormat"]["format"] == "parquet":
            table = _read_parquet(source, rejected)
        else:
            table = _read_json(source, batch["inputFormat"], rejected)
    except (_UnusualRow, ValueError, OverflowError, pa.ArrowException):
        table = pq.read_table(dataset_file_path(scope, batch, number), columns=list(COLUMNS))
    temporary = path.with_suffix(".tmp")
    pq.write_table(table.cast(id_file_schema()), temporary)
    temporary.rename(path)


def _read_parquet(source: Path, rejected: set[int]) -> pa.Table:
    """Return ``_id`` and ``timestamp`` of the accepted rows in an uploaded Parquet file.

    Args:
        source: The file.
        rejected: The indexes of the rejected rows, from 0.

    Raises:
        _UnusualRow: a column is missing, or has another type or a null.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(source, columns=list(COLUMNS))
    kinds = table.schema.names == list(COLUMNS) and table.schema.types
    if not kinds or not pa.types.is_timestamp(kinds[1]) or not pa.types.is_string(kinds[0]):
        raise _UnusualRow
    if rejected:
        accepted = [index not in rejected for index in range(table.num_rows)]
        table = table.filter(pa.array(accepted, pa.bool_()))
    ids, moments = table.column("_id"), table.column("timestamp")
    if ids.null_count or moments.null_count:
        raise _UnusualRow
    stamp = pa.timestamp(moments.type.unit, tz="UTC")  # times without a zone are UTC
    return pa.table(
        {"_id": ids, "timestamp": moments.cast(stamp).cast(pa.timestamp("ms", tz="UTC"), safe=False)}
    )


def _read_json(source: Path, form: JsonObject, rejected: set[int]) -> pa.Table:
    """Return ``_id`` and ``timestamp`` of the accepted rows in an uploaded JSON file.

    Args:
        source: The file.
        form: The batch's ``inputFormat``.
        rejected: The indexes of the rejected rows, from 0.

    Raises:
        _UnusualRow: an id or a time is missing or not a text.
    """
    import msgspec
    import pyarrow as pa

    row = msgspec.defstruct("Row", [("_id", str), ("timestamp", str)])
    decode = msgspec.json.Decoder(row).decode
    ids, moments = [], []
    for index, raw in enumerate(raw_rows(source, form)):
        if index in rejected:
            continue
        try:
            found: Any = decode(raw)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise _UnusualRow from error
        ids.append(found._id)
        moments.append(epoch_ms(found.timestamp))
    return pa.table(
        [pa.array(ids, pa.string()), pa.array(moments, pa.timestamp("ms", tz="UTC"))], list(COLUMNS)
    )

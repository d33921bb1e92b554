"""``_id`` and ``timestamp`` of a batch's rows as Parquet, without converting whole rows, for fingerprints."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.aep.data_access.dataset_files import dataset_file_path
from mixpanel_aep_sandbox.aep.ingestion.active_rows import rejected_rows
from mixpanel_aep_sandbox.aep.ingestion.files import batch_files, disk_path, raw_rows, result_path
from mixpanel_aep_sandbox.aep.ingestion.rows.times import epoch_ms
from mixpanel_aep_sandbox.core.json_types import JsonObject

if TYPE_CHECKING:
    import pyarrow as pa


COLUMNS = ("_id", "timestamp")
_WRITING = threading.Lock()


class _UnusualRow(Exception):
    """A row whose id or time has an unusual type: only the whole conversion can process it."""


def id_file_schema() -> pa.Schema:
    """Return the Arrow schema of a file with ``_id`` and ``timestamp``."""
    import pyarrow as pa

    return pa.schema([("_id", pa.string()), ("timestamp", pa.timestamp("ms", tz="UTC"))])


def id_file_path(scope: AepSandboxScope, batch: JsonObject, number: int) -> Path:
    """Return the path of a Parquet file with ``_id`` and ``timestamp`` of the rows of a batch's data file.

    ``number`` counts from 1. The file has the same rows as ``dataset_file_path``, without their other columns.
    """
    path = result_path(scope, batch["id"], "narrow", f"{number}.parquet")
    with _WRITING:  # two concurrent callers would write the same file
        if not path.exists():
            _write(scope, batch, number, path)
    return path


def _write(scope: AepSandboxScope, batch: JsonObject, number: int, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    body = batch_files(scope, batch["id"])[number - 1]
    source = disk_path(scope, body)
    out = {index for file, index in rejected_rows(scope, batch["id"]) if file == number - 1}
    try:
        if batch["inputFormat"]["format"] == "parquet":
            table = _read_parquet(source, out)
        else:
            table = _read_json(source, batch["inputFormat"], out)
    except (_UnusualRow, ValueError, OverflowError, pa.ArrowException):
        table = pq.read_table(dataset_file_path(scope, batch, number), columns=list(COLUMNS))
    unfinished = path.with_suffix(".tmp")
    pq.write_table(table.cast(id_file_schema()), unfinished)
    unfinished.rename(path)


def _read_parquet(source: Path, out: set[int]) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(source, columns=list(COLUMNS))
    kinds = table.schema.names == list(COLUMNS) and table.schema.types
    if not kinds or not pa.types.is_timestamp(kinds[1]) or not pa.types.is_string(kinds[0]):
        raise _UnusualRow
    if out:
        table = table.filter(pa.array([index not in out for index in range(table.num_rows)], pa.bool_()))
    ids, moments = table.column("_id"), table.column("timestamp")
    if ids.null_count or moments.null_count:
        raise _UnusualRow
    stamp = pa.timestamp(moments.type.unit, tz="UTC")  # times without a zone are UTC
    return pa.table(
        {"_id": ids, "timestamp": moments.cast(stamp).cast(pa.timestamp("ms", tz="UTC"), safe=False)}
    )


def _read_json(source: Path, form: JsonObject, out: set[int]) -> pa.Table:
    import msgspec
    import pyarrow as pa

    row = msgspec.defstruct("Row", [("_id", str), ("timestamp", str)])
    decode = msgspec.json.Decoder(row).decode
    ids, moments = [], []
    for index, raw in enumerate(raw_rows(source, form)):
        if index in out:
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

"""The data files of batches: Parquet files, which are written from a batch's rows when a client first reads them."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.aep.ingestion.active_rows import active_rows
from mixpanel_aep_sandbox.aep.ingestion.files import batch_files, disk_path, resolved_schema, result_path
from mixpanel_aep_sandbox.aep.ingestion.row_validation.json_schema import kind_of
from mixpanel_aep_sandbox.aep.ingestion.row_validation.times import epoch_days, epoch_ms
from mixpanel_aep_sandbox.core.json_types import JsonObject

if TYPE_CHECKING:
    import pyarrow as pa


_ROWS_PER_WRITE = 2048
_NUMBERS: dict[str, Callable[..., float]] = {"date-time": epoch_ms, "date": epoch_days, "number": float}
_WRITE_LOCK = threading.Lock()


def dataset_file_path(scope: AepSandboxScope, batch: JsonObject, number: int) -> Path:
    """Return the path of a data file of an active batch.

    For JSON and Parquet batches, the first call writes a Parquet file with the stored rows. For CSV batches, the data
    file is the uploaded file.

    Args:
        scope: The AEP sandbox.
        batch: The document of the batch.
        number: The number of the data file, from 1.
    """
    if batch["inputFormat"]["format"] == "csv":
        body = batch_files(scope, batch["id"])[number - 1]
        return disk_path(scope, body)
    path = result_path(scope, batch["id"], "data", file_name(scope, batch, number))
    with _WRITE_LOCK:  # two concurrent callers would write the same file
        if not path.exists():
            _write(scope, batch, number, path)
    return path


def file_name(scope: AepSandboxScope, batch: JsonObject, number: int) -> str:
    """Return the name by which Data Access lists the data file ``number`` (from 1) of a batch."""
    if batch["inputFormat"]["format"] == "csv":
        return str(batch_files(scope, batch["id"])[number - 1]["path"]).rpartition("/")[2]
    return f"part-{number - 1:05}-{batch['id'].lower()}-c000.snappy.parquet"


def _write(scope: AepSandboxScope, batch: JsonObject, number: int, path: Path) -> None:
    import pyarrow as pa  # imported late, for a quick start
    import pyarrow.parquet as pq

    resolved = resolved_schema(scope, batch["dataset"])
    schema = arrow_schema(resolved)
    rows = active_rows(scope, batch, number - 1)
    temporary = path.with_suffix(".tmp")
    with pq.ParquetWriter(temporary, schema) as writer:
        while some := list(itertools.islice(rows, _ROWS_PER_WRITE)):
            values = [_to_arrow(row, resolved) for row in some]
            writer.write_batch(pa.RecordBatch.from_pylist(values, schema=schema))
    temporary.rename(path)


def arrow_schema(resolved: JsonObject) -> pa.Schema:
    """Return the Arrow schema for a resolved XDM schema, with one Arrow field for each top-level property."""
    import pyarrow as pa

    return pa.schema([_arrow_field(name, field) for name, field in resolved.get("properties", {}).items()])


def _arrow_field(name: str, field: JsonObject) -> pa.Field:
    import pyarrow as pa

    return pa.field(name, _arrow_type(field))


def _arrow_type(field: JsonObject) -> pa.DataType:
    """Return the Arrow type that Parquet stores as the documented type (EP:xdm/schema/field-constraints.md)."""
    import pyarrow as pa

    kind = kind_of(field)
    if kind == "object":
        members = [_arrow_field(name, child) for name, child in field.get("properties", {}).items()]
        # Parquet does not support a group without members.
        return pa.struct(members or [pa.field("_", pa.string())])
    if kind == "array":
        return pa.list_(_arrow_type(field.get("items", {})))
    if kind == "map":
        return pa.map_(pa.string(), _arrow_type(field["additionalProperties"]))
    if kind == "integer":
        low, high = field.get("minimum", -(2**31)), field.get("maximum", 2**31 - 1)
        fits = (bits for bits in (8, 16, 32) if -(2 ** (bits - 1)) <= low and high < 2 ** (bits - 1))
        # Adobe's standard limits, such as a maximum of 32768 for a short, are one above the range of the type.
        return {8: pa.int8(), 16: pa.int16(), 32: pa.int32()}.get(next(fits, 64), pa.int64())
    plain = {"number": pa.float64(), "boolean": pa.bool_(), "date": pa.date32()}
    return pa.timestamp("ms", tz="UTC") if kind == "date-time" else plain.get(kind, pa.string())


def _to_arrow(value: Any, field: JsonObject) -> Any:
    """Convert a value of a row to a Python value that Arrow accepts for the field's type: pairs for a map."""
    kind = kind_of(field)
    if value is None:
        return None
    if kind == "object":
        children = field.get("properties", {})
        return {name: _to_arrow(part, children[name]) for name, part in value.items() if name in children}
    if kind == "array":
        return [_to_arrow(part, field.get("items", {})) for part in value]
    if kind == "map":
        return [(name, _to_arrow(part, field["additionalProperties"])) for name, part in value.items()]
    if kind in _NUMBERS:
        return _NUMBERS[kind](value)
    return value if kind in ("boolean", "integer") or isinstance(value, str) else json.dumps(value)

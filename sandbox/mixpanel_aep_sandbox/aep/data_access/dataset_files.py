"""The files of a dataset: Parquet, written from a batch's rows when a client reads them."""

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
from mixpanel_aep_sandbox.aep.ingestion.rows.json_schema import kind_of
from mixpanel_aep_sandbox.aep.ingestion.rows.times import epoch_days, epoch_ms
from mixpanel_aep_sandbox.core.json_types import JsonObject

if TYPE_CHECKING:
    import pyarrow as pa


_ROWS = 2048
_NUMBERS: dict[str, Callable[..., float]] = {"date-time": epoch_ms, "date": epoch_days, "number": float}
_WRITING = threading.Lock()


def dataset_file_path(scope: AepSandboxScope, batch: JsonObject, number: int) -> Path:
    """Return the path of a data file of an active batch.

    ``number`` counts from 1. For JSON and Parquet batches, this writes a Parquet file with the stored rows on the first
    call; for CSV batches, it is the uploaded file.
    """
    if batch["inputFormat"]["format"] == "csv":
        body = batch_files(scope, batch["id"])[number - 1]
        return disk_path(scope, body)
    path = result_path(scope, batch["id"], "data", file_name(scope, batch, number))
    with _WRITING:  # two concurrent callers would write the same file
        if not path.exists():
            _write(scope, batch, number, path)
    return path


def file_name(scope: AepSandboxScope, batch: JsonObject, number: int) -> str:
    """Return the name of a data file as Data Access shows it. ``number`` counts from 1."""
    if batch["inputFormat"]["format"] == "csv":
        return str(batch_files(scope, batch["id"])[number - 1]["path"]).rpartition("/")[2]
    return f"part-{number - 1:05}-{batch['id'].lower()}-c000.snappy.parquet"


def _write(scope: AepSandboxScope, batch: JsonObject, number: int, path: Path) -> None:
    import pyarrow as pa  # imported late, for a quick start
    import pyarrow.parquet as pq

    resolved = resolved_schema(scope, batch["dataset"])
    schema = arrow_schema(resolved)
    rows = active_rows(scope, batch, number - 1)
    unfinished = path.with_suffix(".tmp")
    with pq.ParquetWriter(unfinished, schema) as writer:
        while some := list(itertools.islice(rows, _ROWS)):
            plain = [_value(row, resolved) for row in some]
            writer.write_batch(pa.RecordBatch.from_pylist(plain, schema=schema))
    unfinished.rename(path)


def arrow_schema(resolved: JsonObject) -> pa.Schema:
    """Return the Arrow schema of a resolved XDM schema."""
    import pyarrow as pa

    return pa.schema([_field(name, field) for name, field in resolved.get("properties", {}).items()])


def _field(name: str, field: JsonObject) -> pa.Field:
    import pyarrow as pa

    return pa.field(name, _type(field))


def _type(field: JsonObject) -> pa.DataType:
    """Return the Arrow type that becomes the documented Parquet type (EP:xdm/schema/field-constraints.md)."""
    import pyarrow as pa

    kind = kind_of(field)
    if kind == "object":
        members = [_field(name, child) for name, child in field.get("properties", {}).items()]
        # Parquet does not support a group without members.
        return pa.struct(members or [pa.field("_", pa.string())])
    if kind == "array":
        return pa.list_(_type(field.get("items", {})))
    if kind == "map":
        return pa.map_(pa.string(), _type(field["additionalProperties"]))
    if kind == "integer":
        low, high = field.get("minimum", -(2**31)), field.get("maximum", 2**31 - 1)
        fits = (bits for bits in (8, 16, 32) if -(2 ** (bits - 1)) <= low and high < 2 ** (bits - 1))
        # XDM's own bounds, such as 32768 for a short, are one above the type's range.
        return {8: pa.int8(), 16: pa.int16(), 32: pa.int32()}.get(next(fits, 64), pa.int64())
    plain = {"number": pa.float64(), "boolean": pa.bool_(), "date": pa.date32()}
    return pa.timestamp("ms", tz="UTC") if kind == "date-time" else plain.get(kind, pa.string())


def _value(value: Any, field: JsonObject) -> Any:
    """Return a row's value in the form that Arrow requires."""
    kind = kind_of(field)
    if value is None:
        return None
    if kind == "object":
        children = field.get("properties", {})
        return {name: _value(part, children[name]) for name, part in value.items() if name in children}
    if kind == "array":
        return [_value(part, field.get("items", {})) for part in value]
    if kind == "map":
        return [(name, _value(part, field["additionalProperties"])) for name, part in value.items()]
    if kind in _NUMBERS:
        return _NUMBERS[kind](value)
    return value if kind in ("boolean", "integer") or isinstance(value, str) else json.dumps(value)

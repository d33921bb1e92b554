"""The files that a dataset is made of: Parquet, written from a batch's rows when somebody asks for them."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from include.sandbox.aep.active import active_rows
from include.sandbox.aep.ingest import resolved_schema, result_path
from include.sandbox.aep.place import Place
from include.sandbox.aep.registry_types import xdm_type
from include.sandbox.aep.row_schema import kind_of

_ROWS = 2048


def dataset_file(place: Place, batch: dict[str, Any]) -> Path:
    """The one file of an active batch."""
    name = f"part-00000-{batch['id'].lower()}-c000.snappy.parquet"
    path = result_path(place, batch["id"], "data", name)
    if not path.exists():
        _write(place, batch, path)
    return path


def _write(place: Place, batch: dict[str, Any], path: Path) -> None:
    import pyarrow as pa  # late, for a quick start
    import pyarrow.parquet as pq

    resolved = resolved_schema(place, batch["dataset"])
    schema = pa.schema([_field(name, field) for name, field in resolved.get("properties", {}).items()])
    rows = active_rows(place, batch)
    unfinished = path.with_suffix(".tmp")
    with pq.ParquetWriter(unfinished, schema) as writer:
        while some := list(itertools.islice(rows, _ROWS)):
            plain = [_value(row, resolved) for row in some]
            writer.write_batch(pa.RecordBatch.from_pylist(plain, schema=schema))
    unfinished.rename(path)


def _field(name: str, field: dict[str, Any]) -> Any:
    import pyarrow as pa

    return pa.field(name, _type(field))


def _type(field: dict[str, Any]) -> Any:
    """The Arrow type that becomes the documented Parquet type (EP:xdm/schema/field-constraints.md)."""
    import pyarrow as pa

    kind = kind_of(field)
    if kind == "object":
        members = [_field(name, child) for name, child in field.get("properties", {}).items()]
        # Parquet has no group without members.
        return pa.struct(members or [pa.field("_", pa.string())])
    if kind == "array":
        return pa.list_(_type(field.get("items", {})))
    if kind == "map":
        return pa.map_(pa.string(), _type(field["additionalProperties"]))
    if kind == "integer":
        return {"long": pa.int64(), "short": pa.int16(), "byte": pa.int8()}.get(xdm_type(field), pa.int32())
    plain = {"number": pa.float64(), "boolean": pa.bool_(), "date": pa.date32()}
    return pa.timestamp("ms", tz="UTC") if kind == "date-time" else plain.get(kind, pa.string())


def _value(value: Any, field: dict[str, Any]) -> Any:
    """A row's value as Arrow wants it."""
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
    if kind == "date-time":
        return datetime.fromisoformat(value).astimezone(UTC)
    if kind == "date":
        return date.fromisoformat(value)
    return float(value) if kind == "number" else value

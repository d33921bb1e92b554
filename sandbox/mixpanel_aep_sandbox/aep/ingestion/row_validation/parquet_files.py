"""Reader of Parquet files, which checks their columns against the schema (EP:xdm/schema/field-constraints.md)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mixpanel_aep_sandbox.aep.ingestion.processing.available_dates import TimeRange
from mixpanel_aep_sandbox.aep.ingestion.row_validation.checker import RowChecker
from mixpanel_aep_sandbox.aep.ingestion.row_validation.json_files import Unreadable
from mixpanel_aep_sandbox.aep.ingestion.row_validation.json_schema import kind_of
from mixpanel_aep_sandbox.aep.ingestion.row_validation.parquet_columns import ColumnCheck
from mixpanel_aep_sandbox.aep.ingestion.row_validation.parquet_identities import without_primary
from mixpanel_aep_sandbox.aep.ingestion.row_validation.rules import RowRules
from mixpanel_aep_sandbox.core.json_types import JsonObject

if TYPE_CHECKING:
    import pyarrow as pa


_ROWS = 4096


class Incompatible(Exception):
    """A column is not in the schema, or its type cannot be converted to the field's type, so the batch fails."""


def parquet_rows(path: Path, resolved: JsonObject | None) -> Iterator[JsonObject]:
    """Yield the rows of a Parquet file, with times as epoch milliseconds.

    Args:
        path: The file.
        resolved: The schema that the columns must match; None: all columns are accepted.

    Raises:
        Unreadable, Incompatible: The whole file is invalid.
    """
    for batch in _batches(path, resolved):
        yield from _rows_of(batch)


def parquet_ids_or_rows(
    path: Path, rules: RowRules, checker: RowChecker, dates: TimeRange
) -> Iterator[str | JsonObject]:
    """Yield for each row of a Parquet file, in order, its ``_id`` if it is certainly valid, or else the row.

    Args:
        path: The file.
        rules: The rules for the rows.
        checker: Gives the latest allowed time and the maximum number of fields; the caller checks the yielded rows by
            it.
        dates: Collects the times of the certainly valid rows.

    Raises:
        Unreadable, Incompatible: The whole file is invalid.
    """
    check = ColumnCheck(rules.schema)
    for batch in _batches(path, rules.schema):
        suspects = check.possibly_invalid_rows(batch) | _rows_in_the_future(batch, checker.latest_ms)
        if rules.primary_in_map:
            suspects |= without_primary(batch)
        if _leaves(batch.schema) > checker.most_fields:
            suspects = set(range(len(batch)))
        _add_dates(batch, suspects, dates)
        keys = batch.column("_id").to_pylist() if "_id" in batch.schema.names else [""] * len(batch)
        rows = iter(_rows_of(batch.take(sorted(suspects))) if suspects else ())
        for position, key in enumerate(keys):
            yield next(rows) if position in suspects else "" if key is None else str(key)


def _rows_of(batch: pa.RecordBatch) -> list[JsonObject]:
    """Convert a record batch to rows. Raises Unreadable if a map has a key twice."""
    try:
        return list(batch.to_pylist(maps_as_pydicts="strict"))
    except (KeyError, ValueError) as error:  # ValueError: the map is within a struct
        raise Unreadable("a map has a key twice") from error


def _leaves(schema: pa.Schema) -> int:
    """Return the number of leaf columns, which are not structs, lists or maps."""
    members = [schema.field(n) for n in range(len(schema.names))]
    return sum(_leaves_of(member.type) for member in members)


def _leaves_of(kind: pa.DataType) -> int:
    """Return the number of leaf columns in a type; 1 for a plain type."""
    return sum(_leaves_of(kind.field(n).type) for n in range(kind.num_fields)) or 1


def _rows_in_the_future(batch: pa.RecordBatch, latest_ms: int | None) -> set[int]:
    """Return the indexes of rows whose ``timestamp`` is, or may be, later than allowed.

    Args:
        batch: The rows.
        latest_ms: The latest allowed time in epoch milliseconds; None: any is allowed.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if latest_ms is None or "timestamp" not in batch.schema.names:
        return set()
    stamps = batch.column("timestamp")
    if not pa.types.is_int64(stamps.type):
        return set(range(len(batch)))
    return set(pc.indices_nonzero(pc.greater(stamps, latest_ms)).to_pylist())


def _add_dates(batch: pa.RecordBatch, suspects: set[int], dates: TimeRange) -> None:
    """Add the times of the rows that are not in ``suspects`` to ``dates``."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if "timestamp" not in batch.schema.names or not pa.types.is_int64(batch.column("timestamp").type):
        return
    stamps = batch.column("timestamp")
    if suspects:
        stamps = stamps.filter(pa.array([position not in suspects for position in range(len(batch))]))
    ends = pc.min_max(stamps).as_py()
    if ends["min"] is not None:
        dates.add_moments(ends["min"], ends["max"])


def _batches(path: Path, resolved: JsonObject | None) -> Iterator[pa.RecordBatch]:
    """Yield the record batches of a file, with simplified types (``_plain``).

    Args:
        path: The file.
        resolved: The schema that the columns must match; None: all columns are accepted.

    Raises:
        Unreadable, Incompatible: The whole file is invalid.
    """
    import pyarrow as pa  # imported late, for a quick start
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            if resolved is not None:
                _check_members(file.schema_arrow, resolved, "")
            plain = pa.schema([_plain(member) for member in file.schema_arrow])
            for batch in file.iter_batches(batch_size=_ROWS):
                yield batch.cast(plain)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise Unreadable(f"it cannot be read as Parquet ({type(error).__name__})") from error


def _plain(member: pa.Field) -> pa.Field:
    """Return a field with simpler types at every depth: times as integers, and dates and other texts as strings."""
    import pyarrow as pa

    return pa.field(member.name, _plain_type(member.type), member.nullable)


def _plain_type(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    types = pa.types
    if types.is_timestamp(kind):
        return pa.int64()
    if types.is_dictionary(kind):
        return _plain_type(kind.value_type)
    if types.is_struct(kind):
        return pa.struct([_plain(kind.field(n)) for n in range(kind.num_fields)])
    if types.is_map(kind):
        return pa.map_(_plain_type(kind.key_type), _plain_type(kind.item_type))
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return pa.list_(_plain(kind.value_field))
    if types.is_date(kind) or types.is_large_string(kind):
        return pa.string()
    return kind


def _check_members(members: pa.Schema | pa.StructType, schema: JsonObject, path: str) -> None:
    """Raise Incompatible unless every column, or member of a struct, is a field of the schema, and only once."""
    fields, seen = schema.get("properties", {}), set()
    for member in members:
        name = f"{path}{member.name}"
        if member.name not in fields:
            raise Incompatible(f"column {name} is not in the schema")
        if member.name in seen:
            raise Incompatible(f"column {name} is there twice")
        seen.add(member.name)
        _check(member.type, fields[member.name], name)


def _check(kind: pa.DataType, field: JsonObject, name: str) -> None:
    """Raise Incompatible unless the type of the column ``name`` can be converted to the type of a field."""
    import pyarrow as pa

    types, target = pa.types, kind_of(field)
    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_null(kind):
        return
    if types.is_struct(kind) and target in ("object", "map"):
        _check_struct(kind, field, name)
    elif types.is_map(kind) and target == "map" and _is_text(kind.key_type):
        _check(kind.item_type, field["additionalProperties"], f"{name}.*")
    elif types.is_map(kind) and target == "object" and _is_text(kind.key_type):
        for child, its in field.get("properties", {}).items():  # [I] the map may have any of these keys
            _check(kind.item_type, its, f"{name}.{child}")
    elif (types.is_list(kind) or types.is_large_list(kind)) and target == "array":
        _check(kind.value_type, field.get("items", {}), f"{name}[]")
    elif not _is_convertible(kind, target):
        raise Incompatible(f"column {name} of type {kind} cannot be converted to {target}")


def _check_struct(kind: pa.DataType, field: JsonObject, name: str) -> None:
    members = [kind.field(n) for n in range(kind.num_fields)]
    if kind_of(field) == "object":
        _check_members(members, field, f"{name}.")
        return
    for member in members:
        _check(member.type, field["additionalProperties"], f"{name}.{member.name}")


def _is_convertible(kind: pa.DataType, target: str) -> bool:
    """Return whether AEP converts a plain Arrow type to a field of the kind ``target``."""
    import pyarrow as pa

    types = pa.types
    number = types.is_integer(kind) or types.is_float32(kind) or types.is_float64(kind)
    if target in ("string", "number", "integer"):
        return number or _is_text(kind)
    if target == "boolean":
        return bool(types.is_boolean(kind))
    if target == "date-time" and types.is_timestamp(kind):
        return str(kind.unit) == "ms"  # Adobe documents only INT64 / TIMESTAMP_MILLIS
    if target == "date" and types.is_date32(kind):
        return True
    # Long and String can be converted to dates; Integer, Short, Byte and Double cannot.
    return target in ("date", "date-time") and (bool(types.is_int64(kind)) or _is_text(kind))


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))

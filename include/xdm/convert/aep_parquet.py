"""Parquet in AEP's form: snappy, instants as INT64 milliseconds, list items named ``element``, no Arrow schema."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

AEP_FORM = "aep-parquet-1"
"""The marker in a manifest for files of this form."""


def aep_schema(schema: pa.Schema) -> pa.Schema:
    """Return the Arrow schema of the same columns in AEP's form (facts: XDM field types: INT64 TIMESTAMP_MILLIS)."""
    import pyarrow as pa

    def in_form(kind: pa.DataType) -> pa.DataType:
        if pa.types.is_timestamp(kind):
            return pa.timestamp("ms", tz="UTC")
        if pa.types.is_struct(kind):
            return pa.struct([(f.name, in_form(f.type)) for f in kind])
        if pa.types.is_list(kind):
            return pa.list_(pa.field("element", in_form(kind.value_type)))
        if pa.types.is_map(kind):
            return pa.map_(kind.key_type, in_form(kind.item_type))
        return kind

    # Every column is nullable: the format does not depend on which columns have no nulls on a day.
    return pa.schema([(f.name, in_form(f.type)) for f in schema])


def open_parquet(
    path: Path, schema: pa.Schema, distinct: Collection[str] = (), compression: str = "snappy"
) -> pq.ParquetWriter:
    """Open a ``pyarrow.parquet.ParquetWriter`` without an Arrow schema, as AEP requires, and without statistics.

    ``distinct``: paths of columns whose values hardly repeat, which get no dictionary.
    """
    import pyarrow.parquet as pq

    repeating = [name for name in _column_paths(schema) if name not in distinct]
    return pq.ParquetWriter(
        path, schema, compression=compression, store_schema=False, use_dictionary=repeating or False,
        write_statistics=False,
    )  # fmt: skip


def parquet_reader(path: Path) -> pq.ParquetFile:
    """Open a local Parquet file whose row groups are read one after another.

    Arrow's default, ``pre_buffer``, keeps the columns that were read last in memory until the file is closed.
    """
    import pyarrow.parquet as pq

    return pq.ParquetFile(path, pre_buffer=False)


class AepParquetWriter:
    """A writer of Arrow tables, cast to AEP's form, into one file. ``schema`` is an Arrow schema with all columns."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._schema = aep_schema(schema)
        self._file = open_parquet(path, self._schema)

    def write(self, table: pa.Table) -> None:
        """Append a table as a row group."""
        self._file.write_table(table.cast(self._schema))

    def close(self) -> None:
        """Write the footer."""
        self._file.close()


def has_aep_form(file: pq.ParquetFile) -> bool:
    """Return whether an open ``pyarrow.parquet.ParquetFile`` can be sent to AEP unchanged."""
    metadata, columns = file.metadata, file.metadata.schema
    schema = file.schema_arrow
    names = [columns.column(number).path for number in range(len(columns))]
    return (
        b"ARROW:schema" not in (metadata.metadata or {})
        and schema.equals(aep_schema(schema))
        and names == _column_paths(schema)
        and all(
            metadata.row_group(group).column(number).compression == "SNAPPY"
            for group in range(metadata.num_row_groups)
            for number in range(len(columns))
        )
    )


def _column_paths(schema: pa.Schema) -> list[str]:
    """Return the paths of the Parquet columns of an Arrow schema in AEP's form."""
    return [".".join(path) for field in schema for path in _leaves((field.name,), field.type)]


def _leaves(path: tuple[str, ...], kind: pa.DataType) -> Iterator[tuple[str, ...]]:
    """Yield the names of Parquet's columns below a field, by the format's rules for lists and maps."""
    import pyarrow as pa

    if pa.types.is_struct(kind):
        for child in kind:
            yield from _leaves((*path, child.name), child.type)
    elif pa.types.is_map(kind):
        yield (*path, "key_value", "key")
        yield from _leaves((*path, "key_value", "value"), kind.item_type)
    elif pa.types.is_list(kind):
        yield from _leaves((*path, "list", "element"), kind.value_type)
    else:
        yield path

"""Write and check Parquet files in the form that AEP requires.

AEP's form: compressed with snappy, instants as INT64 milliseconds, list items named ``element``, no Arrow schema.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

AEP_FORM = "aep-parquet-1"
"""The name of this form in manifests."""


def aep_schema(schema: pa.Schema) -> pa.Schema:
    """Return an Arrow schema with the same columns, whose types are written as AEP's form of Parquet."""
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

    ``distinct``: the paths of columns that are written without a dictionary, because their values hardly repeat.
    """
    import pyarrow.parquet as pq

    repeating = [name for name in _column_paths(schema) if name not in distinct]
    return pq.ParquetWriter(
        path, schema, compression=compression, store_schema=False, use_dictionary=repeating or False,
        write_statistics=False,
    )  # fmt: skip


def parquet_reader(path: Path) -> pq.ParquetFile:
    """Open a local Parquet file to read its row groups one after another in little memory.

    With Arrow's default, ``pre_buffer``, the columns that were read last stay in memory until the file is closed.
    """
    import pyarrow.parquet as pq

    return pq.ParquetFile(path, pre_buffer=False)


class AepParquetWriter:
    """A writer of Arrow tables to one Parquet file in AEP's form. ``schema``: the Arrow schema of the tables."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._schema = aep_schema(schema)
        self._file = open_parquet(path, self._schema)

    def write(self, table: pa.Table) -> None:
        """Append a table as a row group."""
        self._file.write_table(table.cast(self._schema))

    def close(self) -> None:
        """Write the footer and close the file."""
        self._file.close()


def has_aep_form(file: pq.ParquetFile) -> bool:
    """Return whether an open ``pyarrow.parquet.ParquetFile`` has AEP's form and can be uploaded unchanged."""
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
    """Return the dotted paths of the Parquet columns of an Arrow schema in AEP's form."""
    return [".".join(path) for field in schema for path in _leaves((field.name,), field.type)]


def _leaves(path: tuple[str, ...], kind: pa.DataType) -> Iterator[tuple[str, ...]]:
    """Yield the path of each Parquet column below an Arrow field, by Parquet's rules for lists and maps."""
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

"""Write tables to a Parquet file in row groups of limited size."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from include.steps.transform.job import Job
from include.xdm.convert.aep_parquet import open_parquet

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_NEARLY_UNIQUE = frozenset({"$insert_id", "$mp_api_timestamp_ms", "mp_processing_time_ms"})
"""Properties whose values are nearly all different, so that a Parquet dictionary would be as long as the column."""


class RowGroups:
    """Collects tables and writes them to a Parquet file in row groups of limited size (``Limits.group_*``).

    The file is created with the first row group, and completed when the context ends without an error.
    """

    def __init__(self, path: Path, job: Job) -> None:
        self._path, self._limits = path, job.limits
        different = (leaf for leaf in job.compiled.leaves if leaf.property in _NEARLY_UNIQUE)
        self._distinct = {"_id", ".".join(job.compiled.unmapped or ()), *(leaf.name for leaf in different)}
        self._writer: pq.ParquetWriter | None = None
        self._held: list[pa.Table] = []
        self.rows = 0

    def __enter__(self) -> RowGroups:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind is None:
            self._flush()
        if self._writer is not None:
            self._writer.close()

    def add(self, table: pa.Table) -> None:
        """Add a table that is not larger than one row group."""
        rows, size = (sum(getattr(held, name) for held in self._held) for name in ("num_rows", "nbytes"))
        if rows + table.num_rows > self._limits.group_rows or size + table.nbytes > self._limits.group_bytes:
            self._flush()
        self._held.append(table)

    def _flush(self) -> None:
        import pyarrow as pa

        if not self._held:
            return
        table = pa.concat_tables(self._held).combine_chunks()
        self._held = []
        if self._writer is None:
            self._writer = open_parquet(self._path, table.schema, self._distinct)
        self._writer.write_table(table, row_group_size=table.num_rows)
        self.rows += table.num_rows

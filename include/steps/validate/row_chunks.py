"""Read the rows of Parquet files in chunks of limited size: some row groups and some of their columns at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from include.quality.leaf_columns import ParquetColumns
from include.quality.view import RowChunk, View
from include.steps.validate.day_counts import COUNTED

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_CHUNK_BYTES = 512 * 1024 * 1024
"""The maximum size of a chunk's row groups in bytes, without compression, as the Parquet metadata states it."""
_CHUNK_VIEWS = 32
"""The maximum number of views (columns to check) of a chunk, so that a wide schema does not need more memory."""


def row_chunks(
    source: pq.ParquetFile, views: Iterable[View], most_rows: int
) -> Iterator[tuple[RowChunk, frozenset[View]]]:
    """Yield chunks of the rows of an open Parquet file, each with the views (columns to check) that it contains.

    ``most_rows``: the maximum number of rows of a chunk, unless a single row group has more rows. The views that
    ``DayCounts`` counts are always in the same chunk.
    """
    columns, first = ParquetColumns(source), 0
    others = sorted({*views} - {*COUNTED}, key=lambda view: (view.path, view.part.value))
    parts = [others[start : start + _CHUNK_VIEWS] for start in range(0, len(others), _CHUNK_VIEWS)]
    if counted := {*views} & {*COUNTED}:
        parts.insert(0, list(counted))
    names = [columns.needed(part) or columns.first for part in parts]
    for groups in _row_groups(source.metadata, most_rows):
        for part, needed in zip(parts, names, strict=True):
            yield RowChunk(source.read_row_groups(groups, columns=needed), first), frozenset(part)
        first += sum(source.metadata.row_group(number).num_rows for number in groups)


def _row_groups(metadata: pq.FileMetaData, most_rows: int) -> Iterator[list[int]]:
    groups: list[int] = []
    rows = size = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        if groups and (rows + group.num_rows > most_rows or size + group.total_byte_size > _CHUNK_BYTES):
            yield groups
            groups, rows, size = [], 0, 0
        groups.append(number)
        rows, size = rows + group.num_rows, size + group.total_byte_size
    if groups:
        yield groups

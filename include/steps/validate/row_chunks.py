"""Reads the rows of Parquet files in chunks of limited size: some row groups, and some of their columns, at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from include.quality.leaf_columns import ParquetColumns
from include.quality.view import RowChunk, View
from include.steps.validate.day_counts import COUNTED

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_CHUNK_BYTES = 512 * 1024 * 1024
"""The size of a chunk's columns, as Parquet counts them without compression."""
_CHUNK_VIEWS = 32
"""The number of views that are read at once, so that a wide schema does not increase memory."""


def row_chunks(
    source: pq.ParquetFile, views: Iterable[View], most_rows: int
) -> Iterator[tuple[RowChunk, frozenset[View]]]:
    """Yield the rows of an open Parquet file, some row groups and views at a time, with the views of each chunk.

    ``most_rows``: of a chunk, unless a single row group has more. The views that ``DayCounts`` counts are in one chunk.
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

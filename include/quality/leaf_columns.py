"""Find the leaf columns of Arrow schemas and Parquet files: the columns that contain scalars, not objects or lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from include.quality.view import ANY, Part, Path, View

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_KEY = "*key"
"""The last part of the path of the column with a map's keys."""


def leaf_paths(arrow_schema: pa.Schema) -> list[Path]:
    """Return the path of every leaf column, in the order of a Parquet file's columns, without the columns of map keys.

    In a path, ``*`` stands for the items of an array and for the values of a map.
    """
    return [path for path in _leaves(arrow_schema) if path[-1] != _KEY]


class ParquetColumns:
    """The leaf columns of a Parquet file; finds the columns that have to be read for given views."""

    def __init__(self, file: pq.ParquetFile) -> None:
        schema = file.metadata.schema
        names = [schema.column(number).path for number in range(len(schema))]
        self._leaves = list(zip(_leaves(file.schema_arrow), names, strict=True))

    @cached_property
    def first(self) -> list[str]:
        """A list with the name of the first column, for a caller that needs only the number of rows; may be empty."""
        return [name for _, name in self._leaves[:1]]

    def needed(self, views: Iterable[View]) -> list[str]:
        """Return the names of the columns that ``views`` read, in the order of the file."""
        wanted = {leaf for view in views for leaf in self._needed_leaves(view)}
        # Arrow can read only complete maps, not their keys or values alone.
        maps = {leaf[:-1] for leaf, _ in self._leaves if leaf[-1] == _KEY}
        wanted_maps = {path for path in maps if any(_is_below(leaf, path) for leaf in wanted)}
        return [
            name
            for leaf, name in self._leaves
            if leaf in wanted or any(_is_below(leaf, path) for path in wanted_maps)
        ]

    def _needed_leaves(self, view: View) -> list[Path]:
        """Return the paths of the leaf columns that a view reads."""
        if view.part is Part.BYTES:
            return [leaf for leaf, _ in self._leaves]
        below = [leaf for leaf, _ in self._leaves if _is_below(leaf, view.path)]
        if view.part is Part.PRESENCE:
            return below[:1] or [leaf for leaf, _ in self._leaves if _is_below(leaf, view.path[:-1])][:1]
        return below[:1] if view.part in (Part.SIZE, Part.KEYS) else below


def _leaves(arrow_schema: pa.Schema) -> Iterator[Path]:
    for column in arrow_schema:
        yield from _leaf_paths_below((column.name,), column.type)


def _leaf_paths_below(path: Path, kind: pa.DataType) -> Iterator[Path]:
    import pyarrow as pa

    if pa.types.is_struct(kind):
        for child in kind:
            yield from _leaf_paths_below((*path, child.name), child.type)
    elif pa.types.is_map(kind):
        yield (*path, _KEY)
        yield from _leaf_paths_below((*path, ANY), kind.item_type)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from _leaf_paths_below((*path, ANY), kind.value_type)
    else:
        yield path


def _is_below(leaf: Path, path: Path) -> bool:
    """Return whether ``leaf`` is ``path`` or a column below it."""
    return leaf[: len(path)] == path

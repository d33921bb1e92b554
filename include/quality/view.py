"""Read the values that expectations check (views) from Arrow columns, without converting rows to Python objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from include.quality.aep_json import row_bytes, row_json

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

Path = tuple[str, ...]
"""The names of fields from the root to a value; ``*`` stands for the items of an array and for the values of a map."""
ANY = "*"
RowNumbers: TypeAlias = "Callable[[], npt.NDArray[np.int64]]"
"""A function that returns the row number of each value of an array; most checks do not need these numbers."""


class Part(Enum):
    """What a view reads of the values at its path."""

    VALUE = "value"
    """The values themselves, without nulls."""
    PRESENCE = "presence"
    """For every parent (object, item of an array or row) that is present: whether it has a value at the path."""
    SIZE = "size"
    """The number of items of arrays, or of keys of maps."""
    KEYS = "keys"
    """The keys of maps."""
    JSON = "json"
    """The values as JSON texts, without nulls."""
    BYTES = "bytes"
    """The size of each row as JSON, in bytes (an upper bound below ``PROFILE_EVENT_BYTES``)."""


@dataclass(frozen=True)
class View:
    """The values that an expectation checks: those at ``path``, or what ``part`` derives from them."""

    path: Path
    part: Part

    @property
    def name(self) -> str:
        """The path as text: the names of the fields, separated by dots."""
        return ".".join(self.path)


BYTES = View((), Part.BYTES)


@dataclass(frozen=True)
class ViewValues:
    """The values of a view in a chunk of rows, without nulls, and the row number of each value in the chunk."""

    values: pa.Array
    rows: RowNumbers


@dataclass(frozen=True)
class _ValuesAt:
    """All values at a path, including nulls.

    ``inside``: booleans that say whether the parent object of each value is present; None: every parent is present.
    """

    array: pa.Array
    rows: RowNumbers
    inside: pa.Array | None = None


class RowChunk:
    """A chunk of consecutive rows of a file, from which the values of views are read.

    Args:
        table: the rows; it needs only the columns that the views read.
        first: the number of the chunk's first row in the file.
    """

    def __init__(self, table: pa.Table, first: int = 0) -> None:
        self.first = first
        self._table = table.combine_chunks()
        self._by_path: dict[Path, _ValuesAt | None] = {}
        self._by_view: dict[View, ViewValues] = {}

    @property
    def num_rows(self) -> int:
        """The number of rows in the chunk."""
        return int(self._table.num_rows)

    def values_of(self, view: View) -> ViewValues:
        """Return the values of a view.

        If the view's column is missing, the result is empty; a view of ``Part.PRESENCE`` then has False for each
        parent.
        """
        if view not in self._by_view:
            self._by_view[view] = self._read_view(view)
        return self._by_view[view]

    def _read_view(self, view: View) -> ViewValues:
        import pyarrow as pa
        import pyarrow.compute as pc

        if view.part is Part.BYTES:
            return ViewValues(pa.array(row_bytes(self._table)), self._all_rows)
        if view.part is Part.PRESENCE:
            return self._presence(view.path)
        level = self._values_at(view.path)
        if level is None:
            return ViewValues(pa.array([], pa.null()), lambda: _positions(0))
        array, rows = level.array, level.rows
        if array.null_count:
            valid = array.is_valid()
            array, rows = array.filter(valid), _filtered_rows(rows, valid)
        match view.part:
            case Part.SIZE:
                return ViewValues(pc.list_value_length(_as_list(array)), rows)
            case Part.KEYS:
                entries = _as_list(array)
                return ViewValues(entries.flatten().field("key"), _repeated_rows(rows, entries))
            case Part.JSON:
                return ViewValues(pa.array(row_json(array), pa.string()), rows)
        return ViewValues(array, rows)

    def _presence(self, path: Path) -> ViewValues:
        """Return whether each present parent has a value at ``path`` (``Part.PRESENCE``)."""
        import pyarrow as pa
        import pyarrow.compute as pc

        level = self._values_at(path)
        if level is None:
            parents = self._values_at(path[:-1])
            if parents is None:
                return ViewValues(pa.array([], pa.bool_()), lambda: _positions(0))
            has_parent = parents.array.is_valid()
            absent = pa.array(_falses(pc.sum(has_parent).as_py() or 0))
            return ViewValues(absent, _filtered_rows(parents.rows, has_parent))
        present = level.array.is_valid()
        if level.inside is None:
            return ViewValues(present, level.rows)
        return ViewValues(present.filter(level.inside), _filtered_rows(level.rows, level.inside))

    def _values_at(self, path: Path) -> _ValuesAt | None:
        """Return all values at a path, or None if no column has it. The result is cached."""
        if path not in self._by_path:
            self._by_path[path] = self._read_values_at(path)
        return self._by_path[path]

    def _read_values_at(self, path: Path) -> _ValuesAt | None:
        import pyarrow as pa
        import pyarrow.compute as pc

        if not path:
            return _ValuesAt(_single_chunk(self._table.to_struct_array()), self._all_rows)
        if len(path) == 1:
            known = path[0] in self._table.column_names
            return _ValuesAt(_single_chunk(self._table[path[0]]), self._all_rows) if known else None
        parents = self._values_at(path[:-1])
        if parents is None:
            return None
        array, name = parents.array, path[-1]
        if name == ANY and not pa.types.is_struct(array.type):
            entries = _as_list(array)
            inner = entries.flatten()
            inner = inner.field("value") if pa.types.is_map(array.type) else inner
            return _ValuesAt(inner, _repeated_rows(parents.rows, entries))
        if not pa.types.is_struct(array.type) or array.type.get_field_index(name) < 0:
            return None
        return _ValuesAt(
            pc.struct_field(array, name), parents.rows, array.is_valid() if array.null_count else None
        )

    def _all_rows(self) -> npt.NDArray[np.int64]:
        return _positions(self.num_rows)


def _single_chunk(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Convert a chunked array to one array; other arrays are returned unchanged."""
    import pyarrow as pa

    if not isinstance(array, pa.ChunkedArray):
        return array
    return array.chunk(0) if array.num_chunks == 1 else array.combine_chunks()


def _as_list(array: pa.Array) -> pa.Array:
    """Convert an array of maps to an array of lists of entries, which Arrow's functions accept; lists are unchanged."""
    import pyarrow as pa

    if not pa.types.is_map(array.type):
        return array
    entry = pa.struct([("key", array.type.key_type), ("value", array.type.item_type)])
    return array.cast(pa.list_(entry))


def _positions(number: int) -> npt.NDArray[np.int64]:
    import numpy as np

    return np.arange(number)


def _falses(number: int) -> npt.NDArray[np.bool_]:
    import numpy as np

    return np.zeros(number, dtype=bool)


def _filtered_rows(rows: RowNumbers, mask: pa.Array) -> RowNumbers:
    return lambda: rows()[mask.to_numpy(zero_copy_only=False)]


def _repeated_rows(rows: RowNumbers, lists: pa.Array) -> RowNumbers:
    """Return the row number of each item of all lists. ``rows``: the row number of each list."""

    def repeated() -> npt.NDArray[np.int64]:
        import numpy as np
        import pyarrow.compute as pc

        sizes = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
        return np.repeat(rows(), sizes)

    return repeated

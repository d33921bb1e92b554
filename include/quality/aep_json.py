"""Convert rows to the JSON that AEP ingests: without nulls, and with timestamps in milliseconds."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from include.json_types import JsonObject

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

PROFILE_EVENT_BYTES = 10_240
"""The largest ExperienceEvent that Real-Time Customer Profile accepts; it drops larger ones (EP:profile/guardrails.md)."""
_MAX_ESCAPED_BYTES = 6
"""The largest number of JSON bytes for one byte of a text: a control character becomes six, such as ``\\u0001``."""
_MAX_SCALAR_BYTES = 32
"""An upper bound of the JSON bytes of a number, boolean, date or timestamp."""


def without_nulls(row: JsonObject) -> JsonObject:
    """Return a copy of a row without nulls at any depth: AEP does not treat null as a missing value."""
    return {key: _value_without_nulls(value) for key, value in row.items() if value is not None}


def _value_without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return without_nulls(value)
    if isinstance(value, list):
        return [_value_without_nulls(inner) for inner in value if inner is not None]
    return value


def instant_text(value: date) -> str:
    """Format a UTC ``datetime`` for AEP as ``2026-01-31T12:00:00.000Z``, and a ``date`` as ``2026-01-31``."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value.isoformat()


def row_json(array: pa.Array) -> list[str]:
    """Return each value of an Arrow array as JSON text, without nulls inside the value."""
    import msgspec

    encode = msgspec.json.Encoder().encode
    return [
        encode(_json_value(_value_without_nulls(value))).decode()
        for value in array.to_pylist(maps_as_pydicts="strict")
    ]


def _json_value(value: object) -> object:
    if isinstance(value, dict):
        return {key: _json_value(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_json_value(inner) for inner in value]
    return instant_text(value) if isinstance(value, date) else value


def row_bytes(table: pa.Table) -> npt.NDArray[np.int64]:
    """Return the size of each row of a table as JSON, in bytes, in the order of the rows.

    A size above ``PROFILE_EVENT_BYTES`` is exact; another size is an upper bound, which is computed from the columns.
    That is much faster than writing each row as JSON, which takes 50 microseconds.
    """
    rows = table.to_struct_array().combine_chunks()
    sizes = _size_bounds(rows)
    large = (sizes > PROFILE_EVENT_BYTES).nonzero()[0]
    sizes[large] = [len(text.encode()) for text in row_json(rows.take(large))]
    return sizes


def _size_bounds(array: pa.Array) -> npt.NDArray[np.int64]:
    """Return an upper bound of the JSON size of each value of an Arrow array, in bytes; 0 for a null."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    kind, types = array.type, pa.types
    if types.is_struct(kind):
        sizes = np.full(len(array), 2, np.int64)
        for field in kind:
            child = pc.struct_field(array, field.name)
            present = child.is_valid().to_numpy(zero_copy_only=False)
            sizes += _size_bounds(child) + present * (_MAX_ESCAPED_BYTES * len(field.name.encode()) + 4)
    elif types.is_map(kind):
        entry = pa.struct([("key", kind.key_type), ("value", kind.item_type)])
        entries = array.cast(pa.list_(entry))
        inner = entries.flatten()
        sizes = _list_sums(entries, _size_bounds(inner.field("key")) + _size_bounds(inner.field("value")) + 2)
    elif types.is_list(kind):
        sizes = _list_sums(array, _size_bounds(array.flatten()) + 1)
    elif types.is_string(kind):
        lengths = pc.fill_null(pc.binary_length(array), 0).to_numpy(zero_copy_only=False)
        sizes = lengths.astype(np.int64) * _MAX_ESCAPED_BYTES + 2
    else:
        sizes = np.full(len(array), _MAX_SCALAR_BYTES, np.int64)
    bounds: npt.NDArray[np.int64] = sizes * array.is_valid().to_numpy(zero_copy_only=False)
    return bounds


def _list_sums(lists: pa.Array, sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the JSON size of each list: two brackets and its items. ``sizes``: those of the items of all lists."""
    import numpy as np
    import pyarrow.compute as pc

    ends = np.cumsum(
        pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False), dtype=np.int64
    )
    total = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    sums: npt.NDArray[np.int64] = 2 + total[ends] - total[np.concatenate([[0], ends[:-1]])]
    return sums

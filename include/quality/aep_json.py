"""Rows and parts of rows as AEP reads them in JSON: without nulls, with instants in milliseconds."""

from __future__ import annotations

from typing import Any

PROFILE_EVENT_BYTES = 10_240
"""The largest ExperienceEvent that Real-Time Customer Profile accepts; it drops larger ones (EP:profile/guardrails.md)."""
_ESCAPED = 6
"""The largest number of JSON bytes for one byte of a text, such as a control character."""
_SCALAR_BYTES = 32
"""More bytes than any number, boolean, date or instant needs."""


def without_nulls(value: Any) -> Any:
    """Return a row value without its nulls: AEP does not treat null as absent."""
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [without_nulls(inner) for inner in value if inner is not None]
    return value


def instant_text(value: Any) -> str:
    """Return an instant in AEP's date-time format, with milliseconds and Z; a date as a date."""
    text: str = value.isoformat(timespec="milliseconds") if hasattr(value, "hour") else value.isoformat()
    return text.replace("+00:00", "Z")


def row_json(array: Any) -> list[str]:
    """Return each value of an Arrow array without nulls as JSON text."""
    import msgspec

    encode = msgspec.json.Encoder().encode
    return [
        encode(_json_value(without_nulls(value))).decode()
        for value in array.to_pylist(maps_as_pydicts="strict")
    ]


def _json_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _json_value(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_json_value(inner) for inner in value]
    return instant_text(value) if hasattr(value, "isoformat") else value


def row_bytes(table: Any) -> Any:
    """Return the size of each row as JSON, in bytes: exact above ``PROFILE_EVENT_BYTES``, otherwise an upper bound.

    Writing a row as JSON takes 50 microseconds; the columns show that most rows are far below the limit.
    """
    rows = table.to_struct_array().combine_chunks()
    sizes = _size_bounds(rows)
    large = (sizes > PROFILE_EVENT_BYTES).nonzero()[0]
    sizes[large] = [len(text.encode()) for text in row_json(rows.take(large))]
    return sizes


def _size_bounds(array: Any) -> Any:
    """Return an upper bound of the JSON size of each value of an Arrow array; 0 for a null, which is left out."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    kind, types = array.type, pa.types
    if types.is_struct(kind):
        sizes = np.full(len(array), 2, np.int64)
        for field in kind:
            child = pc.struct_field(array, field.name)
            there = child.is_valid().to_numpy(zero_copy_only=False)
            sizes += _size_bounds(child) + there * (_ESCAPED * len(field.name.encode()) + 4)
    elif types.is_map(kind):
        entry = pa.struct([("key", kind.key_type), ("value", kind.item_type)])
        entries = array.cast(pa.list_(entry))
        inner = entries.flatten()
        sizes = _list_sums(entries, _size_bounds(inner.field("key")) + _size_bounds(inner.field("value")) + 2)
    elif types.is_list(kind):
        sizes = _list_sums(array, _size_bounds(array.flatten()) + 1)
    elif types.is_string(kind):
        lengths = pc.fill_null(pc.binary_length(array), 0).to_numpy(zero_copy_only=False)
        sizes = lengths.astype(np.int64) * _ESCAPED + 2
    else:
        sizes = np.full(len(array), _SCALAR_BYTES, np.int64)
    return sizes * array.is_valid().to_numpy(zero_copy_only=False)


def _list_sums(lists: Any, sizes: Any) -> Any:
    """Return the sum of the sizes of each list's items and of its brackets."""
    import numpy as np
    import pyarrow.compute as pc

    ends = np.cumsum(
        pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False), dtype=np.int64
    )
    total = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    return 2 + total[ends] - total[np.concatenate([[0], ends[:-1]])]

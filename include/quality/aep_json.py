"""Rows and parts of rows as AEP reads them in JSON: nulls left out, instants with milliseconds."""

from __future__ import annotations

from typing import Any

PROFILE_EVENT_BYTES = 10_240
"""What Real-Time Customer Profile takes of an ExperienceEvent; larger ones are dropped (EP:profile/guardrails.md)."""
_ESCAPED = 6
"""Bytes that JSON takes at most for one of a text, as for a control character."""
_SCALAR_BYTES = 32
"""More than any number, boolean, date or instant takes."""


def present(value: Any) -> Any:
    """A row value without its nulls: for AEP null is not absent, so absent it must be."""
    if isinstance(value, dict):
        return {key: present(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [present(inner) for inner in value if inner is not None]
    return value


def iso(value: Any) -> str:
    """Instants as AEP's date-time pattern wants them, with milliseconds and Z; dates as dates."""
    text: str = value.isoformat(timespec="milliseconds") if hasattr(value, "hour") else value.isoformat()
    return text.replace("+00:00", "Z")


def row_json(array: Any) -> list[str]:
    """Each value of an Arrow array without nulls as JSON text."""
    import msgspec

    encode = msgspec.json.Encoder().encode
    return [encode(_written(present(value))).decode() for value in array.to_pylist(maps_as_pydicts="strict")]


def _written(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _written(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_written(inner) for inner in value]
    return iso(value) if hasattr(value, "isoformat") else value


def row_bytes(table: Any) -> Any:
    """The size of each row as JSON, in bytes: exact above ``PROFILE_EVENT_BYTES``, below it an upper bound.

    Writing every row as JSON takes 50 microseconds a row; most rows are far below the limit, which their columns show.
    """
    rows = table.to_struct_array().combine_chunks()
    sizes = _most_bytes(rows)
    large = (sizes > PROFILE_EVENT_BYTES).nonzero()[0]
    sizes[large] = [len(text.encode()) for text in row_json(rows.take(large))]
    return sizes


def _most_bytes(array: Any) -> Any:
    """An upper bound of the JSON size of each value of an Arrow array; nothing for a null, which is left out."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    kind, types = array.type, pa.types
    if types.is_struct(kind):
        sizes = np.full(len(array), 2, np.int64)
        for field in kind:
            child = pc.struct_field(array, field.name)
            there = child.is_valid().to_numpy(zero_copy_only=False)
            sizes += _most_bytes(child) + there * (_ESCAPED * len(field.name.encode()) + 4)
    elif types.is_map(kind):
        entry = pa.struct([("key", kind.key_type), ("value", kind.item_type)])
        entries = array.cast(pa.list_(entry))
        inner = entries.flatten()
        sizes = _sums(entries, _most_bytes(inner.field("key")) + _most_bytes(inner.field("value")) + 2)
    elif types.is_list(kind):
        sizes = _sums(array, _most_bytes(array.flatten()) + 1)
    elif types.is_string(kind):
        lengths = pc.fill_null(pc.binary_length(array), 0).to_numpy(zero_copy_only=False)
        sizes = lengths.astype(np.int64) * _ESCAPED + 2
    else:
        sizes = np.full(len(array), _SCALAR_BYTES, np.int64)
    return sizes * array.is_valid().to_numpy(zero_copy_only=False)


def _sums(lists: Any, sizes: Any) -> Any:
    """The sums of the sizes of each list's items, and of its brackets."""
    import numpy as np
    import pyarrow.compute as pc

    ends = np.cumsum(
        pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False), dtype=np.int64
    )
    total = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    return 2 + total[ends] - total[np.concatenate([[0], ends[:-1]])]

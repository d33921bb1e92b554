"""Convert spilled columns to rows that have the nested structure of the XDM schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from include.xdm.mapping.compile import CompiledMapping, Leaf

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

_Tree: TypeAlias = "dict[str, _Tree | pa.Array]"


def nested_rows(
    compiled: CompiledMapping, rows: pa.Table, computed: Mapping[int, pa.Array], identities: pa.Array
) -> pa.Table:
    """Return spilled rows as an Arrow table with the top-level columns of the XDM schema.

    ``computed``: the columns of expressions, by number of the schema field. ``identities``: the column ``identityMap``.
    """
    import pyarrow as pa

    tree: _Tree = {}
    for leaf in compiled.leaves:
        _insert_column(tree, leaf.destination, _one_chunk(rows[compiled.columns[leaf.number]]))
    for leaf in compiled.constants:
        _insert_column(tree, leaf.destination, _constant(leaf, rows.num_rows))
    for leaf in compiled.computed:
        _insert_column(tree, leaf.destination, computed[leaf.number])
    if compiled.unmapped is not None:
        _insert_column(tree, compiled.unmapped, _one_chunk(rows["unmapped"]))
    columns = {
        "_id": hex_ids(rows),
        "timestamp": _one_chunk(rows["timestamp"]).cast(pa.timestamp("ms", tz="UTC")),
        "identityMap": identities,
        **{name: _nested(tree[name]) for name in compiled.top_fields},
    }
    return pa.table(columns)


def hex_ids(rows: pa.Table) -> pa.Array:
    """Return the ``_id`` of each row as text of 64 hexadecimal digits."""
    import numpy as np
    import pyarrow as pa

    column = _one_chunk(rows["id"])
    data = bytes(memoryview(column.buffers()[1])[32 * column.offset : 32 * (column.offset + len(column))])
    offsets = np.arange(len(column) + 1, dtype=np.int32) * 64
    return pa.StringArray.from_buffers(len(column), pa.py_buffer(offsets), pa.py_buffer(data.hex().encode()))


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _constant(leaf: Leaf, rows: int) -> pa.Array:
    import pyarrow as pa

    value, _ = leaf.converter.from_values([leaf.constant])
    return pa.repeat(value[0], rows) if value[0].is_valid else pa.nulls(rows, value.type)


def _insert_column(tree: _Tree, path: Sequence[str], column: pa.Array) -> None:
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
        if not isinstance(tree, dict):
            raise TypeError(f"{name} is a leaf and a branch")  # bind() rejects such mapping sets
    tree[path[-1]] = column


def _nested(branch: _Tree | pa.Array) -> pa.Array:
    """Return a tree of columns as a struct column; a struct without values is null, as AEP accepts no empty objects."""
    import numpy as np
    import pyarrow as pa

    if not isinstance(branch, dict):
        return branch
    children = [_nested(child) for child in branch.values()]
    fields = [pa.field(name, child.type) for name, child in zip(branch, children, strict=True)]
    empty: npt.NDArray[np.bool_] | None = None
    for child in children:
        if child.null_count == 0:
            empty = None
            break
        missing = child.is_null().to_numpy(zero_copy_only=False)
        empty = missing if empty is None else np.logical_and(empty, missing)
    mask = pa.array(empty) if empty is not None and empty.any() else None
    return pa.StructArray.from_arrays(children, fields=fields, mask=mask)

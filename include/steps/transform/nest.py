"""From spilled columns to rows in the schema's shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from include.xdm.compile import CompiledMapping, Leaf
from include.xdm.convert.arrow_types import identity_map_type

BLOCKED_IDENTITIES = ("null", "anonymous", "invalid")
"""Identity values that AEP's Identity Service blocks (facts: identity guardrails); also empty and over 1024."""
_LONGEST_IDENTITY = 1024

_Tree = dict[str, Any]


def nested_rows(compiled: CompiledMapping, rows: Any, computed: Mapping[int, Any]) -> Any:
    """Return spilled rows as an Arrow table with the schema's columns. ``computed``: by leaf the expressions' columns."""
    import pyarrow as pa

    tree: _Tree = {}
    for leaf in compiled.leaves:
        _plant(tree, leaf.destination, _one_chunk(rows[compiled.columns[leaf.number]]))
    for leaf in compiled.constants:
        _plant(tree, leaf.destination, _constant(leaf, rows.num_rows))
    for leaf in compiled.computed:
        _plant(tree, leaf.destination, computed[leaf.number])
    if compiled.unmapped is not None:
        _plant(tree, compiled.unmapped, _one_chunk(rows["unmapped"]))
    columns = {
        "_id": hex_ids(rows),
        "timestamp": _one_chunk(rows["timestamp"]).cast(pa.timestamp("ms", tz="UTC")),
        "identityMap": identity_map(compiled, rows),
        **{name: _nested(tree[name]) for name in compiled.tops},
    }
    return pa.table(columns)


def hex_ids(rows: Any) -> Any:
    """Return ``_id`` as text: 64 hexadecimal digits."""
    import numpy as np
    import pyarrow as pa

    column = _one_chunk(rows["id"])
    data = bytes(memoryview(column.buffers()[1])[32 * column.offset : 32 * (column.offset + len(column))])
    offsets = np.arange(len(column) + 1, dtype=np.int32) * 64
    return pa.StringArray.from_buffers(len(column), pa.py_buffer(offsets), pa.py_buffer(data.hex().encode()))


def _one_chunk(column: Any) -> Any:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _constant(leaf: Leaf, rows: int) -> Any:
    import pyarrow as pa

    value, _ = leaf.converter.from_values([leaf.constant])
    return pa.repeat(value[0], rows) if value[0].is_valid else pa.nulls(rows, value.type)


def _plant(tree: _Tree, path: Sequence[str], column: Any) -> None:
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
        if not isinstance(tree, dict):
            raise TypeError(f"{name} is a leaf and a branch")  # bind() refuses such mapping sets
    tree[path[-1]] = column


def _nested(branch: Any) -> Any:
    """A struct, null where nothing is in it: AEP takes no empty objects."""
    import numpy as np
    import pyarrow as pa

    if not isinstance(branch, dict):
        return branch
    children = [_nested(child) for child in branch.values()]
    fields = [pa.field(name, child.type) for name, child in zip(branch, children, strict=True)]
    empty: Any = None
    for child in children:
        if child.null_count == 0:
            empty = None
            break
        missing = child.is_null().to_numpy(zero_copy_only=False)
        empty = missing if empty is None else np.logical_and(empty, missing)
    mask = pa.array(empty) if empty is not None and empty.any() else None
    return pa.StructArray.from_arrays(children, fields=fields, mask=mask)


def identity_map(compiled: CompiledMapping, rows: Any) -> Any:
    """Return ``identityMap``: of the identities that are there, the first named in the pipeline file is primary.

    None of them is, where a field of the schema is the primary identity.
    """
    import numpy as np
    import pyarrow as pa

    count, kind = rows.num_rows, identity_map_type()
    if not compiled.identities:
        return pa.nulls(count, kind)
    texts = [_clean(_one_chunk(rows[name])) for name in compiled.identity_columns]
    there = [text.is_valid().to_numpy(zero_copy_only=False) for text in texts]
    taken = np.zeros(count, bool)
    primary = []
    for each in there:
        primary.append(each & ~taken & compiled.primary_in_map)
        taken |= each
    places: dict[str, list[int]] = {}
    for n, (_, namespace) in enumerate(compiled.identities):
        places.setdefault(namespace, []).append(n)
    order = [n for numbers in places.values() for n in numbers]
    kept = np.stack([there[n] & ~_said_before(texts, places, compiled, n) for n in order], axis=1)
    row, column = np.nonzero(kept)
    number = np.array(order)[column]
    ids = pa.concat_arrays(texts).take(pa.array(number * count + row))
    flags = np.stack(primary, axis=1)[row, number]
    ambiguous = pa.repeat(pa.scalar("ambiguous"), len(row))
    items = pa.StructArray.from_arrays(
        [ids, ambiguous, pa.array(flags)], fields=list(kind.item_type.value_type)
    )
    return _maps(kept, places, items)


def _maps(kept: Any, places: Mapping[str, list[int]], items: Any) -> Any:
    """Maps of ``items``; ``kept``: by row and identity, in the order of ``places``, whether there is one."""
    import numpy as np
    import pyarrow as pa

    kind = identity_map_type()
    per_namespace, start = [], 0
    for numbers in places.values():
        per_namespace.append(kept[:, start : start + len(numbers)].sum(axis=1))
        start += len(numbers)
    counts = np.stack(per_namespace, axis=1)
    entry_row, entry_namespace = np.nonzero(counts)
    keys = pa.array(list(places), pa.string()).take(pa.array(entry_namespace))
    item_offsets = np.concatenate([[0], np.cumsum(counts[entry_row, entry_namespace])]).astype(np.int32)
    lists = pa.ListArray.from_arrays(pa.array(item_offsets), items, type=kind.item_type)
    per_row = (counts > 0).sum(axis=1)
    offsets = np.concatenate([[0], np.cumsum(per_row)]).astype(np.int32)
    # A null offset makes a null map: AEP takes no empty ones.
    starts = pa.array(offsets, mask=np.append(per_row == 0, False))
    return pa.MapArray.from_arrays(starts, keys, lists).cast(kind)


def _clean(text: Any) -> Any:
    """Identities without blanks around them and without the prefix that does not belong to the id; null if blocked."""
    import pyarrow as pa
    import pyarrow.compute as pc

    # Simplified ID merge writes an anonymous distinct_id as $device:<id>.
    clean = pc.utf8_trim(text, characters=" ")
    clean = pc.replace_substring_regex(clean, r"\A\$device:", "")
    length = pc.utf8_length(clean)
    good = pc.and_(pc.greater(length, 0), pc.less_equal(length, _LONGEST_IDENTITY))
    blocked = pc.is_in(pc.utf8_lower(clean), value_set=pa.array(BLOCKED_IDENTITIES))
    return pc.if_else(pc.and_not(good, blocked), clean, pa.scalar(None, pa.string()))


def _said_before(
    texts: Sequence[Any], places: Mapping[str, list[int]], compiled: CompiledMapping, n: int
) -> Any:
    """Where an identity repeats one of the same namespace that is named before it."""
    import numpy as np
    import pyarrow.compute as pc

    again = np.zeros(len(texts[n]), bool)
    for other in places[compiled.identities[n][1]]:
        if other < n:
            equal = pc.fill_null(pc.equal(texts[n], texts[other]), False)
            again |= equal.to_numpy(zero_copy_only=False)
    return again

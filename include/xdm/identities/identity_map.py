"""Build the XDM field ``identityMap`` of many rows: identities by namespace, one of them marked as primary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from include.xdm.convert.arrow_types import identity_map_type
from include.xdm.identities.identity_columns import CompiledIdentity, IdentityColumn

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa


def identity_map(
    identities: Sequence[CompiledIdentity],
    inputs: Sequence[IdentityColumn],
    count: int,
    *,
    primary_in_map: bool,
) -> pa.MapArray:
    """Build the ``identityMap`` of ``count`` rows; null for a row without identities.

    The first of ``identities`` that is present in a row is marked as primary. ``inputs``: the values of each identity.
    ``primary_in_map``: False if another field is the primary identity; then no identity in the map is marked.
    """
    import numpy as np
    import pyarrow as pa

    kind = identity_map_type()
    if not identities:
        return pa.nulls(count, kind)
    texts = [each.column.texts for each in inputs]
    there = [text.is_valid().to_numpy(zero_copy_only=False) for text in texts]
    taken = np.zeros(count, bool)
    primary = []
    for each in there:
        primary.append(each & ~taken & primary_in_map)
        taken |= each
    places: dict[str, list[int]] = {}
    for n, identity in enumerate(identities):
        places.setdefault(identity.rules.namespace, []).append(n)
    order = [n for numbers in places.values() for n in numbers]
    kept = np.stack(
        [there[n] & ~_repeats_earlier(texts, places[identities[n].rules.namespace], n) for n in order], axis=1
    )
    row, column = np.nonzero(kept)
    number = np.array(order)[column]
    ids = pa.concat_arrays(texts).take(pa.array(number * count + row))
    flags = np.stack(primary, axis=1)[row, number]
    items = pa.StructArray.from_arrays(
        [ids, _states_of(inputs, count, number, row), pa.array(flags)], fields=list(kind.item_type.value_type)
    )
    return _maps(kept, places, items)


def _states_of(
    inputs: Sequence[IdentityColumn], count: int, number: npt.NDArray[np.int64], row: npt.NDArray[np.int64]
) -> pa.Array:
    """Return the ``authenticatedState`` of each item of the maps.

    ``count``: the number of rows; ``number``, ``row``: for each item, the index of its identity and its row.
    """
    import pyarrow as pa

    states = [each.states for each in inputs]
    if all(isinstance(state, str) for state in states):
        if len(set(states)) == 1:
            return pa.repeat(pa.scalar(states[0]), len(row))
        return pa.array(states, pa.string()).take(pa.array(number))
    columns = [pa.repeat(pa.scalar(state), count) if isinstance(state, str) else state for state in states]
    return pa.concat_arrays(columns).take(pa.array(number * count + row))


def _maps(kept: npt.NDArray[np.bool_], places: Mapping[str, list[int]], items: pa.StructArray) -> pa.MapArray:
    """Return for each row a map from namespaces to lists of ``items``.

    Args:
        kept: whether the map of a row (first axis) contains an identity (second axis, in the order of ``places``).
        places: by namespace, the indexes of its identities.
        items: the identities of all maps, row by row.
    """
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
    # A null offset gives a null map: AEP rejects empty maps.
    starts = pa.array(offsets, mask=np.append(per_row == 0, False))
    return pa.MapArray.from_arrays(starts, keys, lists).cast(kind)


def _repeats_earlier(texts: Sequence[pa.Array], same: Sequence[int], n: int) -> npt.NDArray[np.bool_]:
    """Return for each row whether identity ``n`` equals an earlier identity of its namespace.

    ``same``: the indexes of the identities of this namespace.
    """
    import numpy as np
    import pyarrow.compute as pc

    again = np.zeros(len(texts[n]), bool)
    for other in same:
        if other < n:
            equal = pc.fill_null(pc.equal(texts[n], texts[other]), False)
            again |= equal.to_numpy(zero_copy_only=False)
    return again

"""Compute the identities of the rows of a spill file, and count the values that the rules of a namespace drop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from include.xdm.convert.column_converter import decode_values
from include.xdm.convert.values import Value
from include.xdm.identities.identity_rules import REASONS, STATES, IdentityRules
from include.xdm.identities.identity_values import IdentityValues, apply_rules, drop_failed, read_identities

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class CompiledIdentity:
    """One identity of a pipeline, in the form that processes of the step transform receive.

    Attributes:
        rules: the rules of the identity namespace.
        property: the Mixpanel property that contains the identity; None if an expression computes it.
        number: the number of this expression; None if ``property`` is set.
        state: the ``authenticatedState`` of all rows, or the number of the expression that computes it.
    """

    rules: IdentityRules
    property: str | None
    number: int | None = None
    state: str | int = STATES[0]


@dataclass(frozen=True)
class IdentityColumn:
    """The values of one identity in some rows, with its rules applied.

    ``states``: the ``authenticatedState`` of all rows, or a text array with that of each row.
    """

    column: IdentityValues
    states: str | pa.Array


def identity_inputs(
    identities: Sequence[CompiledIdentity], names: Mapping[int, str], rows: pa.Table, found: pa.Table
) -> list[IdentityColumn]:
    """Return the values of each identity in the rows of a spill file, with the rules of its namespace applied.

    Args:
        identities: the identities of the pipeline.
        names: by the index of an identity that is a property, the column of ``rows`` with its values as texts.
        rows: the rows; column ``d<n>`` has the drop reasons of identity ``n``, as in ``IdentityValues``.
        found: the results of expressions, in the order of ``rows``. Column ``s<number>`` has the value as JSON text;
            column ``x<number>`` is true where the expression failed.
    """
    made = []
    for n, identity in enumerate(identities):
        if identity.number is None:
            column = _of_property(n, names, rows)
        else:
            values = read_identities(_json_values(found[f"s{identity.number}"]))
            column = drop_failed(values, found[f"x{identity.number}"])
        state = identity.state
        states = state if isinstance(state, str) else _states(found[f"s{state}"])
        made.append(IdentityColumn(apply_rules(column, identity.rules), states))
    return made


def _of_property(n: int, names: Mapping[int, str], rows: pa.Table) -> IdentityValues:
    return IdentityValues(_one_chunk(rows[names[n]]), _one_chunk(rows[f"d{n}"]))


def _json_values(column: pa.ChunkedArray) -> list[Value]:
    return decode_values([msgspec.Raw((text or "null").encode()) for text in column.to_pylist()])


def _states(column: pa.ChunkedArray) -> pa.Array:
    """Return the ``authenticatedState`` of each row; a value that is not in ``STATES`` is replaced by ``ambiguous``."""
    import pyarrow as pa

    known = {f'"{state}"': state for state in STATES}
    return pa.array([known.get(text, STATES[0]) for text in column.to_pylist()], pa.string())


def count_dropped(
    identities: Sequence[CompiledIdentity], inputs: Sequence[IdentityColumn]
) -> Counter[tuple[str, str]]:
    """Count the dropped identity values of all identities, by namespace and reason.

    ``inputs``: what ``identity_inputs`` returned for ``identities``.
    """
    counts = Counter[tuple[str, str]]()
    for identity, found in zip(identities, inputs, strict=True):
        counts.update(_by_reason(identity, found.column))
    return counts


def count_dropped_properties(
    identities: Sequence[CompiledIdentity], names: Mapping[int, str], rows: pa.Table
) -> Counter[tuple[str, str]]:
    """Count dropped identity values as ``count_dropped`` does, but only those of identities that are properties.

    ``names``, ``rows``: as in ``identity_inputs``.
    """
    counts = Counter[tuple[str, str]]()
    for n in names:
        counts.update(
            _by_reason(identities[n], apply_rules(_of_property(n, names, rows), identities[n].rules))
        )
    return counts


def _by_reason(identity: CompiledIdentity, column: IdentityValues) -> dict[tuple[str, str], int]:
    import numpy as np

    if column.reasons.null_count == len(column.reasons):
        return {}
    numbers = np.bincount(column.reasons.drop_null().to_numpy(), minlength=len(REASONS)).tolist()
    return {
        (identity.rules.namespace, reason): number
        for reason, number in zip(REASONS, numbers, strict=True)
        if number
    }


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()

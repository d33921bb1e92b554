"""Reads or computes the identities of many rows by the rules of their namespaces, and counts dropped values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from include.xdm.convert.column_converter import decode_values
from include.xdm.convert.values import Value
from include.xdm.identities.identity_rules import REASONS, STATES, IdentityRules
from include.xdm.identities.identity_texts import IdentityTexts, judged, texts_of, with_failures


@dataclass(frozen=True)
class CompiledIdentity:
    """One identity.

    ``property``: the property that holds it, or None if expression ``number`` gives it. ``state``: its
    ``authenticatedState``, or the number of an expression.
    """

    rules: IdentityRules
    property: str | None
    number: int | None = None
    state: str | int = STATES[0]


@dataclass(frozen=True)
class IdentityColumn:
    """The input of ``identity_map`` for one identity. ``states``: a text for each row, or one text for all rows."""

    column: IdentityTexts
    states: Any


def identity_inputs(
    identities: Sequence[CompiledIdentity], names: Mapping[int, str], rows: Any, found: Any
) -> list[IdentityColumn]:
    """Return the identities of spilled rows, by the rules of their namespaces.

    ``names``: the column of ``rows`` with the texts of each identity that is a property; ``d<n>`` is the column of its
    reasons. ``found``: for each expression ``s<number>``, a JSON text, and ``x<number>``, whether it failed; in the
    order of ``rows``.
    """
    made = []
    for n, identity in enumerate(identities):
        if identity.number is None:
            column = _of_property(n, names, rows)
        else:
            column = with_failures(
                texts_of(_json_values(found[f"s{identity.number}"])), found[f"x{identity.number}"]
            )
        state: Any = identity.state
        if isinstance(state, int):
            state = _states(found[f"s{state}"])
        made.append(IdentityColumn(judged(column, identity.rules), state))
    return made


def _of_property(n: int, names: Mapping[int, str], rows: Any) -> IdentityTexts:
    return IdentityTexts(_one_chunk(rows[names[n]]), _one_chunk(rows[f"d{n}"]))


def _json_values(column: Any) -> list[Value]:
    return decode_values([msgspec.Raw((text or "null").encode()) for text in column.to_pylist()])


def _states(column: Any) -> Any:
    """Return the states; a value that is not one of ``STATES`` becomes ``ambiguous``."""
    import pyarrow as pa

    known = {f'"{state}"': state for state in STATES}
    return pa.array([known.get(text, STATES[0]) for text in column.to_pylist()], pa.string())


def count_dropped(
    identities: Sequence[CompiledIdentity], inputs: Sequence[IdentityColumn]
) -> Counter[tuple[str, str]]:
    """Return how many identities were dropped, by namespace and reason."""
    counts = Counter[tuple[str, str]]()
    for identity, found in zip(identities, inputs, strict=True):
        counts.update(_by_reason(identity, found.column))
    return counts


def count_dropped_properties(
    identities: Sequence[CompiledIdentity], names: Mapping[int, str], rows: Any
) -> Counter[tuple[str, str]]:
    """Return the counts of ``count_dropped`` for spilled rows without computed identities. ``names``: as in ``identity_inputs``."""
    counts = Counter[tuple[str, str]]()
    for n in names:
        counts.update(_by_reason(identities[n], judged(_of_property(n, names, rows), identities[n].rules)))
    return counts


def _by_reason(identity: CompiledIdentity, column: IdentityTexts) -> dict[tuple[str, str], int]:
    import numpy as np

    if column.reasons.null_count == len(column.reasons):
        return {}
    numbers = np.bincount(column.reasons.drop_null().to_numpy(), minlength=len(REASONS)).tolist()
    return {
        (identity.rules.namespace, reason): number
        for reason, number in zip(REASONS, numbers, strict=True)
        if number
    }


def _one_chunk(column: Any) -> Any:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()

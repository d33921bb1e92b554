"""The identities of many rows by the rules of their namespaces, read or computed, and how many were dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from include.xdm.convert.column import NULL
from include.xdm.identity_bind import STATES
from include.xdm.identity_columns import IdentityTexts, judged, texts_of, with_failures
from include.xdm.identity_rules import REASONS, IdentityRules


@dataclass(frozen=True)
class CompiledIdentity:
    """One identity. ``property``: what it is read from, or None where expression ``number`` gives it.

    ``state``: its ``authenticatedState``, or the number of an expression.
    """

    rules: IdentityRules
    property: str | None
    number: int | None = None
    state: str | int = STATES[0]


@dataclass(frozen=True)
class IdentityColumn:
    """What ``identity_map`` reads of one identity. ``states``: a text for each row, or one for all."""

    column: IdentityTexts
    states: Any


def identity_inputs(identities: Sequence[CompiledIdentity], rows: Any, found: Any) -> list[IdentityColumn]:
    """Return the identities of spilled rows, by the rules of their namespaces.

    ``rows``: has ``i<n>`` and ``d<n>`` for each property. ``found``: for each expression ``s<number>``, a JSON text, and
    ``x<number>``, whether it failed; in the order of ``rows``.
    """
    made = []
    for n, identity in enumerate(identities):
        if identity.number is None:
            column = IdentityTexts(_one_chunk(rows[f"i{n}"]), _one_chunk(rows[f"d{n}"]))
        else:
            column = with_failures(
                texts_of(_json_texts(found[f"s{identity.number}"])), found[f"x{identity.number}"]
            )
        state: Any = identity.state
        if isinstance(state, int):
            state = _states(found[f"s{state}"])
        made.append(IdentityColumn(judged(column, identity.rules), state))
    return made


def _json_texts(column: Any) -> list[msgspec.Raw]:
    return [NULL if text is None else msgspec.Raw(text.encode()) for text in column.to_pylist()]


def _states(column: Any) -> Any:
    """States, ``ambiguous`` where an expression gives no other."""
    import pyarrow as pa

    known = {f'"{state}"': state for state in STATES}
    return pa.array([known.get(text, STATES[0]) for text in column.to_pylist()], pa.string())


def count_dropped(
    identities: Sequence[CompiledIdentity], inputs: Sequence[IdentityColumn]
) -> Counter[tuple[str, str]]:
    """Return how many identities were dropped, by namespace and reason."""
    import numpy as np

    counts = Counter[tuple[str, str]]()
    for identity, found in zip(identities, inputs, strict=True):
        reasons = found.column.reasons
        if reasons.null_count < len(reasons):
            numbers = np.bincount(reasons.drop_null().to_numpy(), minlength=len(REASONS))
            for reason, number in zip(REASONS, numbers.tolist(), strict=True):
                if number:
                    counts[identity.rules.namespace, reason] += number
    return counts


def _one_chunk(column: Any) -> Any:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()

"""Validates Arrow tables as the step does: all chunks are screened, then the failing expectations are checked row by row."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from include.quality.constraints import Reason
from include.quality.expectation_spec import ExpectationSpec
from include.quality.suite import Screen, failing_rows
from include.quality.view import RowChunk


@dataclass(frozen=True)
class Verdict:
    """The reasons of each refused row, by position over all chunks; and the number of warnings, by reason."""

    refused: dict[int, list[Reason]] = field(default_factory=dict)
    warned: Counter[Reason] = field(default_factory=Counter)


def verdict(specs: Sequence[ExpectationSpec], *tables: pa.Table) -> Verdict:
    """Validate the rows of some chunks."""
    screen, chunks = Screen(specs), [RowChunk(table) for table in tables]
    for chunk in chunks:
        screen.add(chunk, screen.views)
    suspects = screen.failed()
    refused: dict[int, list[Reason]] = defaultdict(list)
    warned: Counter[Reason] = Counter()
    first = 0
    for chunk in chunks:
        for number, rows in sorted(failing_rows(chunk, specs, suspects).items()):
            if specs[number].severity == "warning":
                warned[specs[number].reason] += len(rows)
                continue
            for row in rows.tolist():
                refused[first + row].append(specs[number].reason)
        first += chunk.num_rows
    return Verdict(dict(sorted(refused.items())), warned)

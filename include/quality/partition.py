"""What is expected of a partition as a whole, beside its rows: also checked by Great Expectations, on one row of facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev
from typing import TYPE_CHECKING, Any

from include.quality.constraints import CONSTRAINTS, Severity
from include.quality.derive import ExpectationSpec

if TYPE_CHECKING:
    import pyarrow as pa

ENOUGH_DAYS = 7
"""With fewer days before it nothing is said about a day's shares."""
_LEAST_SHARE = 0.01
_SIGMAS = 3
_OF_THE_MEAN = 0.25


@dataclass(frozen=True)
class PartitionFacts:
    """What is known of the valid rows of a partition."""

    rows: int
    double_ids: int
    by_event: Mapping[str, int]
    """Rows by event name."""

    def share(self, event: str) -> float:
        total = sum(self.by_event.values())
        return self.by_event.get(event, 0) / total if total else 0.0


def partition_specs(
    facts: PartitionFacts,
    history: Sequence[Mapping[str, int]],
    severity: Mapping[str, Severity],
    *,
    allow_empty: bool,
) -> list[ExpectationSpec]:
    """The expectations of a partition. ``history``: rows by event name of each day before it that has some."""
    found = []
    if not allow_empty:
        found.append(_spec("rows", "rows", 1, severity, label="the partition", min_value=1))
    found.append(_spec("double_ids", "id_unique", None, severity, label="_id", max_value=0))
    if facts.rows and len(history) >= ENOUGH_DAYS:
        for number, event in enumerate(_events(facts, history)):
            low, high = usual_share(event, history, facts.rows)
            limit = f"{low:.1%} to {high:.1%}"
            found.append(
                _spec(
                    f"share_{number}", "event_share", limit, severity, label=f"event {event}",
                    min_value=low, max_value=high,
                )
            )  # fmt: skip
    return found


def facts_table(facts: PartitionFacts, history: Sequence[Mapping[str, int]]) -> pa.Table:
    """The facts as one row, with the columns that :func:`partition_specs` names."""
    import pyarrow as pa

    columns: dict[str, list[Any]] = {"rows": [facts.rows], "double_ids": [facts.double_ids]}
    for number, event in enumerate(_events(facts, history)):
        columns[f"share_{number}"] = [facts.share(event)]
    return pa.table(columns)


def usual_share(event: str, history: Sequence[Mapping[str, int]], rows: int) -> tuple[float, float]:
    """Between which shares an event of a day of ``rows`` is no surprise after the days before it.

    Three standard deviations of those days, but at least a quarter of the mean and one point, and on top the chance
    of a small day.
    """
    shares = [day.get(event, 0) / total for day in history if (total := sum(day.values()))]
    mean = fmean(shares)
    chance = _SIGMAS * (mean * (1 - mean) / rows) ** 0.5
    width = max(_SIGMAS * pstdev(shares), _OF_THE_MEAN * mean, _LEAST_SHARE) + chance
    # A share that is nothing on some days may be nothing; one that was always there may not.
    return max(0.0, mean - width), min(1.0, mean + width)


def _events(facts: PartitionFacts, history: Sequence[Mapping[str, int]]) -> list[str]:
    return sorted({*facts.by_event, *(event for day in history for event in day)})


def _spec(
    column: str, name: str, limit: Any, severity: Mapping[str, Severity], *, label: str, **kwargs: Any
) -> ExpectationSpec:
    table = CONSTRAINTS[name]
    return ExpectationSpec(
        column, name, limit, table.expectation, kwargs, severity.get(name, table.severity), label
    )

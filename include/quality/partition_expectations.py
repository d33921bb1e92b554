"""Check a partition as a whole: its number of rows, its duplicate ``_id``s, and the shares of event names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.json_types import JsonValue
from include.quality.checks import single_checks
from include.quality.constraints import CONSTRAINTS, Reason, Severity
from include.quality.expectation_spec import ExpectationSpec
from include.quality.gx import ExpectationInput
from include.quality.suite import failures
from include.quality.view import Part, View

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MIN_HISTORY_DAYS = 7
"""The minimum number of previous days for which the shares of event names are checked."""
_MIN_WIDTH_SHARE = 0.01
_SIGMAS = 3
_MIN_WIDTH_OF_MEAN = 0.25


@dataclass(frozen=True)
class DayEvents:
    """The number of a day's events by event name.

    ``others``: the number of events whose names are not in ``by_event``, because the day has very many names.
    """

    by_event: Mapping[str, int]
    others: int = 0

    @property
    def total(self) -> int:
        """The number of all events of the day."""
        return sum(self.by_event.values()) + self.others


@dataclass(frozen=True)
class PartitionFacts:
    """The facts of a partition that the expectations on it as a whole check.

    ``rows``: the number of valid rows. ``double_ids``: the number of ``_id``s that occur more than once. ``events``:
    the number of events by name.
    """

    rows: int
    double_ids: int
    events: DayEvents


@dataclass(frozen=True)
class PartitionExpectation:
    """One expectation on a partition: the values that GX checks, and for each the reason to report if it fails."""

    spec: ExpectationSpec
    values: list[object]
    reasons: list[Reason]


@dataclass(frozen=True)
class EventShares:
    """The share of each event name in a day's events, and the usual range of that share: numbers between 0 and 1.

    The arrays are in the order of ``names``. ``low`` and ``high`` are the ends of the ranges.
    """

    names: list[str]
    shares: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]


def partition_expectations(
    facts: PartitionFacts,
    history: Sequence[DayEvents],
    severity: Mapping[str, Severity],
    *,
    allow_empty: bool,
) -> list[PartitionExpectation]:
    """Return the expectations on a partition.

    Args:
        facts: the partition.
        history: the events of each previous day; days without events are left out.
        severity: the severities that the pipeline file sets, by the name of the rule.
        allow_empty: whether a partition without valid rows is valid.
    """
    found = []
    if not allow_empty:
        found.append(_single_value(facts.rows, "rows", 1, severity, label="the partition", min_value=1))
    found.append(_single_value(facts.double_ids, "id_unique", None, severity, label="_id", max_value=0))
    if facts.rows and len(history) >= MIN_HISTORY_DAYS and (shares := usual_shares(facts, history)).names:
        found.append(_share_expectation(shares, severity))
    return found


def failing_expectations(
    expectations: Sequence[PartitionExpectation],
) -> list[tuple[ExpectationSpec, list[Reason]]]:
    """Check the expectations on a partition with GX, and return those that fail, each with its reasons.

    Raises:
        ValidationBroken: an expectation could not be checked.
    """
    checks = single_checks([each.spec for each in expectations], range(len(expectations)))
    inputs = [ExpectationInput(check, each.values) for check, each in zip(checks, expectations, strict=True)]
    outcomes = failures(inputs, complete=True)
    return [
        (each.spec, [each.reasons[position] for position in positions])
        for each, positions in zip(expectations, outcomes, strict=True)
        if positions
    ]


def usual_shares(facts: PartitionFacts, history: Sequence[DayEvents]) -> EventShares:
    """Return the share of each event name in a day's events, and the usual range of that share on previous days.

    The range is the mean of the previous days, plus and minus: three standard deviations, but at least a quarter of the
    mean and at least one percentage point, and in addition the statistical uncertainty of a day with few events. A name
    that a day with ``others`` does not list has an unknown share on that day, so it is left out.

    Args:
        facts: the day; it must have rows.
        history: the events of the previous days.
    """
    import numpy as np

    days = [day for day in (*history, facts.events) if day.total]
    names = sorted({name for day in days for name in day.by_event})
    places = {name: place for place, name in enumerate(names)}
    counts = np.zeros((len(days), len(names)))
    known = np.ones(len(names), dtype=bool)
    for number, day in enumerate(days):
        at = [places[name] for name in day.by_event]
        counts[number, at] = list(day.by_event.values())
        if day.others:
            listed = np.zeros(len(names), dtype=bool)
            listed[at] = True
            known &= listed
    shares = counts / np.array([[day.total] for day in days], dtype=float)
    before = shares[: len(days) - bool(facts.events.total), known]
    today = shares[-1, known] if facts.events.total else np.zeros(int(known.sum()))
    mean = before.mean(axis=0)
    chance = _SIGMAS * np.sqrt(mean * (1 - mean) / facts.rows)
    width = (
        np.maximum(np.maximum(_SIGMAS * before.std(axis=0), _MIN_WIDTH_OF_MEAN * mean), _MIN_WIDTH_SHARE)
        + chance
    )
    # A share that is 0 on some previous days may be 0; a share that was never 0 may not.
    low, high = np.maximum(0.0, mean - width), np.minimum(1.0, mean + width)
    return EventShares(
        [name for name, is_known in zip(names, known, strict=True) if is_known], today, low, high
    )


def _share_expectation(shares: EventShares, severity: Mapping[str, Severity]) -> PartitionExpectation:
    """Return one expectation for all event names: that no share is outside its range.

    The values that GX checks are the distances of the shares from their ranges; zero and negative ones are inside.
    """
    import numpy as np

    outside = np.maximum(shares.low - shares.shares, shares.shares - shares.high)
    limits = [f"{low:.1%} to {high:.1%}" for low, high in zip(shares.low, shares.high, strict=True)]
    reasons = [
        Reason(f"event {name}", "event_share", limit)
        for name, limit in zip(shares.names, limits, strict=True)
    ]
    spec = _expectation_spec("event_share", "its usual share", severity, label="each event", max_value=0)
    return PartitionExpectation(spec, outside.tolist(), reasons)


def _single_value(
    value: int, name: str, limit: JsonValue, severity: Mapping[str, Severity], *, label: str, **kwargs: float
) -> PartitionExpectation:
    spec = _expectation_spec(name, limit, severity, label=label, **kwargs)
    return PartitionExpectation(spec, [value], [spec.reason])


def _expectation_spec(
    name: str, limit: JsonValue, severity: Mapping[str, Severity], *, label: str, **kwargs: float
) -> ExpectationSpec:
    table = CONSTRAINTS[name]
    chosen = severity.get(name, table.severity)
    return ExpectationSpec(View((name,), Part.VALUE), name, limit, table.expectation, kwargs, chosen, label)

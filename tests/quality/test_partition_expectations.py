"""A partition as a whole: its ids, its rows, and the shares of its events compared with earlier days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, pstdev
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest import approx

from include.config.model import Rule
from include.quality.constraints import CONSTRAINTS, OWN_RULES, Reason
from include.quality.partition_expectations import (
    MIN_HISTORY_DAYS,
    DayEvents,
    PartitionFacts,
    failing_expectations,
    partition_expectations,
    usual_shares,
)

pytestmark = pytest.mark.unit
USUAL = {"View": 900, "Purchase": 90, "Refund.total": 10}
MONTH = [DayEvents({**USUAL, "View": 900 + n % 7}) for n in range(28)]


def checked(
    by_event: Mapping[str, int], history: Sequence[DayEvents] = MONTH, *, double_ids: int = 0, others: int = 0
) -> dict[str, list[Reason]]:
    """Return the failures, by constraint."""
    events = DayEvents(by_event, others)
    facts = PartitionFacts(events.total, double_ids, events)
    found = failing_expectations(partition_expectations(facts, history, {}, allow_empty=False))
    return {spec.constraint: reasons for spec, reasons in found}


def test_a_usual_day_passes_without_a_warning() -> None:
    assert checked(USUAL) == {}


@pytest.mark.parametrize(
    ("by_event", "odd"),
    [
        ({**USUAL, "Purchase": 0}, {"event Purchase"}),
        ({**USUAL, "Purchase": 300}, {"event Purchase"}),
        ({**USUAL, "New": 200}, {"event New"}),
        ({"View": 1000}, {"event Purchase"}),
    ],
    ids=["vanished", "more than usual", "never seen", "only one is left"],
)
def test_an_event_whose_share_is_unusual_is_a_warning(by_event: dict[str, int], odd: set[str]) -> None:
    found = checked(by_event)
    assert found.keys() == {"event_share"}
    assert {reason.field for reason in found["event_share"]} >= odd


def test_without_enough_days_nothing_is_reported() -> None:
    strange = {"Strange": 10}
    assert checked(strange, MONTH[: MIN_HISTORY_DAYS - 1]) == {}
    assert checked(strange, MONTH[:MIN_HISTORY_DAYS])


def test_a_duplicate_id_refuses_the_partition() -> None:
    ((reason,),) = checked(USUAL, double_ids=1).values()
    assert (reason.constraint, reason.sentence) == ("id_unique", "_id must be unique")


def test_rows_are_required_only_of_a_day_that_must_not_be_empty() -> None:
    facts = PartitionFacts(0, 0, DayEvents({}))
    asked = [
        {e.spec.constraint for e in partition_expectations(facts, MONTH, {}, allow_empty=allowed)}
        for allowed in (True, False)
    ]
    assert asked == [{"id_unique"}, {"id_unique", "rows"}]


DAY = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 10_000), min_size=1).filter(
    lambda day: sum(day.values()) > 0
)


@given(st.lists(DAY, min_size=1, max_size=28), DAY)
def test_a_usual_share_contains_the_mean_of_earlier_days(
    history: list[dict[str, int]], today: dict[str, int]
) -> None:
    events = DayEvents(today)
    shares = usual_shares(PartitionFacts(events.total, 0, events), list(map(DayEvents, history)))
    assert shares.names == sorted({*today, *(name for day in history for name in day)})
    for name, share, low, high in zip(shares.names, shares.shares, shares.low, shares.high, strict=True):
        parts = [day.get(name, 0) / sum(day.values()) for day in history]
        mean, spread = fmean(parts), pstdev(parts)
        width = max(3 * spread, mean / 4, 0.01) + 3 * (mean * (1 - mean) / events.total) ** 0.5
        assert share == today.get(name, 0) / events.total
        assert (low, high) == (approx(max(0, mean - width)), approx(min(1, mean + width)))


def test_a_name_with_an_unknown_count_is_not_judged() -> None:
    """A manifest lists only the most frequent of very many names: the others have not vanished."""
    rest = {name: count for name, count in USUAL.items() if name != "Purchase"}
    cut = [*MONTH[:-1], DayEvents(rest, others=90)]
    assert checked({**USUAL, "Purchase": 0}, cut) == {}
    assert checked(rest, MONTH, others=90) == {}
    assert {reason.field for reason in checked({**USUAL, "View": 100}, cut)["event_share"]} == {
        "event View", "event Refund.total",
    }  # fmt: skip


def test_five_thousand_names_are_compared_in_one_expectation_and_in_seconds() -> None:
    names = {f"View item {n}": 10 + n % 7 for n in range(5000)}
    history = [DayEvents({**names, "View item 0": 12 + n % 3}) for n in range(28)]
    began = process_time()
    found = checked({**names, "View item 0": 20_000}, history)
    assert process_time() - began < 5
    assert [reason.field for reason in found["event_share"]] == ["event View item 0"]
    facts = PartitionFacts(50_000, 0, DayEvents(names))
    assert len(partition_expectations(facts, history, {}, allow_empty=True)) == 2


def test_a_pipeline_may_configure_exactly_its_own_rules() -> None:
    assert set(Rule.__args__) == OWN_RULES
    assert all(CONSTRAINTS[name].sentence for name in OWN_RULES)

"""A partition as a whole: its ids, its rows, and whether its events come in the shares of the days before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.config.model import Rule
from include.quality.constraints import CONSTRAINTS, OWN_RULES
from include.quality.partition import ENOUGH_DAYS, PartitionFacts, facts_table, partition_specs, usual_share
from include.quality.suite import ChunkVerdict, SuiteRunner

pytestmark = pytest.mark.unit
USUAL = {"View": 900, "Purchase": 90, "Refund.total": 10}
MONTH = [{**USUAL, "View": 900 + n % 7} for n in range(28)]


def checked(
    by_event: Mapping[str, int], history: Sequence[Mapping[str, int]] = MONTH, *, double_ids: int = 0
) -> ChunkVerdict:
    facts = PartitionFacts(sum(by_event.values()), double_ids, by_event)
    return SuiteRunner(partition_specs(facts, history, {}, allow_empty=False)).run(
        facts_table(facts, history)
    )


def test_a_day_like_those_before_it_passes_without_a_warning() -> None:
    assert checked(USUAL) == ChunkVerdict({})


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
    verdict = checked(by_event)
    assert verdict.refused == {}
    assert {reason.field for reason in verdict.warned if reason.constraint == "event_share"} >= odd


def test_nothing_is_said_before_there_are_enough_days() -> None:
    strange = {"Strange": 10}
    assert checked(strange, MONTH[: ENOUGH_DAYS - 1]).warned == {}
    assert checked(strange, MONTH[:ENOUGH_DAYS]).warned


def test_an_id_that_stands_twice_refuses_the_partition() -> None:
    (reason,) = checked(USUAL, double_ids=1).refused[0]
    assert (reason.constraint, reason.sentence) == ("id_unique", "_id must not stand twice")


def test_an_empty_day_is_asked_for_rows_only_when_it_may_not_be_empty() -> None:
    facts = PartitionFacts(0, 0, {})
    asked = [
        {spec.constraint for spec in partition_specs(facts, MONTH, {}, allow_empty=allowed)}
        for allowed in (True, False)
    ]
    assert asked == [{"id_unique"}, {"id_unique", "rows"}]


DAY = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 10_000), min_size=1).filter(
    lambda day: sum(day.values()) > 0
)


@given(st.lists(DAY, min_size=1, max_size=28), st.sampled_from("abcde"), st.integers(1, 10**7))
def test_a_usual_share_holds_the_mean_of_the_days_before(
    history: list[dict[str, int]], event: str, rows: int
) -> None:
    low, high = usual_share(event, history, rows)
    mean = sum(day.get(event, 0) / sum(day.values()) for day in history) / len(history)
    assert 0 <= low <= mean + 1e-9
    assert mean - 1e-9 <= high <= 1


def test_a_pipeline_may_name_exactly_the_rules_that_are_its_own() -> None:
    assert set(Rule.__args__) == OWN_RULES
    assert all(CONSTRAINTS[name].sentence for name in OWN_RULES)

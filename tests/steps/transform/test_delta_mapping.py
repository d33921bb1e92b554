"""Promises 1 to 3 for a refresh: the different lines produce the day that all lines produce, in rows and counts."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import event as note
from hypothesis import given, settings
from hypothesis import strategies as st

from include.steps.transform.dropped_identities import dropped_sentences
from tests.support.builders import NOON, event, line
from tests.support.refreshed_day import (
    Refreshed,
    require_same_mapping,
    require_same_stage,
    require_same_validation,
)

pytestmark = pytest.mark.unit
PROCESSED = 1_782_950_000_000


def made(
    key: int = 0,
    processed: int = 0,
    content: int = 0,
    name: str = "Purchase",
    kind: str = "plain",
) -> bytes:
    """Generate a line of a day with few different values, so that lines collide."""
    cities: list[Any] = ["Oslo", "too long for its field", 5]
    properties: dict[str, Any] = {
        "$insert_id": f"i-{key}",
        "time": NOON + 3000 * key,
        "$city": cities[content % 3],
        "mp_processing_time_ms": PROCESSED + processed,
    }
    if kind == "merged":
        properties |= {"distinct_id": "merged", "$distinct_id_before_identity": "u-1", "$is_reshuffled": True}
    elif kind == "merged without before":
        properties |= {"distinct_id": "merged", "$preshuffle_distinct_id": "u-1"}
    elif kind == "anonymous":
        properties |= {"$insert_id": None, "$user_id": None}
    elif kind == "not converted":
        properties |= {"quantity": ["many", 1.5, 7][content % 3]}
    elif kind == "unmapped":
        properties |= {"color": "red", "size": content}
    elif kind == "another day":
        properties |= {"time": NOON + 86_400}
    elif kind == "placeholders":
        properties |= {"$user_id": "undefined", "$city": [["a"], "null", True][content % 3]}
    elif kind == "processed nowhere":
        properties |= {"mp_processing_time_ms": None}
    body = line(event(name, **properties))
    return body[: 20 + content] if kind == "broken" else body


KINDS = (
    "plain", "merged", "merged without before", "anonymous", "not converted", "unmapped", "another day", "broken",
    "processed nowhere", "placeholders",
)  # fmt: skip
LINES = st.builds(
    made,
    st.integers(0, 8),
    st.integers(0, 2),
    st.integers(0, 2),
    st.sampled_from(["Purchase", "View"]),
    st.sampled_from(KINDS),
)
CHANGES = st.tuples(st.lists(st.booleans(), max_size=12), st.lists(LINES, max_size=6), st.randoms())


def later(lines: Sequence[bytes], change: tuple[list[bool], list[bytes], random.Random]) -> list[bytes]:
    """Generate a later response: some lines are removed, added or repeated, in another order."""
    gone, come, dice = change
    left = [each for number, each in enumerate(lines) if not (number < len(gone) and gone[number])]
    left += come + (dice.sample(list(lines), 1) if lines and dice.random() < 0.3 else [])
    dice.shuffle(left)
    return left


@settings(max_examples=40)
@given(st.lists(LINES, max_size=12), st.lists(CHANGES, min_size=2, max_size=2))
def test_a_refresh_maps_the_same_day_as_all_of_its_lines(first: list[bytes], changes: list[Any]) -> None:
    with TemporaryDirectory() as folder:
        routes = Refreshed(Path(folder, "delta"), True), Refreshed(Path(folder, "whole"), False)
        for route in routes:
            route.mapped(first)
        lines = first
        for change in changes:
            lines = later(lines, change)
            (raw, found), (_, expected) = (route.mapped(lines) for route in routes)
            assert expected.delta is None
            note(
                f"export: {'delta' if raw.delta else 'whole'}, transform: {'delta' if found.delta else 'whole'}"
            )
            require_same_mapping(*routes, found, expected)


DAY = [made(n, processed=n) for n in range(6)]
TWICE = [made(7, processed=1), made(7, processed=2, content=1)]
DECIDED: dict[str, tuple[list[bytes], list[bytes]]] = {
    "late events": (DAY, [*DAY, made(20), made(21, kind="anonymous")]),
    "a deleted event": (DAY, DAY[1:]),
    "a changed event": (DAY, [*DAY[1:], made(0, processed=9, kind="merged")]),
    "an event that is processed again": (DAY, [*DAY, made(0, processed=9, content=1)]),
    "an event that was processed before": (DAY, [*DAY, made(5, processed=1, content=1)]),
    "an event processed at the same moment": (DAY, [*DAY, made(5, processed=5, content=1)]),
    "a duplicate goes": ([*DAY, *TWICE], [*DAY, TWICE[1]]),
    "all lines of an event go": ([*DAY, *TWICE], DAY),
    "the line that stays goes, and a later one comes": (
        [*DAY, *TWICE],
        [*DAY, TWICE[0], made(7, processed=3)],
    ),
    "an event that is another user's now": (DAY, [*DAY[1:], made(0, kind="merged without before")]),
    "refused lines come and go": ([*DAY, made(kind="broken")], [*DAY, made(1, kind="another day")]),
    "values that do not fit": ([*DAY, made(8, kind="not converted")], [*DAY, made(9, kind="not converted")]),
    "properties without a mapping": ([*DAY, made(8, kind="unmapped")], [*DAY, made(9, kind="unmapped")]),
    "events without an insert id": (
        [*DAY, made(8, kind="anonymous")] * 2,
        [*DAY, made(9, kind="anonymous")] * 2,
    ),
    "values that are not identities": (
        [*DAY, made(8, kind="placeholders"), made(10, content=1, kind="placeholders")],
        [*DAY, made(10, content=1, kind="placeholders"), made(9, content=2, kind="placeholders")],
    ),
    "a row whose values are not identities is beaten": (
        [*DAY, made(8, kind="placeholders")],
        [*DAY, made(8, kind="placeholders"), made(8, processed=5, content=1, kind="placeholders")],
    ),
    "every event goes": (DAY, [made(20)]),
    "a day that had no events": ([made(kind="broken")], DAY),
}
UNDECIDED = {
    "the line that stays goes": ([*DAY, *TWICE], [*DAY, TWICE[0]]),
    "a line comes twice": (DAY, [*DAY, DAY[3]]),
}


@pytest.mark.parametrize("case", [*DECIDED, *UNDECIDED])
def test_a_change_of_a_few_lines_reads_only_these(tmp_path: Path, case: str) -> None:
    first, second = {**DECIDED, **UNDECIDED}[case]
    routes = Refreshed(tmp_path / "delta", True), Refreshed(tmp_path / "whole", False)
    for route in routes:
        route.mapped(first)
    (raw, found), (_, expected) = (route.mapped(second) for route in routes)
    assert raw.delta is not None
    assert (found.delta is not None) == (case in DECIDED)
    require_same_mapping(*routes, found, expected)


NAMED = {"MixpanelUser": {"placeholder": 2}, "MixpanelCity": {"blocked": 1, "wrong_type": 1}}


def test_values_dropped_from_a_removed_line_are_no_longer_counted_or_reported(
    tmp_path: Path,
) -> None:
    route = Refreshed(tmp_path, True)
    first, second = DECIDED["values that are not identities"]
    route.valid(route.mapped(first)[1])
    _, found = route.mapped(second)
    valid = route.valid(found)
    assert found.delta is not None
    assert valid.delta is not None
    assert (found.details["dropped_identities"], found.counts["dropped_identities"]) == (NAMED, 4)
    assert "at_most" not in found.details
    report = (route.place.lake.read(valid.details["report"]) or b"").decode().replace("<wbr>", "")
    assert '<td>MixpanelUser: placeholder</td><td class="n">2</td>' in report


def test_values_dropped_by_an_expression_of_a_removed_line_may_still_be_counted(tmp_path: Path) -> None:
    """Removed lines are not evaluated."""
    computed = {
        "$user_id": "MixpanelUser",
        "city": {"namespace": "MixpanelCity", "value": "lower(properties.$city)"},
    }
    routes = [Refreshed(tmp_path / name, name == "delta", identities=computed) for name in ("delta", "whole")]
    first, second = DECIDED["values that are not identities"]
    for route in routes:
        route.mapped([*first, made(7, content=1, kind="placeholders")])
    (_, found), (_, expected) = (route.mapped(second) for route in routes)
    assert found.delta is not None
    assert found.details["at_most"] == ["dropped_identities"]
    require_same_mapping(*routes, found, expected)
    city = [each.details["dropped_identities"]["MixpanelCity"]["blocked"] for each in (found, expected)]
    assert city == [2, 1]
    assert "at most 2 values left out of identityMap: MixpanelCity: blocked" in dropped_sentences(found)


ACTIVE = st.lists(st.tuples(st.booleans(), st.booleans()), max_size=12)


@settings(max_examples=6)
@given(st.lists(LINES, max_size=9), CHANGES, CHANGES, ACTIVE)
def test_a_refresh_validates_and_stages_the_same_day_as_all_of_its_lines(
    first: list[bytes], change: Any, again: Any, active: list[tuple[bool, bool]]
) -> None:
    with TemporaryDirectory() as folder:
        routes = Refreshed(Path(folder, "delta"), True), Refreshed(Path(folder, "whole"), False)
        for route in routes:
            route.valid(route.mapped(first)[1])
        lines = first
        for each in (change, again):
            lines = later(lines, each)
            mapped = [route.mapped(lines)[1] for route in routes]
            found, expected = (route.valid(made) for route, made in zip(routes, mapped, strict=True))
            note(f"validate: {'delta' if found.delta else 'whole'}")
            require_same_validation(*routes, found, expected)
            events = routes[1].events(mapped[1])
            there = {
                key: digest + is_changed
                for (key, digest), (is_active, is_changed) in zip(
                    sorted(events.items()), active, strict=False
                )
                if is_active
            } | ({"f" * 64: 1} if active else {})
            for some in (there, events, {}, None):
                require_same_stage(*routes, found, expected, some)

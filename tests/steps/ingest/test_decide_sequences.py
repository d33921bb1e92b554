"""decide() in simulated runs that crash and overlap: no id is active twice, and none is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.aep.batch_state import classify_status
from include.lake.ledger import LedgerRecord
from include.lake.ledger_state import active_records, batches_to_poll
from include.steps.ingest.decide import LoadRequest, decide
from tests.support.ledger_records import A, O, record

pytestmark = pytest.mark.unit


@dataclass
class World:
    """AEP and the ledger, as the commit protocol sees them. A content is the set of its ids."""

    records: list[LedgerRecord] = field(default_factory=list)
    batches: dict[str, tuple[str, frozenset[int], tuple[str, ...]]] = field(default_factory=dict)
    """Status, ids and predecessors by batch."""

    def committed(self) -> list[int]:
        """Return the ids of every batch that is or may become active, except predecessors of an active one."""
        replaced = {
            b for s, _, before in self.batches.values() if classify_status(s) is O.ACTIVE for b in before
        }
        alive = [
            (batch, ids)
            for batch, (status, ids, before) in self.batches.items()
            if classify_status(status) is O.ACTIVE
            or (
                classify_status(status) is O.COMMITTED and not before
            )  # A replacing batch adds nothing until it is active.
        ]
        return [number for batch, ids in alive if batch not in replaced for number in ids]

    def complete(self, batch: str) -> None:
        status, *rest = self.batches[batch]
        if classify_status(status) is O.OPEN:
            self.batches[batch] = ("staging", *rest)  # type: ignore[assignment]

    def turn(self, batch: str, status: str) -> None:
        _, ids, before = self.batches[batch]
        self.batches[batch] = (status, ids, before)
        if classify_status(status) is O.ACTIVE:
            for other in before:
                self.batches[other] = ("inactive", *self.batches[other][1:])  # type: ignore[assignment]


class FencedOutError(Exception):
    pass


def name(ids: frozenset[int]) -> str:
    return ",".join(map(str, sorted(ids))) or "nothing"


def ids_of(content: str) -> frozenset[int]:
    return frozenset(map(int, content.split(","))) if content != "nothing" else frozenset()


def runner(
    world: World, valid: frozenset[int], replace: bool, blind: dict[str, str | None]
) -> Iterator[None]:
    """Run ``include.steps.ingest.step``'s sequence; it can be interrupted at each yield, for a while or for ever."""
    records = list(world.records)

    def write(kind: str, batch: str | None, what: str, replaces: tuple[str, ...] = ()) -> None:
        nonlocal records
        if len(records) != len(world.records):
            raise FencedOutError
        world.records.append(record(len(records) + 1, kind, what, batch, replaces))
        records = list(world.records)

    def stage() -> LoadRequest:
        active = [] if replace else active_records(records)
        left = valid - {number for r in active for number in ids_of(r.content)}
        return LoadRequest(name(left), len(left), frozenset(r.staged for r in active), replace)

    want = stage()
    while True:
        statuses = {batch: blind.get(batch, world.batches[batch][0]) for batch in batches_to_poll(records)}
        yield
        decision = decide(records, want, statuses)
        batch = decision.batch or ""
        if decision.action in (A.DONE, A.STOP, A.WATCH, A.CONFIRM):
            return
        if decision.action is A.RESTAGE:
            want = stage()
        elif decision.action is A.MARK_EMPTY:
            write("empty", None, want.content)
        elif decision.action is A.MARK_GONE:
            write("gone", batch, "gone")
        elif decision.action is A.CREATE:
            replaces = tuple(str(r.batch) for r in active_records(records)) if replace else ()
            write("claimed", None, want.content)
            yield
            batch = f"B{len(world.batches)}"
            world.batches[batch] = ("loading", ids_of(want.content), replaces)
            yield
            write("created", batch, want.content, replaces)
        elif decision.action is A.UPLOAD:
            yield
            write("completing", batch, want.content)
            yield
            world.complete(batch)
        elif decision.action is A.COMPLETE:
            yield
            world.complete(batch)
            return
        else:
            kind = "active" if decision.action is A.RECORD else "failed"
            _, ids, before = world.batches[batch]
            write(kind, batch, name(ids), before)
        yield


NEXT = {
    "staging": ["processing", "retrying", "success", "failed"], "processing": ["active", "failed"],
    "retrying": ["stalled", "success"], "stalled": ["success"], "loading": ["abandoned", "loading"],
    "success": ["success", "inactive"], "active": ["active", "inactive"],
}  # fmt: skip


DAYS = [frozenset({1, 2}), frozenset({1, 2, 3}), frozenset({2, 3}), frozenset({1, 2, 3, 4}), frozenset()]


TURNS = st.lists(
    st.one_of(
        st.tuples(
            st.just("run"),
            st.integers(0, 2),
            st.tuples(st.sampled_from(DAYS), st.sampled_from([False, False, False, True])),
            st.sampled_from([1, 2, 5, 9]),
        ),
        st.tuples(st.just("crash"), st.integers(0, 2)),
        st.tuples(
            st.just("aep"),
            st.integers(0, 5),
            st.sampled_from(["", "success", "failed", "abandoned", "inactive"]),
        ),
        st.tuples(st.just("blind"), st.integers(0, 5), st.sampled_from(["unheard of", None])),
    ),
    min_size=10,
    max_size=60,
)


@settings(max_examples=400)
@given(TURNS)
def test_three_crashing_and_overlapping_runs_load_each_id_once(
    turns: list[tuple[Any, ...]],
) -> None:
    """Events arrive late, days are replaced, batches are removed; AEP refuses, abandons, delays or answers
    nonsense: no id is ever in two batches that are or may become active.
    """
    world, runs = World(), {}
    blind: dict[str, str | None] = {}
    for what, number, *values in turns:
        batch = f"B{number % len(world.batches)}" if world.batches else None
        if what == "crash":
            runs.pop(number, None)
        elif what == "run":
            step_on(runs, number, runner(world, *values[0], blind), values[1])
        elif what == "blind" and batch:
            blind[batch] = values[0]
        elif batch:
            blind.pop(batch, None)
            steps = NEXT.get(world.batches[batch][0], [world.batches[batch][0]])
            world.turn(batch, values[0] if values[0] in steps else steps[0])
        committed = world.committed()
        assert len(committed) == len(set(committed))


@settings(max_examples=150)
@given(TURNS, st.sampled_from(DAYS[:4]))
def test_one_undisturbed_run_completes_the_day_after_any_history(
    turns: list[tuple[Any, ...]], valid: frozenset[int]
) -> None:
    """Nothing is lost: whatever happened before, every valid id is active in the end."""
    world, runs = World(), {}
    for what, number, *values in turns:
        batch = f"B{number % len(world.batches)}" if world.batches else None
        if what == "crash":
            runs.pop(number, None)
        elif what == "run":
            step_on(runs, number, runner(world, *values[0], {}), values[1])
        elif what == "aep" and batch:
            steps = NEXT.get(world.batches[batch][0], [world.batches[batch][0]])
            world.turn(batch, values[0] if values[0] in steps else steps[0])
    for _ in range(12):
        for batch, (status, *_) in list(world.batches.items()):
            if classify_status(status) is O.COMMITTED:
                world.turn(batch, "success")
        for _ in runner(world, valid, False, {}):
            pass
    active = {
        n for _, (status, ids, _) in world.batches.items() if classify_status(status) is O.ACTIVE for n in ids
    }
    assert valid <= active


def step_on(runs: dict[int, Iterator[None]], number: int, fresh: Iterator[None], steps: int) -> None:
    """Run some steps of a current run or of a new one."""
    run = runs.setdefault(number, fresh)
    try:
        for _ in range(steps):
            next(run)
    except (StopIteration, FencedOutError):
        del runs[number]

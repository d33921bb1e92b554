"""decide: the whole product of ledger and AEP; and whoever crashes whenever, no content is active twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.aep.decide import Action, BatchOutlook, Decision, batch_in_question, decide, outlook
from include.lake.ledger import Kind, LedgerRecord

pytestmark = pytest.mark.unit

# Source: status enum of the Catalog API, and the ingestion life cycle in Adobe's documentation.
STATUSES = {
    BatchOutlook.OPEN: ["loading"],
    BatchOutlook.COMMITTED: [
        "loaded",
        "staging",
        "staged",
        "queued",
        "processing",
        "retrying",
        "stalled",
    ],
    BatchOutlook.ACTIVE: ["success", "active"],
    BatchOutlook.REFUSED: ["failed", "failure"],
    BatchOutlook.GONE: ["aborted", "abandoned", "inactive", "retained", "archived", "deleted"],
    BatchOutlook.UNKNOWN: [None, "", "unheard of", "LOADINGS", "success ", "0"],
}
EVERY_STATUS = [status for statuses in STATUSES.values() for status in statuses]
MINE, OTHER = "a" * 32, "b" * 32

A, O = Action, BatchOutlook  # noqa: E741


def every(action: Action, **but: Action) -> dict[BatchOutlook, Action]:
    return {state: but.get(state.value, action) for state in O}


EXPECTED: dict[tuple[str | None, bool], dict[BatchOutlook, Action]] = {
    (None, True): every(A.CREATE),
    ("claimed", True): every(A.CREATE),
    ("claimed", False): every(A.CREATE),
    ("created", True): every(A.WATCH, open=A.UPLOAD, active=A.RECORD, refused=A.FAIL, gone=A.CREATE),
    ("created", False): every(A.WATCH, open=A.CREATE, active=A.RECORD, refused=A.FAIL, gone=A.CREATE),
    ("completing", True): every(A.WATCH, open=A.COMPLETE, active=A.RECORD, refused=A.FAIL, gone=A.CREATE),
    ("completing", False): every(A.WATCH, open=A.COMPLETE, active=A.RECORD, refused=A.FAIL, gone=A.CREATE),
    ("failed", True): every(A.CREATE, open=A.WATCH, committed=A.WATCH, active=A.RECORD),
    ("failed", False): every(A.CREATE, open=A.WATCH, committed=A.WATCH, active=A.RECORD),
    ("active", True): every(A.DONE, gone=A.CREATE),
    ("active", False): every(A.STOP, gone=A.CREATE),
    ("empty", True): every(A.DONE),
    ("empty", False): every(A.CREATE),
}
PRODUCT = [
    (kind, same, status, action)
    for (kind, same), row in EXPECTED.items()
    for state, action in row.items()
    for status in STATUSES[state]
]


def record(number: int, kind: str, content: str = MINE, batch: str | None = None) -> LedgerRecord:
    return LedgerRecord.model_validate(
        {
            "number": number,
            "kind": kind,
            "run": "r",
            "at": "t",
            "content": content,
            "staged": "s",
            "batch": batch,
        }
    )


def tail(kind: str, content: str, batch: str = "B") -> list[LedgerRecord]:
    """A history that ends with ``kind``."""
    before = {
        "claimed": [], "empty": [], "created": ["claimed"], "completing": ["claimed", "created"],
        "active": ["claimed", "created", "completing"], "failed": ["claimed", "created", "completing"],
    }[kind]  # fmt: skip
    kinds = [*before, kind]
    named = [None if kind in ("claimed", "empty") else batch for kind in kinds]
    return [record(n, kind, content, b) for n, (kind, b) in enumerate(zip(kinds, named, strict=True), 1)]


def test_every_kind_of_record_is_in_the_table() -> None:
    assert {kind for kind, _ in EXPECTED} == {None, *get_args(Kind)}


@pytest.mark.parametrize(("kind", "same", "status", "action"), PRODUCT)
def test_the_whole_product(kind: str | None, same: bool, status: str | None, action: Action) -> None:
    records = tail(kind, MINE if same else OTHER) if kind else []
    decision = decide(records, MINE, status)
    assert decision.action is action
    about_a_batch = action not in (A.CREATE,) and kind not in ("claimed", "empty", None)
    assert decision.batch == ("B" if about_a_batch else None)
    assert (decision.reason != "") == (action is A.STOP)


@pytest.mark.parametrize(("state", "status"), [(s, text) for s, texts in STATUSES.items() for text in texts])
def test_a_status_is_read_in_any_case(state: BatchOutlook, status: str | None) -> None:
    assert outlook(status) is state
    assert outlook(status.upper() if status else status) is state


@given(st.none() | st.text())
def test_a_status_in_no_document_is_unknown(status: str | None) -> None:
    known = {text.lower() for text in EVERY_STATUS if text} - {"unheard of", "loadings", "success ", "0"}
    assert (outlook(status) is O.UNKNOWN) == ((status or "").lower() not in known)


HISTORIES = st.lists(st.tuples(st.sampled_from(get_args(Kind)), st.sampled_from([MINE, OTHER])), max_size=8)


@given(HISTORIES, st.sampled_from(EVERY_STATUS) | st.text())
def test_nothing_is_created_while_the_last_batch_may_still_become_active(
    history: list[tuple[str, str]], status: str | None
) -> None:
    """For any sequence of records, reachable or not, whose last one names a batch of the same content."""
    records = [record(n, kind, content, f"B{n}") for n, (kind, content) in enumerate(history, 1)]
    decision = decide(records, MINE, status)
    last = records[-1] if records else None
    if last is None or last.content != MINE or last.kind not in ("created", "completing", "failed", "active"):
        return
    may_become_active = outlook(status) in (O.OPEN, O.COMMITTED, O.ACTIVE)
    if may_become_active or (outlook(status) is O.UNKNOWN and last.kind != "failed"):
        assert decision.action is not A.CREATE


@given(HISTORIES, st.sampled_from(STATUSES[O.UNKNOWN]) | st.text().map(lambda text: f"x-{text}"))
def test_an_unknown_status_is_never_an_end(history: list[tuple[str, str]], status: str | None) -> None:
    records = [record(n, kind, content, f"B{n}") for n, (kind, content) in enumerate(history, 1)]
    if records and records[-1].kind in ("created", "completing"):
        assert decide(records, MINE, status) == Decision(A.WATCH, records[-1].batch)


@given(HISTORIES, st.sampled_from(EVERY_STATUS))
def test_content_that_is_active_is_never_loaded_again(
    history: list[tuple[str, str]], status: str | None
) -> None:
    records = [record(n, kind, content, f"B{n}") for n, (kind, content) in enumerate(history, 1)]
    named = batch_in_question(records)
    if named and named.kind == "active" and records[-1].kind != "empty" and outlook(status) is not O.GONE:
        assert decide(records, MINE, status).action is not A.CREATE


@dataclass
class World:
    """AEP and the ledger, as far as the commit protocol sees them."""

    records: list[LedgerRecord] = field(default_factory=list)
    batches: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Status and content by batch."""

    def committed(self) -> list[str]:
        return [b for b, (status, _) in self.batches.items() if outlook(status) in (O.COMMITTED, O.ACTIVE)]

    def complete(self, batch: str) -> None:
        status, content = self.batches[batch]
        if outlook(status) is O.OPEN:
            self.batches[batch] = ("staging", content)


class FencedOutError(Exception):
    pass


def runner(world: World, content: str, seen_status: dict[str, str | None]) -> Iterator[None]:
    """One run, as ``include.steps.ingest`` goes; it can be interrupted, for ever or for a while, at each yield."""
    records = list(world.records)

    def write(kind: str, batch: str | None, what: str) -> None:
        nonlocal records
        if len(records) != len(world.records):
            raise FencedOutError
        world.records.append(record(len(records) + 1, kind, what, batch))
        records = list(world.records)

    while True:
        question = batch_in_question(records)
        named = question.batch if question else None
        status = seen_status.get(named, world.batches[named][0]) if named else None
        yield
        decision = decide(records, content, status)
        batch = decision.batch or ""
        if decision.action in (A.DONE, A.STOP, A.WATCH):
            return
        if decision.action is A.CREATE:
            write("claimed", None, content)
            yield
            batch = f"B{len(world.batches)}"
            world.batches[batch] = ("loading", content)
            yield
            write("created", batch, content)
        elif decision.action is A.UPLOAD:
            yield
            write("completing", batch, content)
            yield
            world.complete(batch)
        elif decision.action is A.COMPLETE:
            yield
            world.complete(batch)
            return
        else:
            kind = "active" if decision.action is A.RECORD else "failed"
            write(kind, batch, world.batches[batch][1])
        yield


NEXT = {
    "staging": ["processing", "retrying", "success", "failed"], "processing": ["active", "failed"],
    "retrying": ["stalled", "success"], "stalled": ["success"], "loading": ["abandoned", "loading"],
}  # fmt: skip
TURNS = st.lists(
    st.one_of(
        st.tuples(
            st.just("run"),
            st.integers(0, 2),
            st.sampled_from([MINE, MINE, OTHER]),
            st.sampled_from([1, 2, 5, 9]),
        ),
        st.tuples(st.just("crash"), st.integers(0, 2)),
        st.tuples(st.just("aep"), st.integers(0, 5), st.sampled_from(["", "success", "failed", "abandoned"])),
        st.tuples(st.just("blind"), st.integers(0, 5), st.sampled_from(["unheard of", None])),
    ),
    min_size=10,
    max_size=40,
)


@settings(max_examples=300)
@given(TURNS)
def test_three_runs_that_crash_and_overtake_each_other_commit_one_batch(turns: list[tuple[Any, ...]]) -> None:
    """AEP may refuse, abandon, dawdle or answer nonsense; two batches are never committed at once."""
    world, runs = World(), {}
    blind: dict[str, str | None] = {}
    for what, number, *values in turns:
        batch = f"B{number % len(world.batches)}" if world.batches else None
        if what == "crash":
            runs.pop(number, None)
        elif what == "run":
            step_on(runs, number, runner(world, values[0], blind), values[1])
        elif what == "blind" and batch:
            blind[batch] = values[0]
        elif batch:
            blind.pop(batch, None)
            status, content = world.batches[batch]
            steps = NEXT.get(status, [status])
            world.batches[batch] = (values[0] if values[0] in steps else steps[0], content)
        assert len(world.committed()) <= 1
    active = [r for r in world.records if r.kind == "active"]
    assert all(world.batches[str(r.batch)][1] == r.content for r in active)
    assert len({r.batch for r in active}) <= 1


def step_on(runs: dict[int, Iterator[None]], number: int, fresh: Iterator[None], steps: int) -> None:
    """Some steps of a run that is under way, or of a fresh one."""
    run = runs.setdefault(number, fresh)
    try:
        for _ in range(steps):
            next(run)
    except (StopIteration, FencedOutError):
        del runs[number]

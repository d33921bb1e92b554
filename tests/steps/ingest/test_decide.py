"""decide() for every combination of ledger and AEP; whatever run crashes when, no id is active twice and none is lost."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.aep.batch_state import BatchState, classify_status
from include.lake.ledger import Kind, LedgerRecord
from include.lake.ledger_state import active_records, batches_to_poll, in_flight
from include.steps.ingest.decide import Action, Decision, LoadRequest, decide
from tests.support.ledger_records import MINE, OTHER, A, O, record

pytestmark = pytest.mark.unit
# Source: status enum of the Catalog API, and the ingestion life cycle in Adobe's documentation.
STATUSES = {
    BatchState.OPEN: ["loading"],
    BatchState.COMMITTED: [
        "loaded",
        "staging",
        "staged",
        "queued",
        "processing",
        "retrying",
        "stalled",
    ],
    BatchState.ACTIVE: ["success", "active"],
    BatchState.REFUSED: ["failed", "failure"],
    BatchState.GONE: ["aborted", "abandoned", "inactive", "retained", "archived", "deleted"],
    BatchState.UNKNOWN: [None, "", "unheard of", "LOADINGS", "success ", "0"],
}


EVERY_STATUS = [status for statuses in STATUSES.values() for status in statuses]


def every(action: Action, **but: Action) -> dict[BatchState, Action]:
    return {state: but.get(state.value, action) for state in O}


EXPECTED: dict[tuple[str | None, bool], dict[BatchState, Action]] = {
    (None, True): every(A.CREATE),
    ("claimed", True): every(A.CREATE),
    ("claimed", False): every(A.CREATE),
    ("created", True): every(A.WATCH, open=A.UPLOAD, active=A.RECORD, refused=A.FAIL, gone=A.CREATE),
    ("created", False): every(A.WATCH, open=A.CREATE, active=A.RECORD, refused=A.FAIL, gone=A.CREATE),
    ("completing", True): every(A.WATCH, open=A.COMPLETE, active=A.RECORD, refused=A.FAIL, gone=A.CREATE),
    ("completing", False): every(A.WATCH, open=A.COMPLETE, active=A.RECORD, refused=A.FAIL, gone=A.CREATE),
    ("failed", True): every(A.CREATE, open=A.WATCH, committed=A.WATCH, active=A.RECORD),
    ("failed", False): every(A.CREATE, open=A.WATCH, committed=A.WATCH, active=A.RECORD),
    ("active", True): every(A.CONFIRM, active=A.DONE, gone=A.MARK_GONE),
    ("active", False): every(A.CONFIRM, active=A.RESTAGE, gone=A.MARK_GONE),
    ("gone", True): every(A.CREATE),
    ("gone", False): every(A.CREATE),
    ("empty", True): every(A.CREATE),
    ("empty", False): every(A.CREATE),
}


PRODUCT = [
    (kind, same, status, A.CONFIRM if status is None and kind in ("created", "completing") else action)
    for (kind, same), row in EXPECTED.items()
    for state, action in row.items()
    for status in STATUSES[state]
]


def tail(kind: str, content: str, batch: str = "B", replaces: tuple[str, ...] = ()) -> list[LedgerRecord]:
    """Return a ledger that ends with ``kind``."""
    before = {
        "claimed": [], "empty": [], "created": ["claimed"], "completing": ["claimed", "created"],
        "active": ["claimed", "created", "completing"], "failed": ["claimed", "created", "completing"],
        "gone": ["claimed", "created", "completing", "active"],
    }[kind]  # fmt: skip
    kinds = [*before, kind]
    return [
        record(n, kind, content, None if kind in ("claimed", "empty") else batch, replaces)
        for n, kind in enumerate(kinds, 1)
    ]


def load_request(
    content: str = MINE, rows: int = 3, *excluded_batches: str, replace: bool = False
) -> LoadRequest:
    return LoadRequest(content, rows, frozenset(excluded_batches), replace)


def test_every_kind_of_record_is_in_the_table() -> None:
    assert {kind for kind, _ in EXPECTED} == {None, *get_args(Kind)}


@pytest.mark.parametrize(("kind", "same", "status", "action"), PRODUCT)
def test_every_combination(kind: str | None, same: bool, status: str | None, action: Action) -> None:
    records = tail(kind, MINE if same else OTHER) if kind else []
    decision = decide(records, load_request(), {"B": status})
    assert decision.action is action
    assert decision.batch == (None if action in (A.CREATE, A.RESTAGE) else "B")


# What is active, whether the staged rows exclude it, how many they are, and the decision.
EXCLUDED = [
    ([], (), 3, False, A.CREATE),
    ([], (), 0, False, A.MARK_EMPTY),
    ([], (), 0, True, A.MARK_EMPTY),
    ([], (OTHER,), 3, False, A.RESTAGE),
    ([OTHER], (), 3, False, A.RESTAGE),
    ([OTHER], (), 0, False, A.RESTAGE),
    ([OTHER], (OTHER,), 3, False, A.CREATE),
    ([OTHER], (OTHER,), 0, False, A.DONE),
    ([OTHER], (), 3, True, A.CREATE),
    ([OTHER], (), 0, True, A.STOP),
    ([OTHER], (OTHER,), 3, True, A.RESTAGE),
    ([MINE], (), 3, True, A.DONE),
    ([MINE, OTHER], (), 3, True, A.CREATE),
    ([MINE, OTHER], (), 3, False, A.DONE),
    ([OTHER, MINE], (OTHER,), 3, False, A.DONE),
    ([MINE], (OTHER,), 3, False, A.RESTAGE),
]


@pytest.mark.parametrize(("active", "excluded_batches", "rows", "replace", "action"), EXCLUDED)
def test_active_rows_decide_what_is_loaded_in_addition(
    active: list[str], excluded_batches: tuple[str, ...], rows: int, replace: bool, action: Action
) -> None:
    records = [r for n, content in enumerate(active) for r in tail("active", content, f"B{n}")]
    statuses = {f"B{n}": "success" for n in range(len(active))}
    decision = decide(records, load_request(MINE, rows, *excluded_batches, replace=replace), statuses)
    assert decision.action is action
    assert (decision.reason != "") == (action is A.STOP)


def test_an_empty_day_is_recorded_once() -> None:
    assert decide([record(1, "empty", OTHER)], load_request(rows=0), {}).action is A.DONE


def test_an_open_replacing_batch_is_not_confused_with_an_appending_one() -> None:
    before = tail("active", OTHER, "B1")
    for replaces, replace, action in (
        (("B1",), True, A.UPLOAD),
        (("B1",), False, A.RESTAGE),
        ((), True, A.CREATE),
    ):
        records = [*before, *tail("created", MINE, "B2", replaces)]
        assert (
            decide(records, load_request(replace=replace), {"B1": "success", "B2": "loading"}).action
            is action
        )


def test_loaded_rows_are_those_neither_replaced_nor_removed() -> None:
    records = [
        *tail("active", OTHER, "B1"), *tail("active", MINE, "B2"), record(9, "gone", OTHER, "B1"),
        *tail("failed", OTHER, "B3"), *tail("active", OTHER, "B4", ("B2",)), *tail("created", MINE, "B5"),
    ]  # fmt: skip
    assert [r.batch for r in active_records(records)] == ["B4"]
    assert batches_to_poll(records) == ["B4", "B5"]
    assert in_flight(records[:-1]) is not None or in_flight(records[:-2]) is None


@pytest.mark.parametrize(("state", "status"), [(s, text) for s, texts in STATUSES.items() for text in texts])
def test_a_status_is_case_insensitive(state: BatchState, status: str | None) -> None:
    assert classify_status(status) is state
    assert classify_status(status.upper() if status else status) is state


@given(st.none() | st.text())
def test_an_undocumented_status_is_unknown(status: str | None) -> None:
    known = {text.lower() for text in EVERY_STATUS if text} - {"unheard of", "loadings", "success ", "0"}
    assert (classify_status(status) is O.UNKNOWN) == ((status or "").lower() not in known)


RECORDS = st.lists(
    st.tuples(st.sampled_from(get_args(Kind)), st.sampled_from([MINE, OTHER]), st.integers(0, 2)), max_size=8
).map(
    lambda history: [
        record(n, kind, content, None if kind in ("claimed", "empty") else f"B{batch}")
        for n, (kind, content, batch) in enumerate(history, 1)
    ]
)


WANTED = st.builds(
    LoadRequest,
    st.just(MINE),
    st.integers(0, 3),
    st.frozensets(st.sampled_from([MINE, OTHER])),
    st.booleans(),
)


STATUS = st.sampled_from(EVERY_STATUS) | st.text()


@given(RECORDS, WANTED, st.dictionaries(st.sampled_from(["B0", "B1", "B2"]), STATUS))
def test_nothing_is_created_while_a_batch_may_still_become_active(
    records: list[LedgerRecord], want: LoadRequest, statuses: dict[str, str | None]
) -> None:
    """For any sequence of records, reachable or not. An open batch of other rows is fenced out by the next claim."""
    decision = decide(records, want, statuses)
    flying = in_flight(records)
    if flying is None or flying.kind == "failed":
        return
    state = classify_status(statuses.get(str(flying.batch)))
    superseded = state is O.OPEN and flying.kind == "created"
    if state in (O.OPEN, O.COMMITTED, O.ACTIVE, O.UNKNOWN) and not superseded:
        assert decision.action not in (A.CREATE, A.DONE, A.RESTAGE)
        assert decision.batch == flying.batch


@given(RECORDS, WANTED, st.sampled_from(STATUSES[O.UNKNOWN]) | st.text().map(lambda text: f"x-{text}"))
def test_an_unknown_status_is_never_final(
    records: list[LedgerRecord], want: LoadRequest, status: str | None
) -> None:
    if records and records[-1].kind in ("created", "completing"):
        action = A.CONFIRM if status is None else A.WATCH
        assert decide(records, want, dict.fromkeys(["B0", "B1", "B2"], status)) == Decision(
            action, records[-1].batch
        )


@given(RECORDS, WANTED, st.dictionaries(st.sampled_from(["B0", "B1", "B2"]), STATUS))
def test_a_partition_is_done_only_if_aep_reports_every_load_as_active(
    records: list[LedgerRecord], want: LoadRequest, statuses: dict[str, str | None]
) -> None:
    if decide(records, want, statuses).action is A.DONE:
        assert all(classify_status(statuses.get(str(r.batch))) is O.ACTIVE for r in active_records(records))


@given(RECORDS, WANTED, st.dictionaries(st.sampled_from(["B0", "B1", "B2"]), STATUS))
def test_rows_are_created_only_if_they_exclude_exactly_the_active_ones(
    records: list[LedgerRecord], want: LoadRequest, statuses: dict[str, str | None]
) -> None:
    decision = decide(records, want, statuses)
    if decision.action is A.CREATE:
        there = {r.staged for r in active_records(records)}
        assert want.excluded_batches == (frozenset() if want.replace else there)
        assert want.rows
        assert not [
            r for r in active_records(records) if classify_status(statuses.get(str(r.batch))) is O.GONE
        ]


@pytest.mark.parametrize("kind", ["created", "completing", "failed"])
def test_a_released_batch_is_not_awaited(kind: Kind) -> None:
    """Also if AEP still does not return it; rows that were active before stay active."""
    records = [*tail("active", OTHER, "B1"), record(5, "created", MINE, "B2")]
    if kind != "created":
        records.append(record(6, kind, MINE, "B2"))
    assert in_flight(records) == records[-1]
    released = [*records, record(7, "gone", MINE, "B2")]
    assert in_flight(released) is None
    assert [found.batch for found in active_records(released)] == ["B1"]
    excluded_batches = frozenset(found.staged for found in active_records(released))
    assert decide(released, LoadRequest(MINE, 3, excluded_batches), {"B1": "success"}).action is Action.CREATE


@pytest.mark.parametrize(
    ("rows", "most", "action"),
    [
        (80, 0.2, Action.CREATE),
        (79, 0.2, Action.STOP),
        (1, 1.0, Action.CREATE),
        (0, 1.0, Action.STOP),
        (200, 0.0, Action.CREATE),
        (91, 0.0, Action.CREATE),
        (90, 0.0, Action.STOP),
    ],
)
def test_a_replacement_removes_no_more_rows_than_allowed(rows: int, most: float, action: Action) -> None:
    active = tail("active", OTHER)
    active[-1] = active[-1].model_copy(update={"counts": {"active": 100}})
    found = decide(active, LoadRequest(MINE, rows, replace=True, most_removed=most), {"B": "success"})
    assert found.action is action
    assert bool(found.hint) == (action is Action.STOP)


def test_the_same_content_is_loaded_again_only_if_aep_lost_its_rows() -> None:
    active = tail("active", MINE)
    for renew, action in ((False, Action.DONE), (True, Action.CREATE)):
        load_request = LoadRequest(MINE, 3, replace=True, renew=renew)
        assert decide(active, load_request, {"B": "success"}).action is action
    assert decide(active, LoadRequest(MINE, 3, renew=True), {"B": "success"}).action is Action.DONE

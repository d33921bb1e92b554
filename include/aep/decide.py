"""The next action for a partition, as a pure function of its ledger and of AEP's statuses of its batches.

Four invariants hold for every history. No path completes a batch while another batch of the partition may still become
active. Rows loaded in addition to active batches were selected with exactly those batches excluded. An unknown status is
not final. A partition is done only when AEP currently reports every load of it as active.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from include.lake.ledger import LedgerRecord


class BatchState(Enum):
    """The meaning of AEP's batch status for this project."""

    OPEN = "open"  # loading: files can be added, no row is visible
    COMMITTED = (
        "committed"  # accepted, not yet decided: loaded, staging, processing, queued, retrying, stalled ...
    )
    ACTIVE = "active"
    REFUSED = "refused"  # failed, failure: AEP rejected the batch
    GONE = (
        "gone"  # aborted, abandoned, inactive, retained, archived, deleted: it can never become active again
    )
    UNKNOWN = "unknown"  # an undocumented status, or no response


_STATUSES = {
    BatchState.OPEN: ("loading",),
    BatchState.COMMITTED: (
        "loaded", "staging", "staged", "queued", "processing", "retrying", "stalled",
    ),
    BatchState.ACTIVE: ("success", "active"),
    BatchState.REFUSED: ("failed", "failure"),
    BatchState.GONE: ("aborted", "abandoned", "inactive", "retained", "archived", "deleted"),
}  # fmt: skip
_STATES = {status: state for state, statuses in _STATUSES.items() for status in statuses}


def classify_status(status: str | None) -> BatchState:
    """Return the state for a raw batch status, in any case."""
    return _STATES.get((status or "").lower(), BatchState.UNKNOWN)


class Action(Enum):
    """The next action."""

    CREATE = "create"  # claim the partition and create a batch
    UPLOAD = "upload"  # send the files to the open batch (again), then complete it
    COMPLETE = "complete"  # repeat COMPLETE: the request may not have arrived
    WATCH = "watch"  # AEP is processing; poll later
    CONFIRM = "confirm"  # AEP contradicts the ledger; poll again, then a person decides
    RECORD = "record"  # the batch is active in AEP; record it in the ledger
    MARK_GONE = "mark_gone"  # an active batch was removed in AEP; record it in the ledger
    RESTAGE = "restage"  # the active batches differ from those excluded when the rows were staged
    MARK_EMPTY = "mark_empty"  # no rows to load and none loaded; record it in the ledger
    DONE = "done"
    FAIL = "fail"  # AEP rejected the batch in flight
    STOP = "stop"  # a person has to decide


@dataclass(frozen=True)
class Decision:
    """An action, its batch, and for STOP the reason and a hint."""

    action: Action
    batch: str | None = None
    reason: str = ""
    hint: str = ""


@dataclass(frozen=True)
class LoadRequest:
    """The staged rows that a run loads.

    ``content``: the digest of the rows. ``excluded_batches``: the digests of the staged rows whose batches were active
    when these rows were selected; these rows exclude them. ``replace``: the rows replace all active rows. ``renew``:
    load them even if the same content is active, because AEP's data lake lacks some of its rows or has duplicates.
    ``most_removed``: the largest share of the active rows, from 0 to 1, that a replacement may remove.
    """

    content: str
    rows: int
    excluded_batches: frozenset[str] = frozenset()
    replace: bool = False
    renew: bool = False
    most_removed: float = 1.0


FEWEST_REMOVED = 10
"""A replacement may always remove fewer rows than this."""


def active_records(records: Sequence[LedgerRecord]) -> list[LedgerRecord]:
    """Return the ``active`` records whose rows are in the dataset: not replaced or removed since."""
    found: dict[str | None, LedgerRecord] = {}
    for record in records:
        if record.kind == "gone":
            found.pop(record.batch, None)
        elif record.kind == "active":
            for batch in record.replaces:
                found.pop(batch, None)
            found[record.batch] = record
    return list(found.values())


def refused_record(records: Sequence[LedgerRecord]) -> LedgerRecord | None:
    """Return the record of the newest load of which AEP refused rows, with the ids of these rows as its ``ids``; None without such a load."""
    newest = next(
        (record for record in reversed(active_records(records)) if record.refused is not None), None
    )
    return newest.model_copy(update={"ids": newest.refused}) if newest is not None else None


def refused_rows(records: Sequence[LedgerRecord]) -> int:
    """Return how many refused rows of the day are in no active batch."""
    found = refused_record(records)
    return found.ids.rows if found is not None and found.ids is not None else 0


def in_flight(records: Sequence[LedgerRecord]) -> LedgerRecord | None:
    """Return the newest record of a batch without a final state in the ledger; ``failed`` counts as not final."""
    named = next((record for record in reversed(records) if record.batch and record.kind != "gone"), None)
    if named is None or named.kind == "active":
        return None
    # A person may have released a batch that was never active.
    is_released = any(
        r.kind == "gone" and r.batch == named.batch and r.number > named.number for r in records
    )
    return None if is_released else named


def batches_to_poll(records: Sequence[LedgerRecord]) -> list[str]:
    """Return the batches whose status ``decide`` needs."""
    flying = in_flight(records)
    return [str(record.batch) for record in [*active_records(records), *([flying] if flying else [])]]


def decide(
    records: Sequence[LedgerRecord], load_request: LoadRequest, statuses: Mapping[str, str | None]
) -> Decision:
    """Return a partition's next action. ``statuses``: AEP's raw status of each of ``batches_to_poll`` (None: no response)."""
    flying = in_flight(records)
    if flying is not None:
        decision = _decide_for_batch_in_flight(flying, load_request, statuses.get(str(flying.batch)))
        if decision is not None:
            return decision
    active = active_records(records)
    states = {str(record.batch): classify_status(statuses.get(str(record.batch))) for record in active}
    for batch, state in states.items():
        if state is BatchState.GONE:
            return Decision(Action.MARK_GONE, batch)
    for batch, state in states.items():
        if state is not BatchState.ACTIVE:  # the ledger alone does not prove that the load is active
            return Decision(Action.CONFIRM, batch)
    return (
        _decide_replacement(records, active, load_request)
        if load_request.replace
        else _decide_addition(records, active, load_request)
    )


def _decide_for_batch_in_flight(
    last: LedgerRecord, load_request: LoadRequest, status: str | None
) -> Decision | None:
    """Return the decision about the batch in flight, or None if the batch has no further effect."""
    state = classify_status(status)
    if state is BatchState.ACTIVE:
        return Decision(Action.RECORD, last.batch)
    if state is BatchState.GONE:
        return None
    if last.kind == "failed":
        # The batch is recorded as failed; only its current status can show that it may still become active.
        may_become_active = state in (BatchState.OPEN, BatchState.COMMITTED)
        return Decision(Action.WATCH, last.batch) if may_become_active else None
    if state is BatchState.REFUSED:
        return Decision(Action.FAIL, last.batch)
    if state is BatchState.OPEN and last.kind == "created":
        # The rows of an open batch are not visible, and only a run with a `completing` record commits it.
        same = last.content == load_request.content and bool(last.replaces) == load_request.replace
        return Decision(Action.UPLOAD, last.batch) if same else None
    if state is BatchState.OPEN and last.kind == "completing":
        return Decision(Action.COMPLETE, last.batch)
    # A missing response is not a state of the batch: the catalog may lag, or the batch may be gone permanently.
    has_status = status is not None
    return Decision(Action.WATCH if has_status else Action.CONFIRM, last.batch)


def _decide_addition(
    records: Sequence[LedgerRecord], active: list[LedgerRecord], load_request: LoadRequest
) -> Decision:
    loaded = {record.staged for record in active}
    for record in active:
        if record.content == load_request.content and load_request.excluded_batches <= loaded:
            return Decision(Action.DONE, record.batch)
    if load_request.excluded_batches != loaded:
        return Decision(Action.RESTAGE)
    if load_request.rows:
        return Decision(Action.CREATE)
    if active:
        return Decision(Action.DONE, active[-1].batch)
    return _decide_without_rows(records)


def _decide_without_rows(records: Sequence[LedgerRecord]) -> Decision:
    return Decision(Action.DONE if records and records[-1].kind == "empty" else Action.MARK_EMPTY)


def _decide_replacement(
    records: Sequence[LedgerRecord], active: list[LedgerRecord], load_request: LoadRequest
) -> Decision:
    if [record.content for record in active] == [load_request.content] and not load_request.renew:
        return Decision(Action.DONE, active[0].batch)
    if load_request.excluded_batches:
        return Decision(Action.RESTAGE)
    if not active:
        return Decision(Action.CREATE) if load_request.rows else _decide_without_rows(records)
    if not load_request.rows:
        return Decision(
            Action.STOP,
            active[-1].batch,
            "no valid event is left to replace the active rows",
            "Read the report of the task validate. To empty the day, revert that batch in AEP.",
        )
    rows = sum(record.counts.get("active", 0) for record in active)
    removed = rows - load_request.rows
    if removed >= FEWEST_REMOVED and removed > load_request.most_removed * rows:
        return Decision(
            Action.STOP,
            active[-1].batch,
            f"{load_request.rows} rows would replace {rows} active rows",
            "Export the day again: Mixpanel's export may have been incomplete. To remove so many rows, set "
            "quality.max_removed in the pipeline file to 100%, run the day, and restore the value.",
        )
    return Decision(Action.CREATE)

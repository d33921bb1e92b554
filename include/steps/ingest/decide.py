"""Decide the next action for a partition: a pure function of its ledger and of the statuses of its batches in AEP.

These invariants hold for every sequence of ledger records:

* No batch is completed while another batch of the partition may still become active.
* Rows that are loaded in addition to active batches were selected with exactly those batches excluded.
* An unknown status is not final.
* A partition is done only if AEP currently reports all its loads as active.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from include.aep.batch_state import BatchState, classify_status
from include.lake.ledger import LedgerRecord
from include.lake.ledger_state import active_records, in_flight
from include.plural import counted


class Action(Enum):
    """The next action that a run takes for a partition."""

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
    """The next action of a run.

    ``batch``: the id of the batch that the action concerns; None if it concerns none. ``reason``, ``hint``: for STOP,
    why a person has to decide, and what to do.
    """

    action: Action
    batch: str | None = None
    reason: str = ""
    hint: str = ""


@dataclass(frozen=True)
class LoadRequest:
    """The staged rows that a run has to load.

    Attributes:
        content: The digest of the rows.
        rows: The number of rows.
        excluded_batches: The digests of the staged outputs whose batches were active when these rows were selected; the
            rows of those batches are not among these rows.
        replace: Whether these rows replace all active rows.
        renew: Load the rows even if the same content is active, because AEP's data lake lacks some of them or has
            duplicates.
        most_removed: The largest share of the active rows, from 0 to 1, that a replacement may remove.
    """

    content: str
    rows: int
    excluded_batches: frozenset[str] = frozenset()
    replace: bool = False
    renew: bool = False
    most_removed: float = 1.0


FEWEST_REMOVED = 10
"""The number of removed rows from which ``most_removed`` applies; a replacement may always remove fewer rows."""


def decide(
    records: Sequence[LedgerRecord], load_request: LoadRequest, statuses: Mapping[str, str | None]
) -> Decision:
    """Return the next action for a partition.

    ``statuses``: the status, as AEP reports it, of each batch of ``batches_to_poll``; None if AEP does not list the
    batch.
    """
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
    """Decide about the newest batch that is not active (``in_flight``); None if it does not prevent other actions."""
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
    """Return the next action for rows that are loaded in addition to the active batches."""
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
    """Return the next action for a day that has neither rows to load nor an active batch."""
    return Decision(Action.DONE if records and records[-1].kind == "empty" else Action.MARK_EMPTY)


def _decide_replacement(
    records: Sequence[LedgerRecord], active: list[LedgerRecord], load_request: LoadRequest
) -> Decision:
    """Return the next action for rows that replace all active batches."""
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
            f"{counted(load_request.rows, 'row')} would replace {counted(rows, 'active row')}",
            "Export the day again: Mixpanel's export may have been incomplete. To remove so many rows, set "
            "quality.max_removed in the pipeline file to 100%, run the day, and restore the value.",
        )
    return Decision(Action.CREATE)

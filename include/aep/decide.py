"""What to do next with a partition: a pure function of its ledger and of what AEP says about its batches.

Four properties hold for every history. No path completes a batch while another one of the partition may still become
active. What is loaded in addition to active batches was chosen with exactly those excluded. An unknown status is not an
end. A partition is done only when AEP says now that every load of it is active.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from include.lake.ledger import LedgerRecord


class BatchState(Enum):
    """What AEP's status of a batch means for us."""

    OPEN = "open"  # loading: files can be added, nothing is visible
    COMMITTED = (
        "committed"  # accepted, not yet decided: loaded, staging, processing, queued, retrying, stalled ...
    )
    ACTIVE = "active"
    REFUSED = "refused"  # failed, failure: AEP said no
    GONE = (
        "gone"  # aborted, abandoned, inactive, retained, archived, deleted: it can never become active again
    )
    UNKNOWN = "unknown"  # a status that is in no document, or no answer


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
    """The outlook of a raw batch status, in any case."""
    return _STATES.get((status or "").lower(), BatchState.UNKNOWN)


class Action(Enum):
    """The next thing to do."""

    CREATE = "create"  # claim the partition and create a batch
    UPLOAD = "upload"  # (again) send the files to the open batch, then complete it
    COMPLETE = "complete"  # repeat COMPLETE: it may not have arrived
    WATCH = "watch"  # AEP is at work; look again later
    CONFIRM = "confirm"  # AEP does not say now what the ledger says; ask again, then a person decides
    RECORD = "record"  # AEP has it; say so in the ledger
    MARK_GONE = "mark_gone"  # an active batch was taken back in AEP; say so in the ledger
    RESTAGE = "restage"  # other batches are active than the staged rows were chosen beside
    MARK_EMPTY = "mark_empty"  # there is nothing to load, and nothing was; say so in the ledger
    DONE = "done"
    FAIL = "fail"  # AEP refused the batch just watched
    STOP = "stop"  # a person has to look


@dataclass(frozen=True)
class Decision:
    """An action, the batch it is about, and for STOP the reason and what a person can do."""

    action: Action
    batch: str | None = None
    reason: str = ""
    hint: str = ""


@dataclass(frozen=True)
class LoadRequest:
    """The staged rows that a run wants active.

    ``excluded_batches``: the staged digests of the batches beside which they were chosen, so that no row of those is in them.
    ``replace``: they take the place of all that is active. ``renew``: also where the same content is active, because
    AEP's data lake was found not to hold all of it, or to hold it twice. ``most_removed``: how large a share of the
    active rows a replacement may take out.
    """

    content: str
    rows: int
    excluded_batches: frozenset[str] = frozenset()
    replace: bool = False
    renew: bool = False
    most_removed: float = 1.0


FEWEST_REMOVED = 10
"""Fewer rows than this may always go."""


def active_records(records: Sequence[LedgerRecord]) -> list[LedgerRecord]:
    """The ``active`` records whose rows are in the dataset: neither replaced nor taken back since."""
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
    """The newest load that knows which rows of the day AEP has refused, with those as its ``ids``; None: none does."""
    newest = next(
        (record for record in reversed(active_records(records)) if record.refused is not None), None
    )
    return newest.model_copy(update={"ids": newest.refused}) if newest is not None else None


def refused_rows(records: Sequence[LedgerRecord]) -> int:
    """How many rows of the day AEP has refused that are in no active batch."""
    found = refused_record(records)
    return found.ids.rows if found is not None and found.ids is not None else 0


def in_flight(records: Sequence[LedgerRecord]) -> LedgerRecord | None:
    """The newest record of a batch whose end is not in the ledger, or only as ``failed``, which may prove wrong."""
    named = next((record for record in reversed(records) if record.batch and record.kind != "gone"), None)
    if named is None or named.kind == "active":
        return None
    # A person may have released a batch that was never active.
    is_released = any(
        r.kind == "gone" and r.batch == named.batch and r.number > named.number for r in records
    )
    return None if is_released else named


def batches_to_poll(records: Sequence[LedgerRecord]) -> list[str]:
    """The batches whose status ``decide`` wants to know."""
    flying = in_flight(records)
    return [str(record.batch) for record in [*active_records(records), *([flying] if flying else [])]]


def decide(
    records: Sequence[LedgerRecord], load_request: LoadRequest, statuses: Mapping[str, str | None]
) -> Decision:
    """The next action for a partition. ``statuses``: AEP's raw status of each batch ``batches_to_poll`` (None: no answer)."""
    flying = in_flight(records)
    if flying is not None:
        decision = _with_batch(flying, load_request, statuses.get(str(flying.batch)))
        if decision is not None:
            return decision
    active = active_records(records)
    states = {str(record.batch): classify_status(statuses.get(str(record.batch))) for record in active}
    for batch, state in states.items():
        if state is BatchState.GONE:
            return Decision(Action.MARK_GONE, batch)
    for batch, state in states.items():
        if state is not BatchState.ACTIVE:  # what the ledger says is not enough for a green run
            return Decision(Action.CONFIRM, batch)
    return (
        _replacing(records, active, load_request)
        if load_request.replace
        else _with_excluded_batches(records, active, load_request)
    )


def _with_batch(last: LedgerRecord, load_request: LoadRequest, status: str | None) -> Decision | None:
    """What to do about the batch in flight; None: nothing can come of it any more."""
    state = classify_status(status)
    if state is BatchState.ACTIVE:
        return Decision(Action.RECORD, last.batch)
    if state is BatchState.GONE:
        return None
    if last.kind == "failed":
        # AEP called it failed; only what it says now can tell that it may become active after all.
        may = state in (BatchState.OPEN, BatchState.COMMITTED)
        return Decision(Action.WATCH, last.batch) if may else None
    if state is BatchState.REFUSED:
        return Decision(Action.FAIL, last.batch)
    if state is BatchState.OPEN and last.kind == "created":
        # Nothing of an open batch is visible, and only its owner's `completing` record can commit it.
        same = last.content == load_request.content and bool(last.replaces) == load_request.replace
        return Decision(Action.UPLOAD, last.batch) if same else None
    if state is BatchState.OPEN and last.kind == "completing":
        return Decision(Action.COMPLETE, last.batch)
    # No answer is not a state of the batch: it may be a lag of the catalog, or the batch may be gone for good.
    answered = status is not None
    return Decision(Action.WATCH if answered else Action.CONFIRM, last.batch)


def _with_excluded_batches(
    records: Sequence[LedgerRecord], active: list[LedgerRecord], load_request: LoadRequest
) -> Decision:
    there = {record.staged for record in active}
    for record in active:
        if record.content == load_request.content and load_request.excluded_batches <= there:
            return Decision(Action.DONE, record.batch)
    if load_request.excluded_batches != there:
        return Decision(Action.RESTAGE)
    if load_request.rows:
        return Decision(Action.CREATE)
    if active:
        return Decision(Action.DONE, active[-1].batch)
    return _empty(records)


def _empty(records: Sequence[LedgerRecord]) -> Decision:
    return Decision(Action.DONE if records and records[-1].kind == "empty" else Action.MARK_EMPTY)


def _replacing(
    records: Sequence[LedgerRecord], active: list[LedgerRecord], load_request: LoadRequest
) -> Decision:
    if [record.content for record in active] == [load_request.content] and not load_request.renew:
        return Decision(Action.DONE, active[0].batch)
    if load_request.excluded_batches:
        return Decision(Action.RESTAGE)
    if not active:
        return Decision(Action.CREATE) if load_request.rows else _empty(records)
    if not load_request.rows:
        return Decision(
            Action.STOP,
            active[-1].batch,
            "no valid event is left to replace what is active",
            "Read the report of the task validate; to empty the day, revert that batch in AEP.",
        )
    rows = sum(record.counts.get("active", 0) for record in active)
    removed = rows - load_request.rows
    if removed >= FEWEST_REMOVED and removed > load_request.most_removed * rows:
        return Decision(
            Action.STOP,
            active[-1].batch,
            f"{load_request.rows} rows would replace {rows} active ones",
            "Export the day again: Mixpanel's answer may have been short. If so many rows are to go, set "
            "quality.max_removed of the pipeline file to 100%, run the day, and set it back.",
        )
    return Decision(Action.CREATE)

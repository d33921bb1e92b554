"""What to do next with a partition: a pure function of its ledger and of what AEP says about its batch.

Two properties hold for every history. No path completes a second batch of the same content while the first may
still become active. A status that we do not know is not an end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from include.lake.ledger import LedgerRecord


class BatchOutlook(Enum):
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
    BatchOutlook.OPEN: ("loading",),
    BatchOutlook.COMMITTED: (
        "loaded", "staging", "staged", "queued", "processing", "retrying", "stalled",
    ),
    BatchOutlook.ACTIVE: ("success", "active"),
    BatchOutlook.REFUSED: ("failed", "failure"),
    BatchOutlook.GONE: ("aborted", "abandoned", "inactive", "retained", "archived", "deleted"),
}  # fmt: skip
_OUTLOOK = {status: state for state, statuses in _STATUSES.items() for status in statuses}


def outlook(status: str | None) -> BatchOutlook:
    """The outlook of a raw batch status, in any case."""
    return _OUTLOOK.get((status or "").lower(), BatchOutlook.UNKNOWN)


class Action(Enum):
    """The next thing to do."""

    CREATE = "create"  # claim the partition and create a batch
    UPLOAD = "upload"  # (again) send the files to the open batch, then complete it
    COMPLETE = "complete"  # repeat COMPLETE: it may not have arrived
    WATCH = "watch"  # AEP is at work; look again later
    RECORD = "record"  # AEP has it; say so in the ledger
    DONE = "done"
    FAIL = "fail"  # AEP refused the batch just watched
    STOP = "stop"  # a person has to look


@dataclass(frozen=True)
class Decision:
    """An action, the batch it is about, and for STOP the reason."""

    action: Action
    batch: str | None = None
    reason: str = ""


def batch_in_question(records: Sequence[LedgerRecord]) -> LedgerRecord | None:
    """The newest record that names a batch: the one whose status ``decide`` wants to know."""
    return next((record for record in reversed(records) if record.batch), None)


def decide(records: Sequence[LedgerRecord], content: str, status: str | None) -> Decision:
    """The next action for a partition whose staged content is ``content``.

    ``status`` is AEP's raw status of ``batch_in_question`` (None: there is none, or AEP has no answer).
    """
    if records and records[-1].kind == "empty":
        return Decision(Action.DONE if records[-1].content == content else Action.CREATE)
    named = batch_in_question(records)
    if named is None or (named.kind == "failed" and not _flaps(status)):
        return Decision(Action.CREATE)
    return (
        _after_active(named, content, status)
        if named.kind == "active"
        else _with_batch(named, content, status)
    )


def _flaps(status: str | None) -> bool:
    """Whether a batch that AEP called failed may, by what AEP says now, become active after all."""
    return outlook(status) in (BatchOutlook.OPEN, BatchOutlook.COMMITTED, BatchOutlook.ACTIVE)


def _after_active(active: LedgerRecord, content: str, status: str | None) -> Decision:
    if (
        outlook(status) is BatchOutlook.GONE
    ):  # somebody took it back in AEP: nothing of it is there to be doubled
        return Decision(Action.CREATE)
    if active.content != content:
        return Decision(Action.STOP, active.batch, "other content of this partition is active")
    return Decision(Action.DONE, active.batch)


def _with_batch(last: LedgerRecord, content: str, status: str | None) -> Decision:
    state = outlook(status)
    same = last.content == content
    if state is BatchOutlook.ACTIVE:
        return Decision(Action.RECORD, last.batch)
    if state is BatchOutlook.REFUSED:
        return Decision(Action.FAIL, last.batch)
    if state is BatchOutlook.GONE:
        return Decision(Action.CREATE)
    if state is BatchOutlook.OPEN and last.kind == "created":
        # Nothing of an open batch is visible, and only its owner's `completing` record can commit it.
        return Decision(Action.UPLOAD, last.batch) if same else Decision(Action.CREATE)
    if state is BatchOutlook.OPEN and last.kind == "completing":
        return Decision(Action.COMPLETE, last.batch)
    return Decision(Action.WATCH, last.batch)

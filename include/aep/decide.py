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
    GONE = "gone"  # aborted, abandoned, inactive, deleted, archived: it can never become active again
    UNKNOWN = "unknown"  # a status that is in no document, or no answer


_STATUSES = {
    BatchOutlook.OPEN: ("loading",),
    BatchOutlook.COMMITTED: (
        "loaded", "staging", "staged", "queued", "processing", "retrying", "stalled", "retained",
    ),
    BatchOutlook.ACTIVE: ("success", "active"),
    BatchOutlook.REFUSED: ("failed", "failure"),
    BatchOutlook.GONE: ("aborted", "abandoned", "inactive", "deleted", "archived"),
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


def decide(records: Sequence[LedgerRecord], content: str, status: str | None) -> Decision:
    """The next action for a partition whose staged content is ``content``.

    ``status`` is AEP's raw status of the batch of the newest record (None: it names no batch, or AEP has no answer).
    """
    if not records:
        return Decision(Action.CREATE)
    last = records[-1]
    if last.kind in ("created", "completing") or (last.kind == "failed" and _flaps(status)):
        return _with_batch(last, content, status)
    if last.kind in ("active", "empty"):
        return _after_settled(last, content, status)
    active = next((record for record in reversed(records) if record.kind == "active"), None)
    return _after_settled(active, content, None) if active else Decision(Action.CREATE)


def _flaps(status: str | None) -> bool:
    """Whether a batch that AEP called failed may, by what AEP says now, become active after all."""
    return outlook(status) in (BatchOutlook.OPEN, BatchOutlook.COMMITTED, BatchOutlook.ACTIVE)


def _after_settled(settled: LedgerRecord, content: str, status: str | None) -> Decision:
    if settled.kind == "empty":
        return Decision(Action.DONE if settled.content == content else Action.CREATE)
    if settled.content != content:
        return Decision(Action.STOP, settled.batch, "other content of this partition is active")
    if outlook(status) is BatchOutlook.GONE:
        return Decision(Action.STOP, settled.batch, f"its batch was active and is now {status}")
    return Decision(Action.DONE, settled.batch)


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

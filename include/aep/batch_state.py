"""What AEP's statuses of a batch mean for this project."""

from __future__ import annotations

from enum import Enum


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

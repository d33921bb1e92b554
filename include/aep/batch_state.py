"""Maps AEP's many batch statuses to the few states that this project distinguishes."""

from __future__ import annotations

from enum import Enum


class BatchState(Enum):
    """The state of a batch in AEP; ``_STATUSES`` lists AEP's statuses for each state."""

    OPEN = "open"  # files can be added; no row is readable
    COMMITTED = "committed"  # completed by its producer, but AEP has not yet ingested or rejected it
    ACTIVE = "active"  # ingested; its rows are readable
    REFUSED = "refused"  # AEP rejected the batch
    GONE = "gone"  # aborted, reverted, replaced or deleted: it cannot become active again
    UNKNOWN = "unknown"  # the status is not documented, or could not be read


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
    """Return the state for AEP's batch status, in upper or lower case; UNKNOWN for None or an undocumented status."""
    return _STATES.get((status or "").lower(), BatchState.UNKNOWN)

"""The claim of a partition: the record in its ledger by which a run announces that it loads the day."""

from __future__ import annotations

from include.clock import Clock
from include.lake.ledger import Ledger, LedgerRecord

_WAIT_SECONDS = 20.0
_POLL_SECONDS = 2.0


def wait_for_other_claim(
    ledger: Ledger, records: list[LedgerRecord], run: str, clock: Clock
) -> list[LedgerRecord]:
    """Wait while another run is changing its claim; then return the ledger's records.

    Taking it over too early is safe: the ledger fences the other run out at its next write.
    """
    waited = 0.0
    while _is_claimed_by_another_run(records, run) and waited < _WAIT_SECONDS:
        clock.sleep(_POLL_SECONDS)
        waited += _POLL_SECONDS
        seen, records = len(records), ledger.records()
        waited = 0.0 if len(records) > seen else waited
    return records


def _is_claimed_by_another_run(records: list[LedgerRecord], run: str) -> bool:
    last = records[-1] if records else None
    return last is not None and last.kind in ("claimed", "created") and last.run != run

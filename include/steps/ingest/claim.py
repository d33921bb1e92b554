"""Wait while another run has claimed the day: a claim is the ledger record with which a run announces a load."""

from __future__ import annotations

from include.clock import Clock
from include.lake.ledger import Ledger, LedgerRecord

_WAIT_SECONDS = 20.0
_POLL_SECONDS = 2.0


def wait_for_other_claim(
    ledger: Ledger, records: list[LedgerRecord], run: str, clock: Clock
) -> list[LedgerRecord]:
    """Wait while another run that has claimed the day adds records to the ledger; return the ledger's records.

    The wait ends after 20 seconds without a new record. If this run then continues too early, the other run fails at
    its next write to the ledger, and no harm is done.
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

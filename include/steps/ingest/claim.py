"""Wait for the claim of another run: the ledger record with which a run announces that it loads a day."""

from __future__ import annotations

from include.clock import Clock
from include.lake.ledger import Ledger, LedgerRecord

_WAIT_SECONDS = 20.0
_POLL_SECONDS = 2.0


def wait_for_other_claim(
    ledger: Ledger, records: list[LedgerRecord], run: str, clock: Clock
) -> list[LedgerRecord]:
    """Wait while another run holds the claim and adds records; return the records of the ledger.

    The wait ends after 20 seconds without a new record. A claim that is taken over too early does no harm: the other
    run then fails at its next write to the ledger.
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

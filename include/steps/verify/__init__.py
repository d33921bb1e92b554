"""Verify: compare the rows in AEP's data lake with the ledger, day by day, as sets of ``_id``s."""

from __future__ import annotations

from include.steps.verify.results import DayResult, Verification
from include.steps.verify.run import verify

__all__ = ["DayResult", "Verification", "verify"]

"""Verify: compares what AEP's data lake holds with the ledger, day by day, as sets of ``_id``."""

from __future__ import annotations

from include.steps.verify.results import DayResult, Verification
from include.steps.verify.run import verify

__all__ = ["DayResult", "Verification", "verify"]

"""Recover: rebuilds ledgers from AEP, and makes the two changes of a ledger that only a person can decide."""

from __future__ import annotations

from include.steps.recover.aep_ids import AepIds, Writer
from include.steps.recover.amend import adopt, release
from include.steps.recover.person import current_person
from include.steps.recover.rebuild import Recovery, recover

__all__ = ["AepIds", "Recovery", "Writer", "adopt", "current_person", "recover", "release"]

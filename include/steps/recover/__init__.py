"""Recover lost ledgers from AEP, and change a ledger by a person's decision (adopt or release a batch)."""

from __future__ import annotations

from include.steps.recover.aep_ids import AepIds, Writer
from include.steps.recover.amend import adopt, release
from include.steps.recover.person import current_person
from include.steps.recover.rebuild import Recovery, recover

__all__ = ["AepIds", "Recovery", "Writer", "adopt", "current_person", "recover", "release"]

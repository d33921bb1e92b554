"""Rate limits for the batches of one AEP sandbox, which follow AEP's ingestion guardrails.

All tasks that use the same lake share the limits: each batch is recorded in the lake (``include/lake/rate_budget.py``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NoReturn

from include.aep.profile_batches import MOST_BATCHES, left_for_backfills
from include.clock import SYSTEM_CLOCK, Clock
from include.errors import Throttled
from include.lake.lake import Lake
from include.lake.rate_budget import RateBudget, RateLimit

BYTES_AN_HOUR = RateLimit(20e9, 3600.0, of_amounts=True)
BATCHES_A_MINUTE = RateLimit(138, 60.0)
"""AEP's guardrails: 20 GB an hour, and 138 batches a minute for each user (EP:ingestion/guardrails.md)."""
BACKFILL_BYTES_AN_HOUR = RateLimit(0.8 * BYTES_AN_HOUR.most, 3600.0, of_amounts=True)
"""The hourly limit for backfills, 16 GB: a fifth of AEP's guardrail is reserved for scheduled runs."""
_LATER_SECONDS = 120.0
"""How much longer backfills wait than a scheduled run that waits for the guardrails, so that the run resumes first."""
DAY_SECONDS = 86_400.0
Refuse = Callable[[float, RateLimit | None], NoReturn]
"""Raises the error for a batch that would have to wait too long; see ``RateBudget.refuse``."""


@dataclass(frozen=True)
class BatchBudget:
    """The rate limits that ingest checks before it creates a batch in an AEP sandbox.

    Both ``acquire`` methods wait up to 30 seconds for the limits, and raise Throttled if the batch has to wait longer.

    Attributes:
        lake: the lake that records the batches; all tasks that use it share the limits.
        org_id: the organization of the AEP connection.
        aep_sandbox: the name of the AEP sandbox of the AEP connection.
        clock: the clock that gives the time and waits.
    """

    lake: Lake
    org_id: str
    aep_sandbox: str
    clock: Clock = SYSTEM_CLOCK

    def acquire(self, size: int) -> None:
        """Record a batch of ``size`` bytes of a scheduled run, after waiting until the guardrails permit it.

        Raises:
            Throttled: the batch would have to wait for more than 30 seconds. Backfills are then paused until after it.
        """

        def refuse(wait: float, limit: RateLimit | None) -> NoReturn:
            self._scheduled_runs_first.pause(wait + _LATER_SECONDS)
            what = "20 GB an hour" if limit is BYTES_AN_HOUR else "138 batches a minute"
            raise _throttled(
                f"AEP ingests {what}, and the batches of AEP sandbox {self.aep_sandbox} have used that up; this one has "
                f"{size / 1e9:.2f} GB.",
                wait,
            )

        self._budget("aep", (BYTES_AN_HOUR, BATCHES_A_MINUTE), refuse).acquire(size)

    def acquire_backfill(self, size: int, scheduled: int | None = None) -> None:
        """Record a batch of ``size`` bytes of a backfill, after waiting until the limits for backfills permit it.

        ``scheduled``: how many batches a day scheduled runs create in all datasets of the AEP sandbox that are enabled
        for Profile; None if the batch's own dataset is not enabled for Profile, so that the limit for Profile does not
        apply.

        Raises:
            Throttled: the batch would have to wait for more than 30 seconds, or a scheduled run waits for the
                guardrails.
        """

        def refuse(wait: float, limit: RateLimit | None) -> NoReturn:
            what = "138 batches a minute" if limit is BATCHES_A_MINUTE else "16 of AEP's 20 GB an hour"
            raise _throttled(
                f"Backfills may use {what}, and the batches of AEP sandbox {self.aep_sandbox} have used that up; this one "
                f"has {size / 1e9:.2f} GB.",
                wait,
            )

        budget = self._budget("aep", (BACKFILL_BYTES_AN_HOUR, BATCHES_A_MINUTE), refuse)
        self._scheduled_runs_first.check()
        if scheduled is not None:
            # A batch that these limits refuse must not count toward the daily limit.
            budget.check(size)
            self._acquire_for_profile(scheduled)
        budget.acquire(size)

    def _acquire_for_profile(self, scheduled: int) -> None:
        """Record a batch of a backfill under the daily limit of datasets that are enabled for Profile.

        Backfills may create the batches that Adobe's daily maximum leaves after ``scheduled`` batches of scheduled
        runs.

        Raises:
            Throttled: backfills have created that many batches in the last 24 hours.
        """
        left = left_for_backfills(scheduled)

        def refuse(wait: float, _: RateLimit | None) -> NoReturn:
            raise Throttled(
                f"Adobe recommends at most {MOST_BATCHES} batches a day in datasets that are enabled for Profile; scheduled "
                f"runs need up to {MOST_BATCHES - left}, and backfills of AEP sandbox {self.aep_sandbox} have created the other {left} in 24 "
                "hours.",
                f"The next day of the backfill is loaded in {wait / 3600:.1f} hours. The task continues automatically then.",
                wait_seconds=wait,
            )

        self._budget("aep-profile", (RateLimit(left, DAY_SECONDS),), refuse).acquire()

    @property
    def _scheduled_runs_first(self) -> RateBudget:
        """A budget without requests, in which scheduled runs record until when backfills are paused."""

        def refuse(wait: float, _: RateLimit | None) -> NoReturn:
            raise _throttled(
                f"Scheduled runs wait for AEP's 20 GB an hour in AEP sandbox {self.aep_sandbox}, and are loaded before "
                "backfills.",
                wait,
            )

        return replace(self._budget("aep-scheduled", (BACKFILL_BYTES_AN_HOUR,), refuse), patience_seconds=0.0)

    def _budget(self, name: str, limits: tuple[RateLimit, ...], refuse: Refuse) -> RateBudget:
        target = hashlib.sha256(f"{self.org_id}/{self.aep_sandbox}".encode()).hexdigest()[:16]
        return RateBudget(self.lake, f"_budget/{name}-{target}", limits, refuse, self.clock)


def _throttled(sentence: str, wait_seconds: float) -> Throttled:
    hint = f"The next batch is possible in {wait_seconds / 60:.0f} minutes. The task continues automatically then."
    return Throttled(sentence, hint, wait_seconds=wait_seconds)

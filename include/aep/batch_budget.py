"""Rate limits for batches by AEP's guardrails, shared by all tasks that load into one AEP sandbox.

The tasks share their counts through files in the data lake.
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
"""20 GB an hour, and 138 batches a minute for a user: EP:ingestion/guardrails.md."""
BACKFILL_BYTES_AN_HOUR = RateLimit(0.8 * BYTES_AN_HOUR.most, 3600.0, of_amounts=True)
"""The limit for batches of backfills: a fifth of the hourly guardrail is reserved for scheduled runs."""
_LATER_SECONDS = 120.0
"""The time by which backfills wait longer than a waiting scheduled run, so that the scheduled run resumes first."""
DAY_SECONDS = 86_400.0
Refuse = Callable[[float, RateLimit | None], NoReturn]


@dataclass(frozen=True)
class BatchBudget:
    """Delays or refuses batches beyond AEP's guardrails, counted over all tasks with this lake and AEP sandbox."""

    lake: Lake
    org_id: str
    aep_sandbox: str
    clock: Clock = SYSTEM_CLOCK

    def acquire(self, size: int) -> None:
        """Reserve a batch of ``size`` bytes for a scheduled run. If the batch has to wait, backfills wait until after it.

        Raises:
            Throttled: the batch would exceed a guardrail.
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
        """Reserve a batch of ``size`` bytes for a backfill, within the part of each guardrail that scheduled runs do not need.

        ``scheduled``: how many batches a day scheduled runs create in datasets for Profile, if this is such a dataset.

        Raises:
            Throttled: the batch would exceed the part for backfills, or a scheduled run waits for the guardrails.
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
            budget.check(size)  # a wait for it must not use up a batch of the day
            self._acquire_for_profile(scheduled)
        budget.acquire(size)

    def _acquire_for_profile(self, scheduled: int) -> None:
        """Reserve a batch of a backfill in a dataset for Profile, out of those that ``scheduled`` batches a day leave.

        Raises:
            Throttled: backfills have used up what is left for the last 24 hours.
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
        """The budget that counts no requests and contains only the pauses of backfills that scheduled runs require."""

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

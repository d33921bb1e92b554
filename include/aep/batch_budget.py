"""AEP's guardrails for batches, shared by all tasks that load into one AEP sandbox through the lake."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from include.aep.profile_batches import MOST_BATCHES
from include.clock import SYSTEM_CLOCK, Clock
from include.errors import Throttled
from include.lake.lake import Lake
from include.lake.rate_budget import RateBudget, RateLimit

BYTES_AN_HOUR = RateLimit(20e9, 3600.0, of_amounts=True)
BATCHES_A_MINUTE = RateLimit(138, 60.0)
"""20 GB an hour, and 138 batches a minute for a user: EP:ingestion/guardrails.md."""
DAY_SECONDS = 86_400.0
Refuse = Callable[[float, RateLimit | None], NoReturn]


@dataclass(frozen=True)
class BatchBudget:
    """The batches of an AEP sandbox that are created through this lake."""

    lake: Lake
    org_id: str
    aep_sandbox: str
    clock: Clock = SYSTEM_CLOCK

    def acquire(self, size: int, *, check_only: bool = False) -> None:
        """Admit a batch of ``size`` bytes. With ``check_only``, only raise if the batch cannot be admitted now.

        Raises:
            Throttled: it would exceed a guardrail; nothing was sent to AEP.
        """

        def refuse(wait: float, limit: RateLimit | None) -> NoReturn:
            what = "20 GB an hour" if limit is BYTES_AN_HOUR else "138 batches a minute"
            raise Throttled(
                f"AEP ingests {what}, and the batches of AEP sandbox {self.aep_sandbox} have used that up; this one has "
                f"{size / 1e9:.2f} GB.",
                f"The next batch is possible in {wait / 60:.0f} minutes. The task continues automatically then.",
                wait_seconds=wait,
            )

        budget = self._budget("aep", (BYTES_AN_HOUR, BATCHES_A_MINUTE), refuse)
        if check_only:
            budget.check(size)
        else:
            budget.acquire(size)

    def acquire_backfilled(self, scheduled: int) -> None:
        """Admit a backfill's batch into a dataset for Profile, within the part of the guardrail that ``scheduled`` batches a day leave.

        Raises:
            Throttled: backfills have used up what is left for the last 24 hours.
        """
        left = max(1, MOST_BATCHES - scheduled)

        def refuse(wait: float, _: RateLimit | None) -> NoReturn:
            raise Throttled(
                f"Adobe recommends at most {MOST_BATCHES} batches a day in datasets that are enabled for Profile; scheduled "
                f"runs need {scheduled}, and backfills of AEP sandbox {self.aep_sandbox} have created the other {left} in 24 "
                "hours.",
                f"The next day of the backfill is loaded in {wait / 3600:.1f} hours. The task continues automatically then.",
                wait_seconds=wait,
            )

        self._budget("aep-profile", (RateLimit(left, DAY_SECONDS),), refuse).acquire()

    def _budget(self, name: str, limits: tuple[RateLimit, ...], refuse: Refuse) -> RateBudget:
        where = hashlib.sha256(f"{self.org_id}/{self.aep_sandbox}".encode()).hexdigest()[:16]
        return RateBudget(self.lake, f"_budget/{name}-{where}", limits, refuse, self.clock)

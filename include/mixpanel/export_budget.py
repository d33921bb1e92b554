"""Mixpanel's export budget, 60 an hour and 3 a second per project, shared by all tasks through the lake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from include.clock import SYSTEM_CLOCK, Clock
from include.errors import Throttled
from include.lake.lake import Lake
from include.lake.rate_budget import RateBudget, RateLimit

EXPORTS_AN_HOUR = RateLimit(60, 3600.0)
EXPORT_LIMITS = (EXPORTS_AN_HOUR, RateLimit(3, 1.0))
"""Per project: docs.mixpanel.com/reference/rate-limits."""


@dataclass(frozen=True)
class ExportBudget:
    """Admits the export requests of one project: within its rate limits, and not during a pause that Mixpanel requested."""

    lake: Lake
    project_id: int
    clock: Clock = SYSTEM_CLOCK
    patience_seconds: float = 30.0

    def acquire(self) -> None:
        """Take a ticket, waiting for at most ``patience_seconds``.

        Raises:
            Throttled: the budget is exhausted for longer than that; no request was sent to Mixpanel.
        """
        self._budget.acquire()

    def pause(self, seconds: float) -> None:
        """Make the exports of all workers wait: Mixpanel sent one of them a Retry-After."""
        self._budget.pause(seconds)

    def newest(self, known: int = 0) -> int:
        """Return the number of the newest ticket, or 0 without tickets. ``known``: the number of an existing ticket."""
        return self._budget.newest(known)

    def used(self, newest: int) -> int:
        """Return the number of exports in the last hour, at most 60. ``newest``: the number of the newest ticket."""
        return self._budget.used(newest, EXPORTS_AN_HOUR)

    @property
    def _budget(self) -> RateBudget:
        return RateBudget(
            self.lake,
            f"_budget/mixpanel-{self.project_id}",
            EXPORT_LIMITS,
            self._refuse,
            self.clock,
            self.patience_seconds,
        )

    def _refuse(self, wait: float, limit: RateLimit | None) -> NoReturn:
        when = (
            f"The next export is possible in {wait / 60:.0f} minutes. The task continues automatically then."
        )
        if limit is None:
            raise Throttled(
                f"Mixpanel requested a pause of all exports of project {self.project_id} (Retry-After).",
                when,
                wait_seconds=wait,
            )
        raise Throttled(
            f"Mixpanel project {self.project_id} has used its 60 exports for this hour.",
            when,
            wait_seconds=wait,
        )

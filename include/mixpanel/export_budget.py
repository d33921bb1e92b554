"""Mixpanel's rate limit for exports, 60 per hour and 3 per second for a project.

All tasks share the remaining number of exports through files in the data lake.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from include.clock import SYSTEM_CLOCK, Clock
from include.errors import Throttled
from include.lake.lake import Lake
from include.lake.rate_budget import RateBudget, RateLimit
from include.plural import counted

EXPORTS_AN_HOUR = RateLimit(60, 3600.0)
EXPORT_LIMITS = (EXPORTS_AN_HOUR, RateLimit(3, 1.0))
"""Mixpanel's limits of export requests per project. Source: docs.mixpanel.com/reference/rate-limits."""


@dataclass(frozen=True)
class ExportBudget:
    """Delays or refuses export requests of one project beyond its rate limits, or during a pause that Mixpanel set."""

    lake: Lake
    project_id: int
    clock: Clock = SYSTEM_CLOCK
    patience_seconds: float = 30.0

    def acquire(self) -> None:
        """Count one export request, after waiting for at most ``patience_seconds`` until the limits permit it.

        Raises:
            Throttled: the required wait is longer than ``patience_seconds``.
        """
        self._budget.acquire()

    def pause(self, seconds: float) -> None:
        """Make the exports of all workers wait for ``seconds``, after Mixpanel sent one worker a Retry-After header."""
        self._budget.pause(seconds)

    def newest(self, known: int = 0) -> int:
        """Return the sequence number of the latest counted export request, or 0 without requests.

        ``known``: the number of an earlier request, from which the search starts.
        """
        return self._budget.newest(known)

    def used(self, newest: int) -> int:
        """Return the number of exports in the last hour, at most 60. ``newest``: the result of ``newest``."""
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
        when = f"The next export is possible in {counted(round(wait / 60), 'minute')}. The task continues automatically then."
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

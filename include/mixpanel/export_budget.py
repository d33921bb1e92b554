"""The rate limit for export requests to a Mixpanel project: 60 an hour and 3 a second.

All tasks that use the same lake share the limit: each request is recorded in the lake
(``include/lake/rate_budget.py``).
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
"""Mixpanel's limits for the export requests of a project (docs.mixpanel.com/reference/rate-limits)."""


@dataclass(frozen=True)
class ExportBudget:
    """Counts the export requests of a project, and makes each wait until Mixpanel's rate limit permits it.

    Attributes:
        lake: the lake that records the requests; all workers that use it share the limit.
        project_id: the id of the Mixpanel project.
        clock: the clock that gives the time and waits.
        patience_seconds: the longest time that a request waits; if it has to wait longer, Throttled is raised.
    """

    lake: Lake
    project_id: int
    clock: Clock = SYSTEM_CLOCK
    patience_seconds: float = 30.0

    def acquire(self) -> None:
        """Wait until the rate limit permits an export request, and record it.

        Raises:
            Throttled: the required wait is longer than ``patience_seconds``.
        """
        self._budget.acquire()

    def pause(self, seconds: float) -> None:
        """Make the exports of all workers wait for ``seconds``, as Mixpanel requested of one worker (Retry-After)."""
        self._budget.pause(seconds)

    def newest(self, known: int = 0) -> int:
        """Return the sequence number of the latest recorded request; 0 if none is recorded.

        ``known``: the number of an earlier request, at which the search begins.
        """
        return self._budget.newest(known)

    def used(self, newest: int) -> int:
        """Return how many exports were requested in the last hour, at most 60.

        ``newest``: the sequence number of the latest request, as returned by :meth:`newest`.
        """
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

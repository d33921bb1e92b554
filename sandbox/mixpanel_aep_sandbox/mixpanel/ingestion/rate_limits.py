"""Rate limits of ingestion per project: 2 GB of uncompressed JSON a minute, and 30,000 events a second.

Both are counted over a minute (mixpanel/docs: reference/import-events.mdx).
"""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple

from mixpanel_aep_sandbox.core.state import SandboxState
from mixpanel_aep_sandbox.mixpanel.ingestion.payload import PayloadError
from mixpanel_aep_sandbox.mixpanel.models.projects import Project

_MINUTE_MS = 60_000
_EXCEEDED = "Project exceeded rate limits. Please retry the request with exponential backoff."


class _CountedRequest(NamedTuple):
    at_ms: int
    records: int
    size: int


class IngestionLimiter:
    """Counts ingested records and bytes of each project in memory, over a rolling minute of the sandbox's clock.

    As documented, rejected requests count as well.
    """

    def __init__(self, state: SandboxState) -> None:
        self._clock = state.clock
        self._lock = threading.Lock()
        self._requests: dict[int, deque[_CountedRequest]] = {}

    def admit(self, project: Project, records: int, size: int) -> None:
        """Count a request of a project with its numbers of records and bytes.

        Raises PayloadError (429) if the project exceeds one of its limits.
        """
        now = self._clock.milliseconds()
        with self._lock:
            recent = self._requests.setdefault(project.id, deque())
            # Requests in the future are removed as well: a clock that was set back must not block a project.
            while recent and not 0 <= now - recent[0].at_ms < _MINUTE_MS:
                recent.popleft()
            recent.append(_CountedRequest(now, records, size))
            totals = (sum(each.records for each in recent), sum(each.size for each in recent))
        limits = (project.ingestion_events_per_minute, project.ingestion_bytes_per_minute)
        if any(limit is not None and total > limit for total, limit in zip(totals, limits, strict=True)):
            raise PayloadError(429, _EXCEEDED)

    def clear(self) -> None:
        """Delete the counts of all projects."""
        with self._lock:
            self._requests.clear()

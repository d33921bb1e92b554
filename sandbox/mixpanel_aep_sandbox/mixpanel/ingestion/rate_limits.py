"""Limits per project and minute: 2 GB of uncompressed JSON, or 30,000 events a second (reference/import-events)."""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple

from mixpanel_aep_sandbox.core.state import SandboxState
from mixpanel_aep_sandbox.mixpanel.ingestion.payload import PayloadError
from mixpanel_aep_sandbox.mixpanel.models.projects import Project

_MINUTE_MS = 60_000
_EXCEEDED = "Project exceeded rate limits. Please retry the request with exponential backoff."


class _Sent(NamedTuple):
    at_ms: int
    records: int
    size: int


class Rate:
    """Counts by the sandbox's clock, in memory, over a rolling minute. Rejected requests count too, as documented."""

    def __init__(self, state: SandboxState) -> None:
        self._clock = state.clock
        self._lock = threading.Lock()
        self._sent: dict[int, deque[_Sent]] = {}

    def admit(self, project: Project, records: int, size: int) -> None:
        """Count a request of a project. Raises PayloadError (429) above one of its limits."""
        now = self._clock.milliseconds()
        with self._lock:
            sent = self._sent.setdefault(project.id, deque())
            # A clock that was set back must not lock a project.
            while sent and not 0 <= now - sent[0].at_ms < _MINUTE_MS:
                sent.popleft()
            sent.append(_Sent(now, records, size))
            totals = (sum(each.records for each in sent), sum(each.size for each in sent))
        limits = (project.ingestion_events_per_minute, project.ingestion_bytes_per_minute)
        if any(limit is not None and total > limit for total, limit in zip(totals, limits, strict=True)):
            raise PayloadError(429, _EXCEEDED)

    def clear(self) -> None:
        """Forget all counts."""
        with self._lock:
            self._sent.clear()

"""Limits of sessions and queries of an organization, and the duration of a query."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from mixpanel_aep_sandbox.aep.query_service.engine import Running
from mixpanel_aep_sandbox.aep.query_service.errors import (
    CANCELED,
    OVER_LIMIT,
    TOO_MANY_QUERIES,
    TOO_MANY_SESSIONS,
    SqlError,
)
from mixpanel_aep_sandbox.aep.query_service.settings import QuerySettings
from mixpanel_aep_sandbox.core.state import SandboxState

_GRACE_SECONDS = 0.5
"""Time to wait for a session that its client has just closed, before the next one is refused."""
_POLL_SECONDS = 0.01


class QuerySlots:
    """Limits of concurrent sessions and queries for each organization; one instance for all sessions."""

    def __init__(self, state: SandboxState) -> None:
        self._state = state
        self._changed = threading.Condition()
        self._sessions: Counter[str] = Counter()
        self._queries: Counter[str] = Counter()
        self._waiting = 0

    def counts(self) -> dict[str, int]:
        """Return open sessions, and running and queued queries, of all organizations."""
        with self._changed:
            running, sessions = self._queries.total(), self._sessions.total()
            return {"sessions": sessions, "running": running, "waiting": self._waiting}

    @contextmanager
    def session(self, org: str) -> Iterator[None]:
        """Hold one of the organization's sessions inside the block. Raises SqlError if too many sessions are open."""
        most = QuerySettings.of(self._state).query_sessions
        with self._changed:
            free = self._changed.wait_for(lambda: most is None or self._sessions[org] < most, _GRACE_SECONDS)
            if not free:
                raise SqlError(TOO_MANY_SESSIONS, "Session Limit Reached", fatal=True)
            self._sessions[org] += 1
        try:
            yield
        finally:
            self._change(self._sessions, org, -1)

    @contextmanager
    def query(self, org: str, running: Running, statement_seconds: float | None) -> Iterator[None]:
        """Hold one of the organization's query slots inside the block, and wait for the duration of a query.

        Raises SqlError after a timeout, a cancellation, or if all slots are in use and queries must not wait.
        """
        settings, start = QuerySettings.of(self._state), self._state.clock.seconds()
        self._await_turn(org, running, start, statement_seconds)
        try:
            while self._state.clock.seconds() < start + settings.query_takes_seconds:
                self._check(running, start, statement_seconds)
                time.sleep(_POLL_SECONDS)
            self._check(running, start, statement_seconds)
            yield
        finally:
            self._change(self._queries, org, -1)

    def _await_turn(self, org: str, running: Running, start: float, statement_seconds: float | None) -> None:
        settings = QuerySettings.of(self._state)
        most = settings.query_concurrency
        with self._changed:
            while most is not None and self._queries[org] >= most:
                if settings.query_over_concurrency == "refused":
                    raise SqlError(TOO_MANY_QUERIES, "Query concurrency limit reached")
                self._check(running, start, statement_seconds)
                self._waiting += 1
                self._changed.wait(_POLL_SECONDS)
                self._waiting -= 1
            self._queries[org] += 1

    def _check(self, running: Running, start: float, statement_seconds: float | None) -> None:
        running.check()
        took, most = self._state.clock.seconds() - start, QuerySettings.of(self._state).query_limit_seconds
        if most is not None and took >= most:
            raise SqlError(OVER_LIMIT, "Statement timeout: the query took more than the maximum time")
        if statement_seconds and took >= statement_seconds:
            raise SqlError(CANCELED, "canceling statement due to statement timeout")

    def _change(self, counts: Counter[str], org: str, by: int) -> None:
        with self._changed:
            counts[org] += by
            self._changed.notify_all()

"""Limits of an organization's concurrent sessions and queries, and limits of a query's duration."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from mixpanel_aep_sandbox.aep.query_service.engine import RunningQuery
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
"""Time to wait for the end of a session that a client has just closed, before a new session is rejected."""
_POLL_SECONDS = 0.01


class QuerySlots:
    """Counts the concurrent sessions and queries of each organization; all sessions share one instance."""

    def __init__(self, state: SandboxState) -> None:
        self._state = state
        self._changed = threading.Condition()
        self._sessions: Counter[str] = Counter()
        self._queries: Counter[str] = Counter()
        self._waiting = 0

    def counts(self) -> dict[str, int]:
        """Return the numbers of open ``sessions``, ``running`` queries and ``waiting`` queries of all organizations."""
        with self._changed:
            running, sessions = self._queries.total(), self._sessions.total()
            return {"sessions": sessions, "running": running, "waiting": self._waiting}

    @contextmanager
    def session(self, org: str) -> Iterator[None]:
        """Count one session of the organization inside the block.

        Raises:
            SqlError: too many sessions are open; the error is fatal.
        """
        limit = QuerySettings.of(self._state).query_sessions
        with self._changed:
            free = self._changed.wait_for(
                lambda: limit is None or self._sessions[org] < limit, _GRACE_SECONDS
            )
            if not free:
                raise SqlError(TOO_MANY_SESSIONS, "Session Limit Reached", fatal=True)
            self._sessions[org] += 1
        try:
            yield
        finally:
            self._add_count(self._sessions, org, -1)

    @contextmanager
    def query(self, org: str, running: RunningQuery, statement_seconds: float | None) -> Iterator[None]:
        """Count one running query of the organization inside the block.

        Before the block, wait until the number of running queries is below the limit, and until the configured minimum
        duration of a query has passed.

        Args:
            org: The id of the organization.
            running: The handle by which another thread can cancel the query.
            statement_seconds: The statement timeout of the session; None: no timeout.

        Raises:
            SqlError: the query was canceled or has reached a timeout, or the limit is reached and queries are not
                queued.
        """
        settings, start = QuerySettings.of(self._state), self._state.clock.seconds()
        self._wait_for_slot(org, running, start, statement_seconds)
        try:
            while self._state.clock.seconds() < start + settings.query_takes_seconds:
                self._check(running, start, statement_seconds)
                time.sleep(_POLL_SECONDS)
            self._check(running, start, statement_seconds)
            yield
        finally:
            self._add_count(self._queries, org, -1)

    def _wait_for_slot(
        self, org: str, running: RunningQuery, start: float, statement_seconds: float | None
    ) -> None:
        settings = QuerySettings.of(self._state)
        limit = settings.query_concurrency
        with self._changed:
            while limit is not None and self._queries[org] >= limit:
                if settings.query_over_concurrency == "refused":
                    raise SqlError(TOO_MANY_QUERIES, "Query concurrency limit reached")
                self._check(running, start, statement_seconds)
                self._waiting += 1
                self._changed.wait(_POLL_SECONDS)
                self._waiting -= 1
            self._queries[org] += 1

    def _check(self, running: RunningQuery, start: float, statement_seconds: float | None) -> None:
        """Raise SqlError if the query, which started at ``start``, was canceled or has reached a time limit."""
        running.check()
        took, limit = self._state.clock.seconds() - start, QuerySettings.of(self._state).query_limit_seconds
        if limit is not None and took >= limit:
            raise SqlError(OVER_LIMIT, "Statement timeout: the query took more than the maximum time")
        if statement_seconds and took >= statement_seconds:
            raise SqlError(CANCELED, "canceling statement due to statement timeout")

    def _add_count(self, counts: Counter[str], org: str, by: int) -> None:
        with self._changed:
            counts[org] += by
            self._changed.notify_all()

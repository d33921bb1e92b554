"""A session of Query Service, opened with its parameters."""

from __future__ import annotations

import threading
import time
from typing import Any

import psycopg

from mixpanel_aep_sandbox.client import AepSandbox

Connection = psycopg.Connection[tuple[object, ...]]


def connect(aep: AepSandbox, **other: Any) -> Connection:
    """Open a session; ``other``: parameters of libpq that replace those of AEP."""
    place = aep.query_parameters()
    given = {
        "host": place["host"],
        "port": place["port"],
        "user": place["username"],
        "password": place["token"],
        "dbname": place["dbName"],
        "autocommit": True,
        "connect_timeout": 20,
    }
    return psycopg.connect(**{**given, **other})


class BackgroundQuery:
    """A query that runs in a thread; when it has ended, ``result`` or ``error`` is set."""

    def __init__(self, session: Connection, query: str = "select 1") -> None:
        self._session, self._query = session, query
        self.result: list[tuple[object, ...]] | None = None
        self.error: psycopg.Error | None = None
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def _ask(self) -> None:
        try:
            self.result = self._session.execute(self._query).fetchall()
        except psycopg.Error as error:
            self.error = error

    def end(self) -> BackgroundQuery:
        """Wait until the query has ended."""
        self._thread.join(30)
        assert not self._thread.is_alive(), "the query has not ended"
        return self


def await_queries(aep: AepSandbox, **wanted: int) -> None:
    """Wait until the server has exactly these numbers of ``sessions``, ``running`` and ``waiting`` queries."""
    deadline = time.monotonic() + 30
    while True:
        counts = aep.control("GET", "/aep/queries")
        if all(counts[name] == count for name, count in wanted.items()):
            return
        assert time.monotonic() < deadline, counts
        time.sleep(0.01)

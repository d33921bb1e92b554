"""Runs SQL queries in a session of Query Service, each with a deadline, and translates the driver's errors."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.aep.data_lake.query_errors import LoginRefused, opening_error, query_error
from include.aep.data_lake.query_login import Login
from include.clock import Clock
from include.errors import LakeNotReadable, PipelineError

if TYPE_CHECKING:
    import psycopg
    from psycopg.rows import TupleRow
    from psycopg.sql import Composed

_CANCEL_SECONDS = 5.0


@dataclass(frozen=True)
class QueryLimits:
    """This project's limits for queries, below those of Query Service: 50,000 rows and 10 minutes for each query.

    Source: EP:query-service/guardrails.md.

    Attributes:
        rows: the maximum number of rows that one query requests.
        statement_seconds: the deadline of a query.
        connect_seconds: the timeout for opening a session.
    """

    rows: int = 45_000
    statement_seconds: float = 540.0
    connect_seconds: int = 60


class QueryConnection:
    """A session of Query Service, which is opened by the first query. Not thread-safe.

    ``logins``: returns the logins to try, in order. The first whose password is accepted is used.
    """

    def __init__(
        self, logins: Callable[[], Sequence[Login]], clock: Clock, limits: QueryLimits | None = None
    ) -> None:
        self._logins = logins
        self._clock = clock
        self.limits = limits or QueryLimits()
        self.query_seconds = 0.0
        """The total duration of all queries so far, in seconds."""
        self._connection: psycopg.Connection[TupleRow] | None = None

    def rows(self, query: Composed, parameters: Sequence[str]) -> list[TupleRow]:
        """Run a query and return its rows.

        Raises:
            QueryServiceBusy, LakeNotReadable, ServiceUnavailable: see ``DataLakeReader``.
        """
        import psycopg

        connection = self._open()
        started = self._clock.seconds()
        try:
            with self._deadline(connection) as is_over:
                return list(connection.execute(query, parameters).fetchall())
        except psycopg.Error as error:
            refusal = query_error(error, timed_out=is_over.is_set())
        finally:
            self.query_seconds += self._clock.seconds() - started
        raise refusal

    def close(self) -> None:
        """End the session."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _open(self) -> psycopg.Connection[TupleRow]:
        if self._connection is not None and not self._connection.closed:
            return self._connection
        refused: PipelineError | None = None
        for login in self._logins():
            try:
                self._connection = self._connect(login)
            except LoginRefused as error:
                refused = error
            else:
                return self._connection
        raise refused or LakeNotReadable(
            "Query Service has no login.", "Report this as a bug of this project."
        )

    def _connect(self, login: Login) -> psycopg.Connection[TupleRow]:
        try:
            import psycopg
        except ImportError as error:
            raise LakeNotReadable(
                "The driver for Query Service, psycopg, is not installed.",
                "Install psycopg[binary], or set verify.reader: data_access.",
            ) from error
        try:
            connection: psycopg.Connection[TupleRow] = psycopg.Connection.connect(
                **login.parameters(),  # type: ignore[arg-type]
                autocommit=True,
                # The driver inserts values into the text of the query: the server's support of the extended
                # protocol is not documented.
                cursor_factory=psycopg.ClientCursor,
                connect_timeout=self.limits.connect_seconds,
            )
        except psycopg.Error as error:
            refusal = opening_error(error, login.kind)
        else:
            self._prepare(connection)
            return connection
        raise refusal  # outside the handler: the driver's error may quote the server's message

    def _prepare(self, connection: psycopg.Connection[TupleRow]) -> None:
        import psycopg

        milliseconds = int(self.limits.statement_seconds * 1000)
        # It is not documented that the server has this setting. If not, the deadline of the client still applies.
        with suppress(psycopg.DatabaseError):
            connection.execute(f"set statement_timeout={milliseconds}".encode())
        refusal: PipelineError | None = None
        try:
            connection.execute("set drop_system_columns=false")
        except psycopg.Error as error:
            refusal = query_error(error, timed_out=False)
        if refusal is not None:
            connection.close()
            raise refusal

    @contextmanager
    def _deadline(self, connection: psycopg.Connection[TupleRow]) -> Iterator[threading.Event]:
        """Stop the query in the ``with`` block at its deadline, and set the event that the block receives.

        First the query's cancellation is requested; if it is still running after 5 seconds, the socket is shut down.
        """
        is_over = threading.Event()

        def end() -> None:
            is_over.set()
            with suppress(Exception):  # if the cancellation fails, the connection is closed next
                connection.cancel_safe(timeout=_CANCEL_SECONDS)
            if not finished.wait(_CANCEL_SECONDS):
                _shut_down_socket(connection)

        finished = threading.Event()
        timer = threading.Timer(self.limits.statement_seconds, end)
        timer.daemon = True
        timer.start()
        try:
            yield is_over
        finally:
            finished.set()
            timer.cancel()


def _shut_down_socket(connection: psycopg.Connection[TupleRow]) -> None:
    """Shut down the connection's socket, so that the driver stops waiting for a response."""
    with suppress(Exception), socket.socket(fileno=connection.pgconn.socket) as own:
        try:
            own.shutdown(socket.SHUT_RDWR)
        finally:
            own.detach()

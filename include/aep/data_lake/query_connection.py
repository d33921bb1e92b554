"""One session with Query Service: opened when first needed, each query with a deadline, errors as ours."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.aep.data_lake.query_errors import LoginRefused, opening_error, query_error
from include.aep.data_lake.query_login import Login
from include.clock import Clock
from include.errors import LakeNotReadable, PipelineError

if TYPE_CHECKING:
    import psycopg
    from psycopg.sql import Composed

_CANCEL_SECONDS = 5.0
Row = tuple[Any, ...]


@dataclass(frozen=True)
class QueryLimits:
    """Below Query Service's own: 50,000 rows a result, 10 minutes a query (EP:query-service/guardrails.md)."""

    rows: int = 45_000
    """So many rows are asked for at once."""
    statement_seconds: float = 540.0
    connect_seconds: int = 60


class QueryConnection:
    """A session of Query Service. Not for use by several threads at once."""

    def __init__(
        self, logins: Callable[[], Sequence[Login]], clock: Clock, limits: QueryLimits | None = None
    ) -> None:
        self._logins = logins
        self._clock = clock
        self.limits = limits or QueryLimits()
        self.query_seconds = 0.0
        """How long queries took so far, for a budget."""
        self._connection: psycopg.Connection[Row] | None = None

    def rows(self, query: Composed, parameters: Sequence[str]) -> list[Row]:
        """Return the rows of a query.

        Raises:
            QueryServiceBusy, LakeNotReadable, ServiceUnavailable: as ``LakeReader`` describes.
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

    def _open(self) -> psycopg.Connection[Row]:
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
        raise refused or LakeNotReadable("Query Service has no login.", "Report this as a fault.")

    def _connect(self, login: Login) -> psycopg.Connection[Row]:
        try:
            import psycopg
        except ImportError as error:
            raise LakeNotReadable(
                "The driver for Query Service, psycopg, is not installed here.",
                "Install psycopg[binary], or let verify use Data Access.",
            ) from error
        try:
            connection: psycopg.Connection[Row] = psycopg.Connection.connect(
                **login.parameters(),  # type: ignore[arg-type]
                autocommit=True,
                # Values are put into the text by the driver: what the server supports of the extended protocol
                # is not documented.
                cursor_factory=psycopg.ClientCursor,
                connect_timeout=self.limits.connect_seconds,
            )
        except psycopg.Error as error:
            refusal = opening_error(error, login.kind)
        else:
            self._prepare(connection)
            return connection
        raise refusal  # outside the handler: the driver's error may quote what the server says

    def _prepare(self, connection: psycopg.Connection[Row]) -> None:
        import psycopg

        milliseconds = int(self.limits.statement_seconds * 1000)
        # The server's own timeout is not documented, so a refusal of it is no fault: the deadline here stays.
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
    def _deadline(self, connection: psycopg.Connection[Row]) -> Iterator[threading.Event]:
        """Ends the query when its time is over: asks the server to cancel it, then closes the connection."""
        is_over = threading.Event()

        def end() -> None:
            is_over.set()
            with suppress(Exception):  # whatever hinders a cancellation, the connection is closed next
                connection.cancel_safe(timeout=_CANCEL_SECONDS)
            if not finished.wait(_CANCEL_SECONDS):
                _shut(connection)

        finished = threading.Event()
        timer = threading.Timer(self.limits.statement_seconds, end)
        timer.daemon = True
        timer.start()
        try:
            yield is_over
        finally:
            finished.set()
            timer.cancel()


def _shut(connection: psycopg.Connection[Row]) -> None:
    """Shut the socket down, so that the driver's wait for it ends."""
    with suppress(Exception), socket.socket(fileno=connection.pgconn.socket) as own:
        try:
            own.shutdown(socket.SHUT_RDWR)
        finally:
            own.detach()

"""Listener of Query Service: accepts connections, each in a thread, and ends them all with the sandbox."""

from __future__ import annotations

import secrets
import socket
import sys
import threading
from contextlib import suppress

from mixpanel_aep_sandbox.aep.query_service.errors import (
    NOT_ALLOWED,
    SHUTDOWN,
    SYSTEM,
    UNSUPPORTED_MESSAGE,
    SqlError,
)
from mixpanel_aep_sandbox.aep.query_service.logins import admit
from mixpanel_aep_sandbox.aep.query_service.session import Session
from mixpanel_aep_sandbox.aep.query_service.slots import QuerySlots
from mixpanel_aep_sandbox.aep.query_service.wire import (
    CANCEL_REQUEST,
    GSS_REQUEST,
    PROTOCOL,
    SSL_REQUEST,
    Body,
    Closed,
    Wire,
    int32,
)
from mixpanel_aep_sandbox.core.state import SandboxState

_LOGIN_SECONDS = 60
_END_SECONDS = 10
_LINGER_SECONDS = 2


class QueryListener:
    """Query Service's port. ``start`` publishes its address; ``stop`` ends every session."""

    def __init__(self, state: SandboxState, port: int = 0, host: str = "127.0.0.1") -> None:
        """Bind the port. Raises OSError if it is in use."""
        self._state = state
        self._slots = QuerySlots(state)
        self._lock = threading.Lock()
        self._sessions: dict[tuple[int, int], Session] = {}
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._stopped = False
        self._numbers = iter(range(1, 2**31))
        self._listener = socket.create_server(
            (host, port), backlog=64, family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )

    @property
    def address(self) -> tuple[str, int]:
        """Return host and port."""
        host, port = self._listener.getsockname()[:2]
        return str(host), int(port)

    def start(self) -> None:
        """Publish the address and accept connections."""
        self._state.query_address = self.address
        self._state.query_counts = self._slots.counts
        self._state.on_reset.append(self.end_sessions)
        self._thread = threading.Thread(target=self._accept, name="query-service", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the port and all sessions, and wait for their end."""
        self._stopped = True
        self._state.query_address = None
        with suppress(ValueError):
            self._state.on_reset.remove(self.end_sessions)
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(_END_SECONDS)
        self.end_sessions()

    def end_sessions(self) -> None:
        """Cancel every query and close every connection."""
        with self._lock:
            sessions, connections = list(self._sessions.values()), dict(self._connections)
        for session in sessions:
            session.cancel()
        for connection, thread in connections.items():
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(_END_SECONDS)

    def _accept(self) -> None:
        while not self._stopped:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # the listener was closed
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(
                target=self._serve, args=(connection,), name="query-session", daemon=True
            )
            with self._lock:
                self._connections[connection] = thread
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        wire = Wire(connection)
        try:
            with suppress(Closed, OSError):
                self._serve_connection(connection, wire)
        finally:
            with self._lock:
                self._connections.pop(connection, None)
            wire.close()

    def _serve_connection(self, connection: socket.socket, wire: Wire) -> None:
        try:
            connection.settimeout(_LOGIN_SECONDS)
            body = self._startup(wire)
            if body is not None:
                self._session(connection, wire, body)
        except SqlError as error:
            _send_final_error(connection, wire, error)
        except (Closed, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - it is reported, to the client and on stderr
            name = type(error).__name__
            sys.stderr.write(f"Query Service: {name}: {error}\n")
            _send_final_error(
                connection, wire, SqlError(SYSTEM, f"The sandbox has a bug: {name}", fatal=True)
            )

    def _startup(self, wire: Wire) -> Body | None:
        """Return the body of the start-up message; None for a request to cancel, which is executed."""
        while True:
            code, body = wire.startup()
            if code in (SSL_REQUEST, GSS_REQUEST):
                wire.answer(b"N")
            elif code == CANCEL_REQUEST:
                self._cancel(body.int32(), body.int32() & 0xFFFFFFFF)
                return None
            elif code >> 16 == PROTOCOL:
                if code & 0xFFFF:
                    wire.put(b"v", int32(PROTOCOL << 16), int32(0))
                return body
            else:
                raise SqlError(UNSUPPORTED_MESSAGE, "unsupported frontend protocol", fatal=True)

    def _cancel(self, process: int, secret: int) -> None:
        with self._lock:
            session = self._sessions.get((process, secret))
        if session is not None:
            session.cancel()

    def _session(self, connection: socket.socket, wire: Wire, body: Body) -> None:
        given: dict[str, str] = {}
        while name := body.text():
            given[name] = body.text()
        wire.put(b"R", int32(3))
        wire.flush()
        kind, answer = wire.message()
        if kind != b"p":
            raise SqlError(NOT_ALLOWED, "Invalid authorization type", fatal=True)
        scope = admit(self._state, given.get("user", ""), answer.text(), given.get("database", ""))
        with self._slots.session(scope.org):
            session = Session(wire, scope, self._slots, next(self._numbers), secrets.randbits(32))
            key = (session.process, session.secret)
            with self._lock:
                self._sessions[key] = session
            try:
                connection.settimeout(None)
                session.serve()
            finally:
                session.close()
                with self._lock:
                    self._sessions.pop(key, None)
        if self._stopped:
            raise SqlError(SHUTDOWN, "terminating connection due to administrator command", fatal=True)


def _send_final_error(connection: socket.socket, wire: Wire, error: SqlError) -> None:
    """Send the error, and read what the client still sends: otherwise the connection is reset and the error lost."""
    wire.error(error)
    wire.flush()
    connection.shutdown(socket.SHUT_WR)
    connection.settimeout(_LINGER_SECONDS)
    while connection.recv(65536):
        pass

"""Listener of Query Service: accepts connections, serves each in a thread, and closes all when the sandbox stops."""

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
from mixpanel_aep_sandbox.aep.query_service.logins import authenticate
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
    pack_int32,
)
from mixpanel_aep_sandbox.core.state import SandboxState

_LOGIN_SECONDS = 60
_END_SECONDS = 10
_LINGER_SECONDS = 2


class QueryListener:
    """The TCP server of Query Service, which runs each session in a thread.

    ``start`` begins to accept connections; ``stop`` ends all sessions.
    """

    def __init__(self, state: SandboxState, port: int = 0, host: str = "127.0.0.1") -> None:
        """Bind the port; 0 means any free port. Raises OSError if the port is in use."""
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
        """Host and port to which the listener is bound."""
        host, port = self._listener.getsockname()[:2]
        return str(host), int(port)

    def start(self) -> None:
        """Store the address in the sandbox's state, and accept connections in a new thread."""
        self._state.query_address = self.address
        self._state.query_counts = self._slots.counts
        self._state.on_reset.append(self.end_sessions)
        self._thread = threading.Thread(target=self._accept, name="query-service", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the port and all connections, and wait until their threads have ended."""
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
        """Cancel all queries, close all connections, and wait until their threads have ended."""
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
            body = self._read_startup(wire)
            if body is not None:
                self._run_session(connection, wire, body)
        except SqlError as error:
            _send_final_error(connection, wire, error)
        except (Closed, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - reported to the client and on stderr
            name = type(error).__name__
            sys.stderr.write(f"Query Service: {name}: {error}\n")
            _send_final_error(
                connection, wire, SqlError(SYSTEM, f"The sandbox has a bug: {name}", fatal=True)
            )

    def _read_startup(self, wire: Wire) -> Body | None:
        """Return the body of the client's startup message. Requests for encryption before it are rejected.

        If the client sends a cancel request instead, execute that request and return None.
        """
        while True:
            code, body = wire.read_startup()
            if code in (SSL_REQUEST, GSS_REQUEST):
                wire.send_byte(b"N")
            elif code == CANCEL_REQUEST:
                self._cancel(body.read_int32(), body.read_int32() & 0xFFFFFFFF)
                return None
            elif code >> 16 == PROTOCOL:
                if code & 0xFFFF:
                    wire.put(b"v", pack_int32(PROTOCOL << 16), pack_int32(0))
                return body
            else:
                raise SqlError(UNSUPPORTED_MESSAGE, "unsupported frontend protocol", fatal=True)

    def _cancel(self, process: int, secret: int) -> None:
        with self._lock:
            session = self._sessions.get((process, secret))
        if session is not None:
            session.cancel()

    def _run_session(self, connection: socket.socket, wire: Wire, body: Body) -> None:
        """Authenticate the client by its password, then serve the session until it ends."""
        parameters: dict[str, str] = {}
        while name := body.read_text():
            parameters[name] = body.read_text()
        wire.put(b"R", pack_int32(3))  # AuthenticationCleartextPassword
        wire.flush()
        kind, password = wire.read_message()
        if kind != b"p":
            raise SqlError(NOT_ALLOWED, "Invalid authorization type", fatal=True)
        scope = authenticate(
            self._state, parameters.get("user", ""), password.read_text(), parameters.get("database", "")
        )
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
    """Send the error, then read and discard data until the client disconnects.

    If the connection were closed with unread data, TCP would reset it and the client would lose the error.
    """
    wire.put_error(error)
    wire.flush()
    connection.shutdown(socket.SHUT_WR)
    connection.settimeout(_LINGER_SECONDS)
    while connection.recv(65536):
        pass

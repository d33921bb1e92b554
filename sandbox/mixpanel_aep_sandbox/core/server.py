"""HTTP server of the sandbox on one port: for a process of its own, or in a thread for tests."""

from __future__ import annotations

import json
import logging
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import h11
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from mixpanel_aep_sandbox.aep.query_service.listener import QueryListener
from mixpanel_aep_sandbox.core.app import build_app
from mixpanel_aep_sandbox.core.state import SandboxState
from mixpanel_aep_sandbox.core.store import Store

_LINGER_SECONDS = 5


class WireProtocol(H11Protocol):
    """HTTP/1.1 protocol that gives the application access to the connection, in the ASGI scope.

    Planned faults break the framing of responses (missing last chunk, too few bytes, connection reset), which ASGI
    messages cannot express.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        app = self.app

        async def call_with_transport(scope: Scope, receive: Receive, send: Send) -> None:
            scope["sandbox.transport"] = self.transport
            scope["sandbox.drain"] = self.flow.drain
            await app(scope, receive, send)

        self.app = call_with_transport
        self._rejected = False

    def send_400_response(self, msg: str) -> None:
        """Reject a request that is not HTTP or has oversized headers, and close the connection after a short delay.

        If the connection were closed with unread data, TCP would reset it and the client would lose the response.
        """
        if self.cycle and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if self.cycle.response_started:
                self.transport.close()
                return
        status = getattr(sys.exception(), "error_status_hint", 400)
        body = json.dumps({"error": msg}).encode()
        headers = [("content-type", "application/json"), ("content-length", str(len(body)))]
        for event in (
            h11.Response(status_code=status, headers=[*headers, ("connection", "close")]),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self._rejected = True
        self.transport.write_eof()
        self.loop.call_later(_LINGER_SECONDS, self.transport.close)

    def data_received(self, data: bytes) -> None:
        """Parse received bytes; discard them if the request was rejected."""
        if not self._rejected:
            super().data_received(data)


class QuietServer(uvicorn.Server):
    """uvicorn server that calls a function when it is ready, and ends without an error on SIGTERM or SIGINT."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the server, then call ``on_ready``."""
        await super().startup(sockets=sockets)
        if self.started:
            self._on_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop the server on SIGTERM and SIGINT during the block, if the server runs in the main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def request_exit(_signal: int, _frame: FrameType | None) -> None:
            self.force_exit = self.should_exit
            self.should_exit = True

        before = {number: signal.signal(number, request_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening TCP socket; ``port`` 0 selects any free port. Raises OSError if the port is in use."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio disables Nagle's algorithm, which delays each response by 40 ms, only if the protocol is given.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(512)
    except OSError:
        listener.close()
        raise
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the HTTP URL of a listening socket, without a trailing slash."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def make_server(
    state: SandboxState, on_ready: Callable[[], None], host_names: Iterable[str] = ()
) -> QuietServer:
    """Build the sandbox's HTTP server with this state; the server calls ``on_ready`` once it accepts connections."""
    # uvicorn logs a traceback for every truncated or cancelled response, but planned faults truncate responses.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    config = uvicorn.Config(
        build_app(state, host_names),
        http=WireProtocol,
        ws="none",
        loop="asyncio",
        lifespan="off",
        access_log=False,
        log_config=None,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
        server_header=False,
    )
    return QuietServer(config, on_ready)


class SandboxServer:
    """The sandbox in a thread, on a free port of 127.0.0.1, for the duration of a ``with`` block.

    Args:
        folder: the folder for all stored data; without ``folder`` and ``state``, a temporary folder is used and deleted
            at the end of the block.
        state: the state of the sandbox, with its store; None creates one in ``folder``.
        host_names: host names under which clients may call the control plane, in addition to the loopback names.

    Attributes:
        url: inside the block, the URL of the server.
        state: the state of the sandbox.
    """

    def __init__(
        self, folder: Path | None = None, *, state: SandboxState | None = None, host_names: Iterable[str] = ()
    ) -> None:
        self._host_names = tuple(host_names)
        self._temporary = tempfile.TemporaryDirectory(prefix="sandbox-") if not (folder or state) else None
        self.state = state or SandboxState(
            Store(folder or Path(self._temporary.name if self._temporary else "."))
        )
        self.url = ""

    def __enter__(self) -> SandboxServer:
        listener = listen("127.0.0.1", 0)
        self.url = url_of(listener)
        ready = threading.Event()
        self._server = make_server(self.state, ready.set, self._host_names)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="sandbox", daemon=True
        )
        self._thread.start()
        self._queries = QueryListener(self.state)
        self._queries.start()
        if not ready.wait(20):
            raise RuntimeError("The sandbox did not start within 20 seconds.")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._queries.stop()
        self._server.should_exit = True
        self._thread.join(20)
        self.state.store.close()
        if self._temporary:
            self._temporary.cleanup()

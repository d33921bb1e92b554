"""A server that writes any bytes and disconnects as planned, which no HTTP library would do."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Literal

End = Literal["close", "reset", "silence"]
_LINGER_NOT = struct.pack("ii", 1, 0)


class RawServer:
    """A server that answers every request with ``pieces``, ``pause`` seconds apart, then disconnects or stays silent."""

    def __init__(self) -> None:
        self.pieces: Iterable[bytes] = ()
        self.end: End = "close"
        self.pause = 0.0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        asked = b""
        while b"\r\n\r\n" not in asked:
            received = connection.recv(65536)
            if not received:
                return
            asked += received
        for piece in self.pieces:
            connection.sendall(piece)
            if self.pause:
                time.sleep(self.pause)
        if self.end == "silence":
            connection.recv(1)  # Until the client gives up.
        elif self.end == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)


@contextmanager
def serve_raw() -> Iterator[RawServer]:
    """Start a ``RawServer`` on a free loopback port."""
    wire = RawServer()
    try:
        yield wire
    finally:
        wire.close()

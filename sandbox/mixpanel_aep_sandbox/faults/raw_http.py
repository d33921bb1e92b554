"""Raw HTTP/1.1 on a connection, for responses that a correct server would never send."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus

from starlette.types import Receive, Scope

from mixpanel_aep_sandbox.faults.actions import Framing

_FLUSH_SECONDS = 30
_FRAMING_HEADERS = ("content-length", "transfer-encoding", "connection", "content-encoding")
Headers = Iterable[tuple[str, str]]


class RawConnection:
    """One response on a connection that the server has lent; afterwards the connection is closed.

    Writes wait until the client has read enough, so that memory use stays bounded.
    """

    def __init__(self, scope: Scope) -> None:
        self._transport: asyncio.Transport = scope["sandbox.transport"]
        self._drain: Callable[[], Awaitable[None]] = scope.get("sandbox.drain", _no_wait)
        self._chunked = False

    def head(
        self,
        status: int,
        headers: Headers,
        framing: Framing,
        *,
        length: int = 0,
        gzip: bool = False,
        announce: bool = False,
    ) -> None:
        """Write the status line and headers.

        ``length`` is the value of Content-Length; ``announce``: send ``Connection: close``.
        """
        lines = [f"HTTP/1.1 {status} {_phrase(status)}", f"date: {formatdate(usegmt=True)}"]
        lines += [f"{name}: {value}" for name, value in headers if name.lower() not in _FRAMING_HEADERS]
        if gzip:
            lines.append("content-encoding: gzip")
        self._chunked = framing == "chunked"
        if self._chunked:
            lines.append("transfer-encoding: chunked")
        elif framing == "content-length":
            lines.append(f"content-length: {length}")
        if framing == "close" or announce:
            lines.append("connection: close")
        self._transport.write("\r\n".join([*lines, "", ""]).encode("latin-1", "replace"))

    async def body(self, data: bytes) -> None:
        """Write a piece of the body."""
        if data and self._chunked:
            data = b"%x\r\n%s\r\n" % (len(data), data)
        await self._write(data)

    async def half_a_chunk(self, data: bytes) -> None:
        """Write a chunk that is announced as twice as long as it is."""
        await self._write(b"%x\r\n%s" % (2 * len(data) or 1, data) if self._chunked else data)

    async def _write(self, data: bytes) -> None:
        self._transport.write(data)
        await self._drain()

    def finish(self) -> None:
        """Write the proper end of a chunked body."""
        if self._chunked:
            self._transport.write(b"0\r\n\r\n")

    async def close(self, receive: Receive) -> None:
        """Flush and close the connection."""
        await self._flushed()
        self._transport.close()
        await client_disconnected(receive, _FLUSH_SECONDS)

    async def half_close(self, receive: Receive) -> None:
        """Send nothing more, and keep the connection open for what the client sends."""
        await self._flushed()
        connection = self._transport.get_extra_info("socket")
        if connection is not None:
            # Not by write_eof: the server may still try to write, and must not fail.
            connection.shutdown(socket.SHUT_WR)
            await client_disconnected(receive, _FLUSH_SECONDS)
        await self.close(receive)

    async def reset(self, receive: Receive) -> None:
        """Close with a TCP reset, so that the client gets an error."""
        await self._flushed()
        connection = self._transport.get_extra_info("socket")
        if connection is not None:
            # Lingering for zero seconds makes the kernel send a reset.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()
        await client_disconnected(receive, _FLUSH_SECONDS)

    async def _flushed(self) -> None:
        """Wait until the kernel has all bytes, or the client reads no more."""
        if self._drain is _no_wait or self._transport.is_closing():
            return
        self._transport.set_write_buffer_limits(high=0)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._drain(), _FLUSH_SECONDS)


async def _no_wait() -> None:
    """Return at once: calls within the process have no buffer to wait for."""


async def client_disconnected(receive: Receive, seconds: float) -> None:
    """Wait until the client has disconnected, for at most ``seconds``."""

    async def wait() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    try:
        await asyncio.wait_for(wait(), seconds)
    except TimeoutError:
        return


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"

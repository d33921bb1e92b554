"""Raw HTTP/1.1 responses on a TCP connection, for invalid responses that a correct server would not send."""

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
    """The TCP connection of a request, to which one response is written without the checks of the HTTP server.

    So the response can be invalid HTTP. The connection must be closed after it. Writes wait until the client has read
    earlier bytes, to limit the use of memory.
    """

    def __init__(self, scope: Scope) -> None:
        self._transport: asyncio.Transport = scope["sandbox.transport"]
        self._drain: Callable[[], Awaitable[None]] = scope.get("sandbox.drain", _no_wait)
        self._chunked = False

    def write_head(
        self,
        status: int,
        headers: Headers,
        framing: Framing,
        *,
        length: int = 0,
        gzip: bool = False,
        announce: bool = False,
    ) -> None:
        """Write the status line and the headers, and set the framing of the body.

        Args:
            status: the HTTP status.
            headers: the headers; those about framing and content encoding are left out.
            framing: how the client recognizes the end of the body.
            length: the value of the Content-Length header, for the framing ``content-length``.
            gzip: whether to add the header ``Content-Encoding: gzip``.
            announce: whether to add the header ``Connection: close``.
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

    async def write_body(self, data: bytes) -> None:
        """Write a piece of the body, as one chunk if the framing is ``chunked``."""
        if data and self._chunked:
            data = b"%x\r\n%s\r\n" % (len(data), data)
        await self._write(data)

    async def write_incomplete_chunk(self, data: bytes) -> None:
        """Write a piece as a chunk whose stated size is twice its actual size; without chunks, write only the piece."""
        await self._write(b"%x\r\n%s" % (2 * len(data) or 1, data) if self._chunked else data)

    async def _write(self, data: bytes) -> None:
        self._transport.write(data)
        await self._drain()

    def write_last_chunk(self) -> None:
        """Write the empty chunk that ends a chunked body; do nothing for other framings."""
        if self._chunked:
            self._transport.write(b"0\r\n\r\n")

    async def close(self, receive: Receive) -> None:
        """Send all written bytes, then close the connection."""
        await self._flush()
        self._transport.close()
        await wait_for_disconnect(receive, _FLUSH_SECONDS)

    async def half_close(self, receive: Receive) -> None:
        """Close only the sending side of the connection; close the other side when the client disconnects."""
        await self._flush()
        connection = self._transport.get_extra_info("socket")
        if connection is not None:
            # After transport.write_eof(), a write by the server would raise an error.
            connection.shutdown(socket.SHUT_WR)
            await wait_for_disconnect(receive, _FLUSH_SECONDS)
        await self.close(receive)

    async def reset(self, receive: Receive) -> None:
        """Send all written bytes, then close the connection with a TCP reset, which the client reports as an error."""
        await self._flush()
        connection = self._transport.get_extra_info("socket")
        if connection is not None:
            # With SO_LINGER of zero seconds, the kernel sends a reset when the socket is closed.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()
        await wait_for_disconnect(receive, _FLUSH_SECONDS)

    async def _flush(self) -> None:
        """Wait until all written bytes are passed to the kernel, for at most 30 seconds."""
        if self._drain is _no_wait or self._transport.is_closing():
            return
        self._transport.set_write_buffer_limits(high=0)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._drain(), _FLUSH_SECONDS)


async def _no_wait() -> None:
    """Do nothing: a request within the process has no connection to wait for."""


async def wait_for_disconnect(receive: Receive, seconds: float) -> None:
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

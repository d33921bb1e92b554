"""Execution of planned faults: replaces, changes, slows down or truncates responses. Bodies are streamed."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import IO

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mixpanel_aep_sandbox.core import compression as gzipped
from mixpanel_aep_sandbox.core.exchange import exchange_of
from mixpanel_aep_sandbox.faults.actions import (
    Alter,
    Answer,
    Cut,
    Drip,
    Drop,
    Encoding,
    Hang,
    Sentinel,
)
from mixpanel_aep_sandbox.faults.body_filters import Filter, Gzip
from mixpanel_aep_sandbox.faults.raw_http import RawConnection, wait_for_disconnect
from mixpanel_aep_sandbox.faults.upstream_response import UpstreamResponse, apply_filter, peek

_MEMBERS = 3
_PIECE_BYTES = 64 * 1024
_IN_MEMORY_BYTES = 1024 * 1024


@dataclass
class FaultyExchange:
    """Executes the action of a planned fault for one request, with one method for each kind of action.

    Attributes:
        app: the application that processes the request.
        scope: the ASGI scope of the request.
        receive: the ASGI function that returns the request's messages.
        send: the ASGI function that sends the response's messages.
    """

    app: ASGIApp
    scope: Scope
    receive: Receive
    send: Send

    async def answer(self, action: Answer) -> None:
        """Send the action's response; if ``action.after``, let the service process the request first."""
        exchange_of(self.scope).complete = False
        if action.after:
            await self._discard_response()
        authorization = next((v for k, v in self.scope["headers"] if k == b"authorization"), b"")
        headers, body = action.parts(authorization.decode("latin-1"))
        length = [] if action.status in (204, 304) else [("content-length", str(len(body)))]
        await self.send(_start(action.status, [*headers, *length]))
        await self.send({"type": "http.response.body", "body": body, "more_body": False})

    async def drop(self, action: Drop) -> None:
        """Close or reset the connection without a response.

        If ``action.after``, let the service process the request first.
        """
        exchange = exchange_of(self.scope)
        exchange.complete = False
        if action.after:
            await self._discard_response()
        exchange.end(False)
        await _END[action.end](RawConnection(self.scope), self.receive)

    async def truncate(self, action: Cut | Hang) -> None:
        """Send a part of the response, then close the connection (Cut) or keep it open without sending more (Hang)."""
        exchange_of(self.scope).complete = False
        connection = RawConnection(self.scope)
        async with self._upstream_response() as upstream_response:
            encoding = "identity" if action.after_lines is not None else action.encoding
            gzip, sent = await _encode_body(upstream_response, encoding)
            if action.framing == "content-length":
                await self._truncate_with_length(action, connection, upstream_response, sent, gzip=gzip)
            else:
                honest = isinstance(action, Cut) and action.honest
                connection.write_head(
                    upstream_response.status,
                    upstream_response.headers,
                    action.framing,
                    gzip=gzip,
                    announce=honest,
                )
                await self._write(connection, upstream_response, apply_filter(sent, action.filter()), action)
                if honest:
                    connection.write_last_chunk()
        exchange_of(self.scope).end(False, hangs=isinstance(action, Hang))
        if isinstance(action, Hang):
            await wait_for_disconnect(self.receive, action.seconds)
        await _END[action.end if isinstance(action, Cut) else "close"](connection, self.receive)

    async def _truncate_with_length(
        self,
        action: Cut | Hang,
        connection: RawConnection,
        upstream_response: UpstreamResponse,
        sent: AsyncIterator[bytes],
        *,
        gzip: bool,
    ) -> None:
        """Send a truncated body with a Content-Length header.

        The length must be known before the first byte is sent, so the complete body is buffered in a file.
        """
        with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as file:
            full_length = await _write_to_file(sent, file)
            part_length = sum([len(piece) async for piece in apply_filter(_read(file), action.filter())])
            honest = isinstance(action, Cut) and action.honest
            length = part_length if honest else max(full_length, part_length + 1)
            connection.write_head(
                upstream_response.status,
                upstream_response.headers,
                "content-length",
                length=length,
                gzip=gzip,
                announce=honest,
            )
            await self._write(
                connection, upstream_response, apply_filter(_read(file), action.filter()), action
            )

    async def drip(self, action: Drip) -> None:
        """Send the service's complete response slowly, until the client disconnects."""
        async with self._upstream_response() as upstream_response:
            gzip, sent = await _encode_body(upstream_response, "as-asked")
            await self.send(_start(upstream_response.status, upstream_response.headers, gzip=gzip))
            async for data in sent:
                for at in range(0, len(data), action.bytes_at_a_time):
                    await self._send(data[at : at + action.bytes_at_a_time])
                    await asyncio.sleep(action.every_seconds)
                    if self._client_disconnected():
                        return
            await self._send(b"", more=False)

    async def alter(self, action: Sentinel | Alter) -> None:
        """Send the service's response with changed bytes, another content encoding or another framing."""
        exchange = exchange_of(self.scope)
        exchange.complete = isinstance(action, Alter) and action.preserves_rows()
        how = action.how if isinstance(action, Alter) else ""
        encoding = "gzip" if how == "gzip_members" else action.encoding
        async with self._upstream_response() as upstream_response:
            members = _MEMBERS if how == "gzip_members" else 1
            gzip, sent = await _encode_body(upstream_response, encoding, action.filter(), members=members)
            if how == "close_delimited":
                connection = RawConnection(self.scope)
                connection.write_head(upstream_response.status, upstream_response.headers, "close", gzip=gzip)
                await self._write(connection, upstream_response, sent)
                exchange.end(exchange.complete)
                await connection.close(self.receive)
            elif how == "content_length":
                with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as file:
                    length = ("content-length", str(await _write_to_file(sent, file)))
                    await self._send_response(upstream_response, _read(file), [length], gzip=gzip)
            else:
                await self._send_response(upstream_response, sent, [], gzip=gzip)

    def _upstream_response(self) -> UpstreamResponse:
        return UpstreamResponse(self.app, self.scope, self.receive)

    async def _discard_response(self) -> None:
        """Let the service process the request, and discard the service's response."""
        async with self._upstream_response() as upstream_response:
            async for _ in upstream_response.pieces():
                pass

    async def _send_response(
        self,
        upstream_response: UpstreamResponse,
        sent: AsyncIterator[bytes],
        more: list[tuple[str, str]],
        *,
        gzip: bool,
    ) -> None:
        """Send the service's status and headers, then other headers, then a body.

        Args:
            upstream_response: the service's response.
            sent: the pieces of the body to send.
            more: headers to send in addition to the service's own.
            gzip: whether the body is compressed, which adds a Content-Encoding header.
        """
        await self.send(_start(upstream_response.status, [*upstream_response.headers, *more], gzip=gzip))
        async for piece in sent:
            await self._send(piece)
        await self._send(b"", more=False)

    async def _send(self, piece: bytes, *, more: bool = True) -> None:
        await self.send({"type": "http.response.body", "body": piece, "more_body": more})

    async def _write(
        self,
        connection: RawConnection,
        upstream_response: UpstreamResponse,
        sent: AsyncIterator[bytes],
        action: Cut | Hang | None = None,
    ) -> None:
        """Write the body directly to the connection, because the server would complete the framing of the response.

        Args:
            connection: the connection, to which the head of the response was written.
            upstream_response: the service's response.
            sent: the pieces of the body to write.
            action: the action; with ``inside_chunk``, the last piece is written as an incomplete chunk.
        """
        exchange = exchange_of(self.scope)
        exchange.status = upstream_response.status
        last = b""
        async for piece in sent:
            await connection.write_body(last)
            last = piece
            exchange.bytes_sent += len(piece)
            if self._client_disconnected():
                return
        inside = isinstance(action, Cut) and action.inside_chunk
        await (connection.write_incomplete_chunk(last) if inside else connection.write_body(last))

    def _client_disconnected(self) -> bool:
        transport = self.scope.get("sandbox.transport")
        return bool(transport and transport.is_closing())


_END = {"close": RawConnection.close, "reset": RawConnection.reset, "half-close": RawConnection.half_close}


async def _encode_body(
    upstream_response: UpstreamResponse, encoding: Encoding, change: Filter | None = None, *, members: int = 1
) -> tuple[bool, AsyncIterator[bytes]]:
    """Apply a filter and a content encoding to the body of the service's response.

    Args:
        upstream_response: the service's response.
        encoding: the content encoding; ``as-asked`` compresses bodies above 1400 bytes if the client accepts gzip.
        change: the filter of the uncompressed body; None changes nothing.
        members: the number of gzip members for each piece, as in ``Gzip``.

    Returns:
        Whether the body is compressed with gzip, and an iterator over the bytes to send.
    """
    pieces = apply_filter(upstream_response.pieces(), change or Filter())
    gzip = encoding == "gzip"
    if encoding == "as-asked" and upstream_response.accepts_gzip:
        head, pieces = await peek(pieces, gzipped.ABOVE_BYTES)
        gzip = len(head) > gzipped.ABOVE_BYTES
    return gzip, apply_filter(pieces, Gzip(members)) if gzip else pieces


async def _write_to_file(pieces: AsyncIterator[bytes], file: IO[bytes]) -> int:
    """Write all pieces to the file, and return their total size in bytes."""
    async for piece in pieces:
        file.write(piece)
    return file.tell()


async def _read(file: IO[bytes]) -> AsyncIterator[bytes]:
    file.seek(0)
    while piece := file.read(_PIECE_BYTES):
        yield piece


def _start(status: int, headers: list[tuple[str, str]], *, gzip: bool = False) -> Message:
    """Return the ASGI message with the status and the headers of a response.

    Args:
        status: the HTTP status.
        headers: the headers.
        gzip: whether to add the header ``Content-Encoding: gzip``.
    """
    pairs = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]
    if gzip:
        pairs.append((b"content-encoding", b"gzip"))
    return {"type": "http.response.start", "status": status, "headers": pairs}

"""The response of a service to a request with a planned fault, read in pieces before it is sent to the client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from types import TracebackType

from starlette.types import ASGIApp, Message, Receive, Scope

from mixpanel_aep_sandbox.core import compression as gzipped
from mixpanel_aep_sandbox.faults.body_filters import Filter

_PIECES_AHEAD = 2


class UpstreamResponse:
    """Context manager that lets the service process a request, and gives access to the service's uncompressed response.

    The service runs at most a few pieces of the body ahead of the caller.

    Attributes:
        status: inside the ``async with`` block, the HTTP status of the response.
        headers: the headers of the response, without Content-Length and Content-Encoding.
        accepts_gzip: whether the client accepts a response that is compressed with gzip.
    """

    def __init__(self, app: ASGIApp, scope: Scope, receive: Receive) -> None:
        self._app, self._receive = app, receive
        self.status = 500
        self.headers: list[tuple[str, str]] = []
        accepted = [value.decode("latin-1") for name, value in scope["headers"] if name == b"accept-encoding"]
        self.accepts_gzip = gzipped.accepts_gzip(",".join(accepted))
        self._scope: MutableMapping[str, object] = dict(scope)
        self._scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
        self._messages: asyncio.Queue[Message | None] = asyncio.Queue(_PIECES_AHEAD)

    async def __aenter__(self) -> UpstreamResponse:
        self._task = asyncio.ensure_future(self._run())
        first = await self._messages.get()
        if first is None:
            await self._task  # raises the service's error, because the service ended without a response
            return self
        self.status = first["status"]
        self.headers = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in first.get("headers", [])
            if name.lower() not in (b"content-length", b"content-encoding")
        ]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the non-empty pieces of the body in order. Raises the service's exception if the service fails."""
        while (message := await self._messages.get()) is not None:
            if body := message.get("body", b""):
                yield body
        await self._task

    async def _run(self) -> None:
        """Call the service, put its ASGI messages into the queue, and put None into the queue at the end."""
        try:
            await self._app(self._scope, self._receive, self._messages.put)
        except asyncio.CancelledError:  # the reader has stopped
            raise
        except BaseException:
            await self._messages.put(None)
            raise
        await self._messages.put(None)


async def apply_filter(pieces: AsyncIterator[bytes], change: Filter) -> AsyncIterator[bytes]:
    """Yield the filter's output for the pieces; stop reading pieces once the filter is done."""
    if not change.done:
        async for piece in pieces:
            if out := change.feed(piece):
                yield out
            if change.done:
                break
    if out := change.end():
        yield out


async def peek(pieces: AsyncIterator[bytes], size: int) -> tuple[bytes, AsyncIterator[bytes]]:
    """Read pieces until their total size is above ``size`` bytes or no pieces are left.

    Returns:
        The bytes that were read, and an iterator over all pieces from the first one on, including those that were read.
    """
    head: list[bytes] = []
    async for piece in pieces:
        head.append(piece)
        if sum(map(len, head)) > size:
            break

    async def all_pieces() -> AsyncIterator[bytes]:
        for piece in head:
            yield piece
        async for piece in pieces:
            yield piece

    return b"".join(head), all_pieces()

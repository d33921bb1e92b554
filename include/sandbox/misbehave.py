"""Makes planned faults happen, between the client and the services."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from include.sandbox.exchange import exchange_of
from include.sandbox.fault_actions import Alter, Answer, Cut, Drip, Drop, Hang, Pass, Redirect, Sentinel
from include.sandbox.faults import FaultPlan
from include.sandbox.wire import Wire, gone

_GZIP_ABOVE_BYTES = 1400
_MEMBERS = 3


class FaultMiddleware:
    def __init__(self, app: ASGIApp, plan: FaultPlan) -> None:
        self.app, self.plan = app, plan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self.plan.meet(exchange_of(scope)) if scope["type"] == "http" else None
        if fault is None:
            await self.app(scope, receive, send)
            return
        exchange_of(scope).fault = fault.id
        await asyncio.sleep(fault.action.delay_seconds)
        call = _Call(self.app, scope, receive, send)
        match fault.action:
            case Pass():
                await self.app(scope, receive, send)
            case Answer() as action:
                await call.answer(action)
            case Redirect(status=status, to=to):
                exchange_of(scope).whole = False
                await Response(status_code=status, headers={"location": to})(scope, receive, send)
            case Drop() as action:
                await call.drop(action)
            case Cut() | Hang() as action:
                await call.break_off(action)
            case Drip() as action:
                await call.drip(action)
            case Sentinel() | Alter() as action:
                await call.alter(action)


@dataclass
class _Taken:
    """An answer taken from a service before it reaches the client."""

    status: int = 500
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    gzip_asked: bool = False

    def encoded(self, encoding: str, *, members: int = 1) -> tuple[bytes, bool]:
        """The body as sent, and whether that is gzip."""
        wanted = encoding == "gzip" or members > 1
        asked = self.gzip_asked and len(self.body) > _GZIP_ABOVE_BYTES
        if not (wanted or (encoding == "as-asked" and asked)):
            return self.body, False
        size = -(-len(self.body) // members) or 1
        pieces = [self.body[at : at + size] for at in range(0, len(self.body), size)] or [b""]
        return b"".join(_gzip(piece) for piece in pieces), True


@dataclass
class _Call:
    app: ASGIApp
    scope: Scope
    receive: Receive
    send: Send

    async def answer(self, action: Answer) -> None:
        exchange_of(self.scope).whole = False
        if action.after:
            await self._take()
        headers, body = action.parts(_header(self.scope, b"authorization"))
        await self._reply(action.status, headers, body)

    async def drop(self, action: Drop) -> None:
        exchange = exchange_of(self.scope)
        exchange.whole = False
        if action.after:
            await self._take()
        exchange.end(False)
        wire = self._wire()
        await (wire.reset(self.receive) if action.end == "reset" else wire.close(self.receive))

    async def break_off(self, action: Cut | Hang) -> None:
        exchange = exchange_of(self.scope)
        exchange.whole = False
        taken = await self._take()
        sent, gzip = taken.encoded("identity" if action.after_lines is not None else action.encoding)
        part = action.cut(taken.body, sent)
        honest = isinstance(action, Cut) and action.honest
        claimed = len(part) if honest else max(len(sent), len(part) + 1)
        wire = self._wire()
        wire.head(taken.status, taken.headers, action.framing, length=claimed, gzip=gzip, announce=honest)
        wire.body(part)
        if honest:
            wire.finish()
        exchange.status, exchange.bytes_sent = taken.status, len(part)
        exchange.end(False)
        if isinstance(action, Hang):
            await gone(self.receive, action.seconds)
        reset = isinstance(action, Cut) and action.end == "reset"
        await (wire.reset(self.receive) if reset else wire.close(self.receive))

    async def drip(self, action: Drip) -> None:
        taken = await self._take()
        body, gzip = taken.encoded("as-asked")
        await self.send(_start(taken.status, taken.headers, gzip=gzip))
        for at in range(0, len(body), action.bytes_at_a_time):
            piece = body[at : at + action.bytes_at_a_time]
            await self.send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(action.every_seconds)
            transport = self.scope.get("sandbox.transport")
            if transport and transport.is_closing():
                return
        await self.send({"type": "http.response.body", "body": b"", "more_body": False})

    async def alter(self, action: Sentinel | Alter) -> None:
        keeps_rows = isinstance(action, Alter) and action.keeps_rows()
        exchange_of(self.scope).whole = keeps_rows
        taken = await self._take()
        taken.body = action.alter(taken.body)
        members = _MEMBERS if isinstance(action, Alter) and action.how == "gzip_members" else 1
        body, gzip = taken.encoded(action.encoding, members=members)
        headers = [*taken.headers, ("content-encoding", "gzip")] if gzip else taken.headers
        await self._reply(taken.status, headers, body)

    async def _take(self) -> _Taken:
        """Let the service answer, uncompressed, and keep the answer."""
        taken = _Taken(gzip_asked=b"gzip" in _header(self.scope, b"accept-encoding").encode())
        inner: MutableMapping[str, Any] = dict(self.scope)
        inner["headers"] = [pair for pair in self.scope["headers"] if pair[0] != b"accept-encoding"]
        pieces: list[bytes] = []

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                taken.status = message["status"]
                taken.headers = [
                    (name.decode("latin-1"), value.decode("latin-1"))
                    for name, value in message.get("headers", [])
                    if name.lower() not in (b"content-length", b"content-encoding")
                ]
            elif message["type"] == "http.response.body":
                pieces.append(message.get("body", b""))

        await self.app(inner, self.receive, keep)
        taken.body = b"".join(pieces)
        return taken

    async def _reply(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        length = [] if status in (204, 304) else [("content-length", str(len(body)))]
        await self.send(_start(status, [*headers, *length]))
        await self.send({"type": "http.response.body", "body": body, "more_body": False})

    def _wire(self) -> Wire:
        return Wire(self.scope["sandbox.transport"])


def _start(status: int, headers: list[tuple[str, str]], *, gzip: bool = False) -> Message:
    pairs = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]
    if gzip:
        pairs.append((b"content-encoding", b"gzip"))
    return {"type": "http.response.start", "status": status, "headers": pairs}


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def _gzip(data: bytes) -> bytes:
    packer = zlib.compressobj(level=4, wbits=31)
    return packer.compress(data) + packer.flush()

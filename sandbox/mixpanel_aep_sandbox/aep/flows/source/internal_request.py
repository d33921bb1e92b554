"""Requests of the sandbox to itself, through the middleware of its services: faults, limits, transcript."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import urlencode

from starlette.types import ASGIApp, Message

from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState


class IncompleteResponse(Exception):
    """The response is incomplete or missing."""


def send_internally(
    state: SandboxState, path: str, query: dict[str, str], headers: dict[str, str], into: BinaryIO
) -> int:
    """Send a ``GET`` request to this sandbox without a socket, write the body to a file, and return the status.

    Do not call this in a transaction: the request may need a transaction of its own.


    Raises:
        IncompleteResponse: The connection ended before the response did, or the sandbox has no application.
    """
    if state.app is None:
        raise IncompleteResponse("the sandbox has no application to send the request to")
    scope = {
        "type": "http",
        # In this version, an application learns of a disconnect from an error of send, not from receive.
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": urlencode(query).encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 443),
        "sandbox.transport": _Wire(),
    }
    exchange = _Exchange(into)
    asyncio.run(exchange.run(state.app, scope))
    if not exchange.whole:
        raise IncompleteResponse("the connection was broken off")
    return exchange.status


class _Exchange:
    def __init__(self, into: BinaryIO) -> None:
        self.into, self.status, self.whole = into, 0, False
        self._asked = False

    async def run(self, app: ASGIApp, scope: JsonObject) -> None:
        await app(scope, self._receive, self._send)

    async def _receive(self) -> Message:
        if self._asked:
            return {"type": "http.disconnect"}
        self._asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.into.write(message.get("body", b""))
            self.whole = not message.get("more_body", False)


@dataclass
class _Wire:
    """A transport without a client, for faults that write to the connection or close it; data are discarded."""

    closed: bool = False

    def write(self, _data: bytes) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, _name: str) -> None:
        return None

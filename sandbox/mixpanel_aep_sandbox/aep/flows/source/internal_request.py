"""Requests from one service of the sandbox to another, to which planned faults, rate limits and the log apply."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import urlencode

from starlette.types import ASGIApp, Message

from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState


class IncompleteResponse(Exception):
    """The response to an internal request is incomplete or missing."""


def send_internally(
    state: SandboxState, path: str, query: dict[str, str], headers: dict[str, str], into: BinaryIO
) -> int:
    """Send a GET request to the sandbox's own application, and return the HTTP status of the response.

    The request does not use a socket. Do not call this function in a transaction, because the handler of the request
    may need its own transaction.

    Args:
        state: The state of the sandbox, with its application.
        path: The path of the URL.
        query: The query parameters.
        headers: The headers.
        into: The file to which the body of the response is written.

    Raises:
        IncompleteResponse: A fault truncated the response, or the sandbox has no application.
    """
    if state.app is None:
        raise IncompleteResponse("the sandbox has no application to send the request to")
    scope = {
        "type": "http",
        # In this version of ASGI, a disconnection raises an error in send, and receive need not report it.
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
        "sandbox.transport": _NullTransport(),
    }
    receiver = _ResponseReceiver(into)
    asyncio.run(receiver.run(state.app, scope))
    if not receiver.complete:
        raise IncompleteResponse("the connection was closed before the end of the response")
    return receiver.status


class _ResponseReceiver:
    """Runs an ASGI application for a request without a body, and receives its response."""

    def __init__(self, into: BinaryIO) -> None:
        self.into, self.status, self.complete = into, 0, False
        self._request_sent = False

    async def run(self, app: ASGIApp, scope: JsonObject) -> None:
        await app(scope, self._receive, self._send)

    async def _receive(self) -> Message:
        if self._request_sent:
            return {"type": "http.disconnect"}
        self._request_sent = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.into.write(message.get("body", b""))
            self.complete = not message.get("more_body", False)


@dataclass
class _NullTransport:
    """A transport without a client, for faults that write to the connection or close it; it discards all data."""

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

"""A small HTTP server for tests that need invalid responses: truncated, garbled, or out of order."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass
class Request:
    """A received request."""

    method: str
    target: str
    headers: Message
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return {key: values[-1] for key, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def segments(self) -> list[str]:
        return [unquote(segment) for segment in self.path.split("/")[1:]]


@dataclass
class Reply:
    """A response. ``wire``: exactly these bytes and then the end of the connection."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    wire: bytes | None = None

    @classmethod
    def json(cls, value: object, status: int = 200, **headers: str) -> Reply:
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return cls(status, json.dumps(value).encode(), {"Content-Type": "application/json", **named})


Handler = Callable[[Request], Reply]


class HttpServer:
    """A running server, and the requests that it received."""

    def __init__(self, handle: Handler) -> None:
        self.requests: list[Request] = []
        self.trouble: list[BaseException] = []
        self.handle = handle
        outer = self

        class _Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10
            disable_nagle_algorithm = True

            def do(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(size)
                if len(body) < size:  # The client disconnected: half a request is ignored.
                    self.close_connection = True
                    return
                request = Request(self.command, self.path, self.headers, body)
                outer.requests.append(request)
                try:
                    reply = outer.handle(request)
                except Exception as error:  # noqa: BLE001 - reported by serving(), in the test's own thread
                    outer.trouble.append(error)
                    reply = Reply(418, repr(error).encode())
                if reply.wire is not None:
                    self.wfile.write(reply.wire)
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(reply.body)

            do_GET = do_POST = do_PUT = do_PATCH = do_HEAD = do_CONNECT = do

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def serve_http(handle: Handler) -> Iterator[HttpServer]:
    """Start a server on a free loopback port; an error of a handler fails the test."""
    served = HttpServer(handle)
    try:
        yield served
    finally:
        served.close()
    if served.trouble:
        raise served.trouble[0]


def script(*replies: Reply) -> Handler:
    """Answer with ``replies`` in order, and with the last one from then on."""
    left = list(replies)
    return lambda request: left.pop(0) if len(left) > 1 else left[0]

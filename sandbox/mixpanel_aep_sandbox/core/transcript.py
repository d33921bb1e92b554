"""Log of the sandbox's requests and responses, without secrets."""

from __future__ import annotations

import fnmatch
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mixpanel_aep_sandbox.core.exchange import Exchange, attach, service_of
from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState

_UNKEPT = ("data",)
"""Parameters that hold what other requests send as a body."""
_SECRET_WORDS = ("secret", "token", "password", "assertion", "authorization", "api_key", "sig", "jwt", "code")


def safe_query(query: str) -> str:
    """Return a query string with the values of secret-looking parameters masked."""
    pairs = parse_qsl(query, keep_blank_values=True)
    return urlencode([(name, "***" if _is_masked(name.lower()) else value) for name, value in pairs])


def _is_masked(name: str) -> bool:
    return name in _UNKEPT or any(word in name for word in _SECRET_WORDS)


class Transcript:
    """One JSON line for each request, in the order in which their responses ended; kept over restarts."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "transcript.jsonl"
        self._lock = threading.Lock()
        self._starts = _whole_lines(self._path) if self._path.exists() else []
        """Offset of each entry, so that a reader can skip the entries that it has seen."""

    def append(self, exchange: Exchange, *, whole: bool) -> None:
        """Append the entry of an exchange."""
        moment = datetime.fromtimestamp(exchange.at_ms / 1000, UTC)
        with self._lock:
            entry = {
                "n": len(self._starts) + 1,
                "at": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "service": exchange.service,
                "method": exchange.method,
                "path": exchange.path,
                "query": safe_query(exchange.query),
                "status": exchange.status,
                "bytes": exchange.bytes_sent,
                "whole": whole,
                "fault": exchange.fault,
                **exchange.notes,
            }
            with self._path.open("ab") as file:
                start = file.tell()
                file.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
            self._starts.append(start)

    def entries(self, service: str = "", path: str = "", since: int = 0) -> Iterator[JsonObject]:
        """Yield the entries whose number ``n`` is above ``since``. ``path``: a glob, or a text that the path contains."""
        with self._lock:
            lines = self._lines(since)
        for line in lines:
            entry = json.loads(line)
            if service and entry["service"] != service:
                continue
            if path and path not in entry["path"] and not fnmatch.fnmatchcase(entry["path"], path):
                continue
            yield entry

    def clear(self) -> None:
        """Delete all entries."""
        with self._lock:
            self._path.unlink(missing_ok=True)
            self._starts.clear()

    def _lines(self, since: int) -> list[bytes]:
        if since >= len(self._starts):
            return []
        with self._path.open("rb") as file:
            file.seek(self._starts[since])
            return file.read().split(b"\n")[:-1]


def _whole_lines(path: Path) -> list[int]:
    """Return the offset of each line, after truncating an incomplete last line."""
    starts, end = [], 0
    with path.open("r+b") as file:
        for line in file:
            if line.endswith(b"\n"):
                starts.append(end)
                end += len(line)
        file.truncate(end)
    return starts


class TranscriptMiddleware:
    """Middleware that records every exchange and passes bodies through unchanged.

    Requests that read the control plane are not recorded: a client that polls it would fill the transcript.
    """

    def __init__(self, app: ASGIApp, state: SandboxState, transcript: Transcript) -> None:
        self.app, self.state, self.transcript = app, state, transcript

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Record the request and its response."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = Exchange(
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            service=service_of(scope["path"]),
            at_ms=self.state.clock.milliseconds(),
        )
        attach(scope, exchange)
        if exchange.service != "sandbox" or exchange.method != "GET":
            exchange.on_end.append(lambda whole: self.transcript.append(exchange, whole=whole))

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
            elif message["type"] == "http.response.body":
                exchange.bytes_sent += len(message.get("body", b""))
                if not message.get("more_body", False):
                    # Written before the last bytes are sent: a client that has the response finds its entry.
                    transport = scope.get("sandbox.transport")
                    exchange.end(exchange.whole and not (transport and transport.is_closing()))
            await send(message)

        try:
            await self.app(scope, receive, watch)
        finally:
            exchange.end(False)

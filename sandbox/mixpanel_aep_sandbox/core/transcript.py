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

_BODY_PARAMETERS = ("data",)
"""Query parameters that contain the events or profiles that other requests send as a body."""
_SECRET_WORDS = ("secret", "token", "password", "assertion", "authorization", "api_key", "sig", "jwt", "code")


def mask_query(query: str) -> str:
    """Return a query string in which ``***`` replaces the values of parameters that may be secret or contain a body."""
    pairs = parse_qsl(query, keep_blank_values=True)
    return urlencode([(name, "***" if _is_masked(name.lower()) else value) for name, value in pairs])


def _is_masked(name: str) -> bool:
    return name in _BODY_PARAMETERS or any(word in name for word in _SECRET_WORDS)


class Transcript:
    """The log file of all requests: one line of JSON for each, in the order in which their responses ended.

    The file survives restarts of the sandbox.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "transcript.jsonl"
        self._lock = threading.Lock()
        self._starts = _recover_lines(self._path) if self._path.exists() else []
        """Byte offset of each entry in the file, so that ``entries`` can skip earlier ones."""

    def append(self, exchange: Exchange, *, complete: bool) -> None:
        """Append an entry for a request to the file.

        Args:
            exchange: the request and what was sent of its response.
            complete: whether the client got the complete response.
        """
        moment = datetime.fromtimestamp(exchange.at_ms / 1000, UTC)
        with self._lock:
            entry = {
                "n": len(self._starts) + 1,
                "at": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "service": exchange.service,
                "method": exchange.method,
                "path": exchange.path,
                "query": mask_query(exchange.query),
                "status": exchange.status,
                "bytes": exchange.bytes_sent,
                "whole": complete,
                "fault": exchange.fault,
                **exchange.notes,
            }
            with self._path.open("ab") as file:
                start = file.tell()
                file.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
            self._starts.append(start)

    def entries(self, service: str = "", path: str = "", since: int = 0) -> Iterator[JsonObject]:
        """Yield the entries whose number ``n`` is above ``since``, oldest first, as parsed JSON.

        Args:
            service: the name of the service; empty: any.
            path: a glob for the path, or a part of the path; empty: any.
            since: the number of an entry; entries are numbered from 1.
        """
        with self._lock:
            lines = self._lines_after(since)
        for line in lines:
            entry = json.loads(line)
            if service and entry["service"] != service:
                continue
            if path and path not in entry["path"] and not fnmatch.fnmatchcase(entry["path"], path):
                continue
            yield entry

    def clear(self) -> None:
        """Delete all entries and the file."""
        with self._lock:
            self._path.unlink(missing_ok=True)
            self._starts.clear()

    def _lines_after(self, since: int) -> list[bytes]:
        """Return the lines of the entries whose number is above ``since``. The caller must have acquired the lock."""
        if since >= len(self._starts):
            return []
        with self._path.open("rb") as file:
            file.seek(self._starts[since])
            return file.read().split(b"\n")[:-1]


def _recover_lines(path: Path) -> list[int]:
    """Remove an incomplete last line from the file, and return the byte offset of each remaining line."""
    starts, end = [], 0
    with path.open("r+b") as file:
        for line in file:
            if line.endswith(b"\n"):
                starts.append(end)
                end += len(line)
        file.truncate(end)
    return starts


class TranscriptMiddleware:
    """Middleware that adds every request to the transcript and passes requests and responses through unchanged.

    GET requests to the control plane are not recorded: a client that polls the control plane would fill the transcript.
    """

    def __init__(self, app: ASGIApp, state: SandboxState, transcript: Transcript) -> None:
        self.app, self.state, self.transcript = app, state, transcript

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Attach an :class:`Exchange` to the request, and record the exchange when the response ends."""
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
            exchange.on_end.append(lambda complete: self.transcript.append(exchange, complete=complete))

        async def send_and_record(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
            elif message["type"] == "http.response.body":
                exchange.bytes_sent += len(message.get("body", b""))
                if not message.get("more_body", False):
                    # The entry is written before the last bytes are sent, so a client that has the response finds it.
                    transport = scope.get("sandbox.transport")
                    exchange.end(exchange.complete and not (transport and transport.is_closing()))
            await send(message)

        try:
            await self.app(scope, receive, send_and_record)
        finally:
            exchange.end(False)

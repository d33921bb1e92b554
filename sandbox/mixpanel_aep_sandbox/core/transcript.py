"""What was asked of the sandbox and what it answered, without anything secret."""

from __future__ import annotations

import fnmatch
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mixpanel_aep_sandbox.core.exchange import Exchange, attach, service_of
from mixpanel_aep_sandbox.core.state import SandboxState

_UNKEPT = ("data",)
"""Parameters that hold what a body holds elsewhere."""
_SECRET_WORDS = ("secret", "token", "password", "assertion", "authorization", "api_key", "sig", "jwt", "code")


def safe_query(query: str) -> str:
    """A query string with the values of secret-looking parameters masked."""
    pairs = parse_qsl(query, keep_blank_values=True)
    return urlencode([(name, "***" if _is_masked(name.lower()) else value) for name, value in pairs])


def _is_masked(name: str) -> bool:
    return name in _UNKEPT or any(word in name for word in _SECRET_WORDS)


class Transcript:
    """One JSON line for each request, in the order in which their answers ended; kept over restarts."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "transcript.jsonl"
        self._lock = threading.Lock()
        self._starts = _whole_lines(self._path) if self._path.exists() else []
        """Where each entry begins, so that whoever has seen the others need not read them again."""

    def append(self, exchange: Exchange, *, whole: bool) -> None:
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

    def entries(self, service: str = "", path: str = "", since: int = 0) -> Iterator[dict[str, Any]]:
        """Entries with ``n > since``; ``path`` is a glob, or a plain text that the path contains."""
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
    """Where each line begins, after cutting off one that the end of the process left without its end."""
    starts, end = [], 0
    with path.open("r+b") as file:
        for line in file:
            if line.endswith(b"\n"):
                starts.append(end)
                end += len(line)
        file.truncate(end)
    return starts


class TranscriptMiddleware:
    """Watches every exchange; passes bodies through as they come.

    Reading the control plane leaves no trace: whoever polls it would drown the rest.
    """

    def __init__(self, app: ASGIApp, state: SandboxState, transcript: Transcript) -> None:
        self.app, self.state, self.transcript = app, state, transcript

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
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
                    # Written before the last bytes go out: whoever has the answer finds it in the transcript.
                    transport = scope.get("sandbox.transport")
                    exchange.end(exchange.whole and not (transport and transport.is_closing()))
            await send(message)

        try:
            await self.app(scope, receive, watch)
        finally:
            exchange.end(False)

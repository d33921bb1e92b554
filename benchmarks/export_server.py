"""A sandbox whose Mixpanel serves exports from a file, so that the benchmark measures the client.

    python -m benchmarks.export_server STATE EVENTS.jsonl.gz

The normal sandbox generates, sorts and compresses a day during its export, which takes longer than all steps together.
Everything else is the normal sandbox. ``EVENTS.jsonl.gz`` is opened for each export: replace it for another response.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from mixpanel_aep_sandbox.core.server import listen, make_server, url_of
from mixpanel_aep_sandbox.core.state import SandboxState
from mixpanel_aep_sandbox.core.store import Store

_CHUNK_BYTES = 1024 * 1024
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Prepared:
    """An ASGI application in front of the sandbox's: it serves exports from a file, in chunks."""

    def __init__(self, app: Any, file: Path) -> None:
        self._app, self._file = app, file

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        """Serve an export from the file; pass other requests on."""
        if scope["type"] != "http" or scope["path"] != "/api/2.0/export":
            await self._app(scope, receive, send)
            return
        headers = [(b"content-type", b"text/plain"), (b"content-encoding", b"gzip")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        with self._file.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def main(state: str, file: str) -> None:
    """Serve until the process ends; the first line of output is the address."""
    listener = listen("127.0.0.1", 0)
    folder = Path(state)
    folder.mkdir(parents=True, exist_ok=True)
    server = make_server(
        SandboxState(Store(folder)), lambda: print(json.dumps({"url": url_of(listener)}), flush=True)
    )
    server.config.app = Prepared(server.config.app, Path(file))
    server.run(sockets=[listener])


if __name__ == "__main__":
    main(*sys.argv[1:])

"""``python -m tests.distributed.s3 PORT FILE``: moto's S3, which answers 503 Slow Down as long as FILE exists."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
_BODY = b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>planned</Message></Error>"


def slowed_down(app: Wsgi, while_there: Path) -> Wsgi:
    """Return ``app`` behind a switch: the file."""

    def guarded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not while_there.exists():
            return app(environ, start_response)
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        with while_there.with_suffix(".met").open("ab") as file:
            file.write(b".")  # The number of requests that were refused.
        start_response(
            "503 Slow Down", [("Content-Type", "application/xml"), ("Content-Length", str(len(_BODY)))]
        )
        return [_BODY]

    return guarded


def main(port: int, while_there: Path) -> None:
    """Serve until SIGTERM."""
    from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
    from werkzeug.serving import run_simple

    app = slowed_down(create_backend_app("s3"), while_there)
    run_simple("127.0.0.1", port, app, threaded=True, request_handler=MotoRequestHandler)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))

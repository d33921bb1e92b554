"""Normalization of the request's target and validation of its host, before any other middleware."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class RequestTargetGuard:
    """Middleware that gives every request a path as its target, and returns 400 for an invalid host.

    A client that uses the sandbox as a proxy sends a complete URL in the request line (the absolute form of RFC 9112,
    3.2). It is replaced by the path of the URL, which is the origin form.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request in origin form to the application, or return 400 if its host is not valid."""
        if scope["type"] == "http":
            try:
                scope = _in_origin_form(scope)
            except ValueError:
                refusal = JSONResponse({"error": "The request's host is not valid."}, status_code=400)
                await refusal(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _in_origin_form(scope: Scope) -> Scope:
    """Return the ASGI scope of a request with a path as its target, in place of a complete URL.

    Raises:
        ValueError: the host or the port of the request is invalid.
    """
    host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
    urlsplit(f"http://{host}/").port  # noqa: B018 - raises ValueError
    raw = scope["raw_path"].decode("latin-1") if scope.get("raw_path") else scope["path"]
    if raw.startswith("/") or "://" not in raw:
        return scope
    target = urlsplit(raw)
    target.port  # noqa: B018 - raises ValueError
    headers = [pair for pair in scope["headers"] if pair[0] != b"host"]
    path = target.path or "/"
    return {
        **scope,
        "path": unquote(path),
        "raw_path": path.encode("latin-1"),
        "headers": [(b"host", target.netloc.encode("latin-1")), *headers],
    }

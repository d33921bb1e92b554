"""Restriction of the control plane to this computer and to the sandbox's own host names, on any listening address.

The client's address is not enough: a page in a browser on this computer comes from loopback as well. It reaches the
sandbox under the page's own host name once that name resolves to 127.0.0.1 (DNS rebinding). Its ``Host`` header
reveals it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from ipaddress import ip_address

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

CONTROL_PLANE = "/_sandbox"
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:@/\s\[\]]+)(?::[0-9]{1,5})?")


class LoopbackGuard:
    """Middleware for ``/_sandbox/*``: 403 for a client on another computer, 421 for an unknown host name."""

    def __init__(self, app: ASGIApp, host_names: Iterable[str] = ()) -> None:
        self.app = app
        self.host_names = frozenset(name.lower() for name in host_names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reject the request, or pass it to the application."""
        if scope["type"] == "http" and scope["path"].startswith(CONTROL_PLANE):
            if not is_loopback(scope.get("client")):
                refusal = _refusal(403, "The control plane answers only requests from this computer.")
            elif not self._is_named(scope):
                refusal = _refusal(
                    421,
                    "The control plane answers only requests whose Host is 127.0.0.1, localhost or [::1], or a name "
                    "given with --host-name when the sandbox was started.",
                )
            else:
                refusal = None
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _is_named(self, scope: Scope) -> bool:
        """Return whether the Host header names the sandbox or is missing; HTTP/1.0 allows this, and browsers always send one."""
        hosts = header_values(scope, b"host")
        return not hosts or (len(hosts) == 1 and is_own_host(hosts[0], self.host_names))


def _refusal(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"error": sentence}, status_code=status)


def header_values(scope: Scope, header: bytes) -> list[str]:
    """Return every value of a header, whose name is given in lower case."""
    return [value.decode("latin-1").strip() for name, value in scope["headers"] if name == header]


def is_own_host(host: str, host_names: Collection[str]) -> bool:
    """Return whether a ``Host``, with or without a port, is a loopback name or one of ``host_names``."""
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = match[1].lower().removesuffix(".")
    return name == "localhost" or name in host_names or is_loopback((name.strip("[]"), 0))


def is_loopback(client: tuple[str, int] | None) -> bool:
    """Return whether a client's address is one of this computer's loopback addresses."""
    try:
        address = ip_address(client[0] if client else "")
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback

"""Restriction of the control plane to clients on this computer that call it by one of the sandbox's host names.

The client's address is not enough: requests of a web page in a browser on this computer also come from a loopback
address. The host name of such a page can resolve to 127.0.0.1 (DNS rebinding), but the ``Host`` header of the page's
requests contains this foreign name, so the requests can be rejected.
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
    """Middleware for ``/_sandbox/*``: returns 403 to clients on other computers, and 421 for a foreign ``Host``."""

    def __init__(self, app: ASGIApp, host_names: Iterable[str] = ()) -> None:
        self.app = app
        self.host_names = frozenset(name.lower() for name in host_names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reject a control request from another computer or for a foreign host; pass all other requests on."""
        if scope["type"] == "http" and scope["path"].startswith(CONTROL_PLANE):
            if not is_loopback(scope.get("client")):
                refusal = _refusal(403, "The control plane answers only requests from this computer.")
            elif not self._has_own_host(scope):
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

    def _has_own_host(self, scope: Scope) -> bool:
        """Return whether the request's ``Host`` header is missing, or is one of the sandbox's host names.

        HTTP/1.0 clients may omit the header; browsers always send it.
        """
        hosts = header_values(scope, b"host")
        return not hosts or (len(hosts) == 1 and is_own_host(hosts[0], self.host_names))


def _refusal(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"error": sentence}, status_code=status)


def header_values(scope: Scope, header: bytes) -> list[str]:
    """Return all values of a request header, in the order sent; ``header`` is its name in lower case."""
    return [value.decode("latin-1").strip() for name, value in scope["headers"] if name == header]


def is_own_host(host: str, host_names: Collection[str]) -> bool:
    """Return whether a ``Host`` header's value, with or without port, is a loopback name or one of ``host_names``."""
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = match[1].lower().removesuffix(".")
    return name == "localhost" or name in host_names or is_loopback((name.strip("[]"), 0))


def is_loopback(client: tuple[str, int] | None) -> bool:
    """Return whether a client's (address, port) has a loopback address; None and a host name do not."""
    try:
        address = ip_address(client[0] if client else "")
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback

"""Keeps the control plane to this computer, whatever address the sandbox listens on."""

from __future__ import annotations

from ipaddress import ip_address

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class LoopbackOnly:
    """403 for anyone from elsewhere who asks for ``/_sandbox/*``."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] == "http"
            and scope["path"].startswith("/_sandbox")
            and not is_loopback(scope.get("client"))
        ):
            refusal = JSONResponse(
                {"error": "The control plane answers only to this computer."}, status_code=403
            )
            await refusal(scope, receive, send)
            return
        await self.app(scope, receive, send)


def is_loopback(client: tuple[str, int] | None) -> bool:
    try:
        address = ip_address(client[0] if client else "")
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback

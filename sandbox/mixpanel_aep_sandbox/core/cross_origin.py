"""Protection against web pages of other sites, which can send requests to this computer from a user's browser.

In every request that may change data, a browser sends the page's origin (``Origin``) and its relation to the requested
address (``Sec-Fetch-Site``). Other clients send neither header. Old browsers send forms without an ``Origin`` header.
The control plane requires no credentials, so it also rejects requests that such a form could send.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from mixpanel_aep_sandbox.core.loopback import CONTROL_PLANE, header_values, is_own_host

_READ_METHODS = {"GET", "HEAD", "OPTIONS"}
_OWN_HEADER = b"x-sandbox-client"
# Content types that a page may send to another origin without permission (Fetch standard, "CORS-safelisted
# request-header").
_FORM_TYPES = {"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}


class CrossOriginGuard:
    """Middleware that returns 403 for a write request from a web page of another origin.

    For the control plane, it also returns 403 for a write request that an HTML form could send.
    """

    def __init__(self, app: ASGIApp, host_names: Iterable[str] = ()) -> None:
        self.app = app
        self.host_names = frozenset(name.lower() for name in host_names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond with 403 to a write request that a web page may have sent; pass all others to the application."""
        if (
            scope["type"] == "http"
            and scope["method"] not in _READ_METHODS
            and (reason := self._refusal(scope))
        ):
            await JSONResponse({"error": reason}, status_code=403)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _refusal(self, scope: Scope) -> str | None:
        """Return the sentence for the 403 response to a write request, or None if the request is accepted."""
        origins, relations = header_values(scope, b"origin"), header_values(scope, b"sec-fetch-site")
        if origins and not self._is_own(origins, scope):
            return "The sandbox accepts no changes from a web page of another origin."
        if not origins and {"cross-site", "same-site"} & set(relations):
            return "The sandbox accepts no changes from a web page of another site."
        if origins or not scope["path"].startswith(CONTROL_PLANE) or header_values(scope, _OWN_HEADER):
            return None
        types = {value.partition(";")[0].strip().lower() for value in header_values(scope, b"content-type")}
        if types & _FORM_TYPES:
            return (
                "The control plane accepts no changes that a form of a web page could send. Send content-type: "
                "application/json, or a header X-Sandbox-Client with any value."
            )
        return None

    def _is_own(self, origins: list[str], scope: Scope) -> bool:
        """Return whether a request comes from a web page of the sandbox itself.

        Its only ``Origin`` header must equal its only ``Host`` header, and this host must be one of the sandbox's host
        names.

        Args:
            origins: the values of the request's ``Origin`` headers.
            scope: the ASGI scope of the request.
        """
        hosts = header_values(scope, b"host")
        return (
            len(origins) == len(hosts) == 1
            and origins[0].lower() == f"http://{hosts[0].lower()}"
            and is_own_host(hosts[0], self.host_names)
        )

"""Protection against web pages: a page may send requests to this computer, although it cannot read the responses.

Browsers name the page's origin in every request that may change something (``Origin``), and its relation to the address
(``Sec-Fetch-Site``); other clients send neither header. Old browsers are the one exception: they send forms without an
origin. The control plane requires no credentials, so it also rejects what forms and plain scripts can send.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from mixpanel_aep_sandbox.core.loopback import CONTROL_PLANE, header_values, is_own_host

_READING = {"GET", "HEAD", "OPTIONS"}
_OWN_HEADER = b"x-sandbox-client"
# Headers that a page may send to another origin without permission (Fetch standard, "CORS-safelisted request-header").
_FORM_TYPES = {"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}


class CrossOriginGuard:
    """Middleware that returns 403 for changes that a page of another origin sends.

    It also rejects changes of the control plane that a form could send.
    """

    def __init__(self, app: ASGIApp, host_names: Iterable[str] = ()) -> None:
        self.app = app
        self.host_names = frozenset(name.lower() for name in host_names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reject the request, or pass it to the application."""
        if scope["type"] == "http" and scope["method"] not in _READING and (reason := self._refusal(scope)):
            await JSONResponse({"error": reason}, status_code=403)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _refusal(self, scope: Scope) -> str | None:
        """Return why the change is rejected, or None if it is not."""
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
        """Return whether the page came from the address that it calls, under one of the sandbox's host names."""
        hosts = header_values(scope, b"host")
        return (
            len(origins) == len(hosts) == 1
            and origins[0].lower() == f"http://{hosts[0].lower()}"
            and is_own_host(hosts[0], self.host_names)
        )

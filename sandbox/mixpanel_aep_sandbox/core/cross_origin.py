"""Keeps web pages from changing anything: a page may send requests to this computer, although it cannot read the answers.

Browsers name the page's origin in every request that may change something (``Origin``), and its relation to the address
(``Sec-Fetch-Site``); other clients send neither. The one exception are old browsers, which send forms without an origin:
the control plane, which asks for no credentials, does not take what forms and plain scripts can send.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from mixpanel_aep_sandbox.core.loopback import CONTROL_PLANE, header_values, is_own_host

_READING = {"GET", "HEAD", "OPTIONS"}
_OWN_HEADER = b"x-sandbox-client"
# What a page may send to another origin without permission (Fetch standard, "CORS-safelisted request-header").
_FORM_TYPES = {"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}


class CrossOriginGuard:
    """403 for a change that a page of another origin sends, and for one of the control plane that a form could send."""

    def __init__(self, app: ASGIApp, host_names: Iterable[str] = ()) -> None:
        self.app = app
        self.host_names = frozenset(name.lower() for name in host_names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in _READING and (reason := self._refusal(scope)):
            await JSONResponse({"error": reason}, status_code=403)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _refusal(self, scope: Scope) -> str | None:
        """Return why the change is refused, None if it is not."""
        origins, relations = header_values(scope, b"origin"), header_values(scope, b"sec-fetch-site")
        if origins and not self._is_own(origins, scope):
            return "The sandbox takes no change from a web page of another origin."
        if not origins and {"cross-site", "same-site"} & set(relations):
            return "The sandbox takes no change from a web page of another site."
        if origins or not scope["path"].startswith(CONTROL_PLANE) or header_values(scope, _OWN_HEADER):
            return None
        types = {value.partition(";")[0].strip().lower() for value in header_values(scope, b"content-type")}
        if types & _FORM_TYPES:
            return (
                "The control plane takes no change that a form of a web page could send; send content-type: "
                "application/json, or a header X-Sandbox-Client with any value."
            )
        return None

    def _is_own(self, origins: list[str], scope: Scope) -> bool:
        """Whether the page came from the address that it calls, under a name of ours."""
        hosts = header_values(scope, b"host")
        return (
            len(origins) == len(hosts) == 1
            and origins[0].lower() == f"http://{hosts[0].lower()}"
            and is_own_host(hosts[0], self.host_names)
        )

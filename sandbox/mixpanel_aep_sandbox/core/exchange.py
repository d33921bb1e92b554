"""One request and its response, as the parts of the sandbox exchange them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.types import Scope

from mixpanel_aep_sandbox.core.json_types import JsonObject

_KEY = "sandbox.exchange"
_SERVICES = (
    ("/_sandbox/", "sandbox"),
    ("/api/2.0/", "mixpanel"),
    ("/api/app/", "mixpanel"),
    ("/api/query/", "mixpanel"),
    ("/track", "mixpanel"),
    ("/import", "mixpanel"),
    ("/engage", "mixpanel"),
    ("/groups", "mixpanel"),
    ("/ims/", "ims"),
    ("/console/", "ims"),
    ("/data/", "aep"),
)


def service_of(path: str) -> str:
    """Return the service of a path: ``mixpanel``, ``ims``, ``aep``, ``sandbox`` (the control plane) or ``unknown``."""
    return next((service for prefix, service in _SERVICES if path.startswith(prefix)), "unknown")


@dataclass
class Exchange:
    """A request, and what is known of its response so far."""

    method: str
    path: str
    query: str
    service: str
    at_ms: int
    """The sandbox's time when the request arrived."""
    status: int | None = None
    """None if the client got no status line."""
    bytes_sent: int = 0
    fault: str | None = None
    whole: bool = True
    """False once a fault has changed the response, so that the client does not get the complete one."""
    notes: JsonObject = field(default_factory=dict)
    """Values that a service adds to the transcript."""
    on_end: list[Callable[[bool], None]] = field(default_factory=list)
    """Called once, with True if the client was given the whole response."""
    on_free: list[Callable[[], None]] = field(default_factory=list)
    """Called once, when the request no longer counts as running."""
    ended: bool = False

    def end(self, whole: bool, *, hangs: bool = False) -> None:
        """Report the end of the response to all ``on_end`` listeners, once.

        ``hangs``: the client is kept waiting, so the request still counts as running.
        """
        if not self.ended:
            self.ended = True
            for callback in self.on_end:
                callback(whole)
        while self.on_free and not hangs:
            self.on_free.pop()()


def attach(scope: Scope, exchange: Exchange) -> None:
    """Store the exchange in the ASGI scope."""
    scope[_KEY] = exchange


def exchange_of(scope: Scope) -> Exchange:
    """Return the exchange of an ASGI scope (``request.scope``)."""
    exchange: Exchange = scope[_KEY]
    return exchange

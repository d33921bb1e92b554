"""The record of one HTTP request and its response, which the middleware and the services of the sandbox share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.types import Scope

from mixpanel_aep_sandbox.core.json_types import JsonObject

_SCOPE_KEY = "sandbox.exchange"
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
    """Return the service of a URL path: ``mixpanel``, ``ims``, ``aep``, ``sandbox`` (control plane) or ``unknown``."""
    return next((service for prefix, service in _SERVICES if path.startswith(prefix)), "unknown")


@dataclass
class Exchange:
    """One HTTP request, and what was sent of its response so far.

    ``TranscriptMiddleware`` creates it. The services and the planned faults add to it what the transcript must show,
    and the functions to call when the request has ended.
    """

    method: str
    path: str
    query: str
    service: str
    at_ms: int
    """The sandbox's time when the request arrived, in epoch milliseconds."""
    status: int | None = None
    """HTTP status, or None while no status line has been sent."""
    bytes_sent: int = 0
    fault: str | None = None
    """Id of the planned fault that matched the request, or None."""
    complete: bool = True
    """False if a fault has truncated or changed the response, so that the client does not get all of it."""
    notes: JsonObject = field(default_factory=dict)
    """Values that a service adds to the transcript's entry of this request."""
    on_end: list[Callable[[bool], None]] = field(default_factory=list)
    """Functions to call once at the end of the response, with True if the complete response was sent."""
    on_slot_free: list[Callable[[], None]] = field(default_factory=list)
    """Functions to call once when the request stops counting as a concurrent request of its project."""
    ended: bool = False

    def end(self, complete: bool, *, hangs: bool = False) -> None:
        """Call the ``on_end`` functions, unless they were called before, and then the ``on_slot_free`` functions.

        Args:
            complete: whether the client was sent the complete response.
            hangs: whether the connection stays open and the client still waits. Such a request still counts as
                concurrent, so the ``on_slot_free`` functions are not called yet.
        """
        if not self.ended:
            self.ended = True
            for callback in self.on_end:
                callback(complete)
        while self.on_slot_free and not hangs:
            self.on_slot_free.pop()()


def attach(scope: Scope, exchange: Exchange) -> None:
    """Store the exchange in the ASGI scope of its request."""
    scope[_SCOPE_KEY] = exchange


def exchange_of(scope: Scope) -> Exchange:
    """Return the exchange that :func:`attach` stored in the ASGI scope (``request.scope``)."""
    exchange: Exchange = scope[_SCOPE_KEY]
    return exchange

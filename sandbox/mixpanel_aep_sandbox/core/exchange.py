"""One request and its answer, as the parts of the sandbox speak about it with one another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Scope

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
    """``mixpanel``, ``ims``, ``aep``, ``sandbox`` (the control plane) or ``unknown``."""
    return next((service for prefix, service in _SERVICES if path.startswith(prefix)), "unknown")


@dataclass
class Exchange:
    method: str
    path: str
    query: str
    service: str
    at_ms: int
    """The sandbox's time when the request came in."""
    status: int | None = None
    """None: the client got no status line."""
    bytes_sent: int = 0
    fault: str | None = None
    whole: bool = True
    """False once a fault has changed what the client gets, so that it is no complete answer."""
    notes: dict[str, Any] = field(default_factory=dict)
    """What a service adds for the transcript."""
    on_end: list[Callable[[bool], None]] = field(default_factory=list)
    """Called once, with True when the client was given the whole answer."""
    on_free: list[Callable[[], None]] = field(default_factory=list)
    """Called once, when it takes up no place any more."""
    ended: bool = False

    def end(self, whole: bool, *, hangs: bool = False) -> None:
        """The answer is over: whatever waits for that is told, once.

        ``hangs``: the client is kept waiting, so it still counts among those that run at a time.
        """
        if not self.ended:
            self.ended = True
            for callback in self.on_end:
                callback(whole)
        while self.on_free and not hangs:
            self.on_free.pop()()


def attach(scope: Scope, exchange: Exchange) -> None:
    scope[_KEY] = exchange


def exchange_of(scope: Scope) -> Exchange:
    """The exchange of an ASGI scope (``request.scope``)."""
    exchange: Exchange = scope[_KEY]
    return exchange

"""Requests, the service that receives them, and the retry policy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from include.errors import ServiceUnavailable
from include.http.error_rules import ErrorRule


class Body(Protocol):
    """A request body to upload; its ``len`` is the Content-Length."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[bytes]: ...
    def read(self, size: int = -1, /) -> bytes:
        """Return at most ``size`` bytes."""
        ...

    def close(self) -> None:
        """Close the body."""
        ...


@dataclass(frozen=True)
class HttpRequest:
    """One request. ``what`` completes the sentence "the service could not ..."."""

    method: str
    url: str
    what: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = field(default=None, repr=False)
    open_body: Callable[[], Body] | None = None
    """Opens the body again for every attempt."""
    idempotent: bool = True
    """False: a repetition could create a duplicate, so the request is retried only if it cannot have had an effect."""
    idle_seconds: float | None = None
    """How long the service may be silent, where this request needs a shorter limit than the policy's."""
    before: Callable[[], None] | None = None
    """Called before every attempt."""
    on_retry_after: Callable[[float], None] | None = None
    """Called with the seconds, from 1 s to 1 h, for which a service that limits the request rate requests a pause."""
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Service:
    """A service as its client needs it: its name, error rules, secrets, headers and token refresh."""

    name: str
    rules: Sequence[ErrorRule]
    facts: Mapping[str, str]
    """Values for the templates of ``rules``; ``conn_id`` is always among them."""
    secrets: Callable[[], Iterable[str]]
    headers: Callable[[], Mapping[str, str]]
    renew: Callable[[], None] | None = None
    """Discards the access token that the service just rejected."""
    unavailable: type[ServiceUnavailable] = ServiceUnavailable


@dataclass(frozen=True)
class RetryPolicy:
    """The timeouts of a request in seconds, and the number of attempts."""

    connect_seconds: float = 30.0
    idle_seconds: float = 120.0
    """How long the service may be silent; a streamed response has no other limit."""
    whole_seconds: float = 600.0
    """How long a response that is not streamed may take."""
    attempts: int = 6
    longest_wait_seconds: float = 120.0
    """A longer Retry-After is raised as an error instead of waited for, so that the task frees its slot."""


INTERACTIVE = RetryPolicy(attempts=2)
"""Interactive callers can retry themselves, so fail fast."""

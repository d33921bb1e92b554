"""What a client is asked to send, to whom, and with how much patience."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from include.errors import ServiceUnavailable
from include.http.error_rules import ErrorRule


class Body(Protocol):
    """What is uploaded; its ``len`` is the Content-Length."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[bytes]: ...
    def read(self, size: int = -1, /) -> bytes: ...
    def close(self) -> None: ...


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
    """Opens the body anew for every attempt."""
    idempotent: bool = True
    """False: sending it twice could make two of something, so it is repeated only if nothing can have been done."""
    idle_seconds: float | None = None
    """How long the service may be silent, where this call needs less patience than the others."""
    before: Callable[[], None] | None = None
    """Called before every attempt."""
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Service:
    """What a client knows about the service it speaks to."""

    name: str
    rules: Sequence[ErrorRule]
    facts: Mapping[str, str]
    """Words for the sentences of ``rules``; ``conn_id`` is always among them."""
    secrets: Callable[[], Iterable[str]]
    headers: Callable[[], Mapping[str, str]]
    renew: Callable[[], None] | None = None
    """Forgets the token that was just refused."""
    unavailable: type[ServiceUnavailable] = ServiceUnavailable


@dataclass(frozen=True)
class RetryPolicy:
    """Seconds and counts."""

    connect_seconds: float = 30.0
    idle_seconds: float = 120.0
    """How long the service may be silent; beyond it an answer that is streamed may take as long as it likes."""
    whole_seconds: float = 600.0
    """How long an answer that is not streamed may take."""
    attempts: int = 6
    longest_wait_seconds: float = 120.0
    """A longer Retry-After is not slept through but raised, so that the task gives its place to others."""


INTERACTIVE = RetryPolicy(attempts=2)
"""Somebody waits at a button or a terminal: what was a passing fault is seen by asking again."""

"""Descriptions of an HTTP request, of the service that receives the request, and of the retry policy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from include.errors import ServiceUnavailable
from include.http.error_rules import ErrorRule


class Body(Protocol):
    """A request body to upload, which can be read and iterated; its ``len`` is the Content-Length in bytes."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[bytes]: ...
    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes, at most ``size``, or all remaining bytes if ``size`` is -1; b"" at the end."""
        ...

    def close(self) -> None:
        """Release the resources of the body, such as an open file."""
        ...


@dataclass(frozen=True)
class HttpRequest:
    """One HTTP request.

    ``what``: the purpose in the infinitive, for messages: "the service could not {what}".
    """

    method: str
    url: str
    what: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = field(default=None, repr=False)
    open_body: Callable[[], Body] | None = None
    """Returns the body, opened at its beginning; called for every attempt. None: ``content`` is the body."""
    idempotent: bool = True
    """False: a repetition could create a duplicate, so a retry requires that the failed attempt had no effect."""
    idle_seconds: float | None = None
    """The maximum time in seconds without a received byte; None: the limit of the retry policy."""
    before: Callable[[], None] | None = None
    """Called before every attempt, such as to wait for a rate limit; its errors are raised to the caller."""
    on_retry_after: Callable[[float], None] | None = None
    """Called with the pause in seconds, from 1 to 3600, when a rate-limit error has a Retry-After header."""
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Service:
    """A service as its client needs it: its name, error rules, secrets, headers and token refresh."""

    name: str
    rules: Sequence[ErrorRule]
    facts: Mapping[str, str]
    """Values for the format strings of ``rules``; always includes ``conn_id``."""
    secrets: Callable[[], Iterable[str]]
    headers: Callable[[], Mapping[str, str]]
    renew: Callable[[], None] | None = None
    """Called to discard the access token that the service just rejected; None: the service has no renewable token."""
    unavailable: type[ServiceUnavailable] = ServiceUnavailable


@dataclass(frozen=True)
class RetryPolicy:
    """The timeouts of a request in seconds, and the maximum number of attempts, including the first."""

    connect_seconds: float = 30.0
    idle_seconds: float = 120.0
    """The maximum time without a received byte; the only time limit of a streamed response."""
    whole_seconds: float = 600.0
    """The maximum time to receive a response that is not streamed."""
    attempts: int = 6
    longest_wait_seconds: float = 120.0
    """A longer Retry-After is raised as an error instead of waited for, so that the task frees its slot."""


INTERACTIVE = RetryPolicy(attempts=2)
"""The policy for interactive commands: only two attempts, because the user can run the command again."""

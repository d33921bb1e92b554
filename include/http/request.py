"""The types that describe an HTTP request, the service to which it is sent, and how often it is retried."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from include.errors import ServiceUnavailable
from include.http.error_rules import ErrorRule


class Body(Protocol):
    """The body of a request, which is read while it is sent, such as a part of a file; ``len`` is its size in bytes."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[bytes]: ...
    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` of the next bytes, or all of them if ``size`` is -1; b"" at the end."""
        ...

    def close(self) -> None:
        """Close what the body is read from, such as an open file."""
        ...


@dataclass(frozen=True)
class HttpRequest:
    """One HTTP request, which may be attempted several times.

    Attributes:
        method: the HTTP method.
        url: the URL without a query.
        what: the request as an infinitive clause for messages, such as ``create a batch``: "could not {what}".
        params: the query parameters.
        headers: the headers, in addition to those of the service.
        content: the body; None without one.
        open_body: returns the body from its beginning; called for every attempt. None: ``content`` is the body.
        idempotent: whether the service may execute the request twice. If not, it is only retried after an attempt that
            the service has not executed.
        idle_seconds: the maximum time in seconds between two received bytes; None: that of the retry policy.
        before: called before every attempt, for example to wait for a rate limit; its errors are raised to the caller.
        on_retry_after: called with a delay in seconds, from 1 to 3600, if the service reports a rate limit with a
            Retry-After header.
        facts: values for the messages of the service's error rules, in addition to those of the service.
    """

    method: str
    url: str
    what: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = field(default=None, repr=False)
    open_body: Callable[[], Body] | None = None
    idempotent: bool = True
    idle_seconds: float | None = None
    before: Callable[[], None] | None = None
    on_retry_after: Callable[[float], None] | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Service:
    """What the HTTP client has to know about a service.

    Attributes:
        name: the name of the service in messages.
        rules: the error rules of the service; the first that matches a response applies.
        facts: values for the messages of ``rules``; they always include ``conn_id``.
        secrets: returns the texts that are removed from messages.
        headers: returns the headers of every request, such as Authorization; called for every attempt.
        discard_token: discards the access token after the service has rejected it; None: the service does not use such
            a token.
        unavailable: the class of the error that the service cannot be reached.
    """

    name: str
    rules: Sequence[ErrorRule]
    facts: Mapping[str, str]
    secrets: Callable[[], Iterable[str]]
    headers: Callable[[], Mapping[str, str]]
    discard_token: Callable[[], None] | None = None
    unavailable: type[ServiceUnavailable] = ServiceUnavailable


@dataclass(frozen=True)
class RetryPolicy:
    """The timeouts of a request, and how often it is attempted.

    Attributes:
        connect_seconds: the maximum time for opening the connection.
        idle_seconds: the maximum time between two received bytes; the only limit of a streamed response.
        body_seconds: the maximum time for receiving a response that is not streamed.
        attempts: the maximum number of attempts, including the first.
        longest_wait_seconds: the longest delay of a Retry-After header that the client waits for. A longer one is
            raised as an error, so that the task can be deferred and does not occupy a worker.
    """

    connect_seconds: float = 30.0
    idle_seconds: float = 120.0
    body_seconds: float = 600.0
    attempts: int = 6
    longest_wait_seconds: float = 120.0


INTERACTIVE = RetryPolicy(attempts=2)
"""The policy for commands that a user waits for: only two attempts, because the user can repeat the command."""

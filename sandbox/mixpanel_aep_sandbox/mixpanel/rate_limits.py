"""Rate limits per hour, minute and second and for concurrent requests, counted separately for each API."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from mixpanel_aep_sandbox.core.state import SandboxState
from mixpanel_aep_sandbox.mixpanel.errors import MixpanelError
from mixpanel_aep_sandbox.mixpanel.settings import Limits

_HOUR_SECONDS = 3600
_BUSY_SECONDS = 10
Pool = Literal["export", "query", "lexicon"]
"""The APIs with rate limits. Requests to one of them do not count against the limits of the others."""


class _Start(NamedTuple):
    """When a request started.

    Attributes:
        at: in epoch seconds of the sandbox's clock.
        real: in seconds of the monotonic clock, which cannot be frozen.
    """

    at: float
    real: float


@dataclass
class _Usage:
    """The requests that started in the last hour, oldest first, and the number of requests that still run."""

    started: deque[_Start] = field(default_factory=deque)
    running: int = 0


@dataclass(frozen=True)
class _ExceededLimit:
    """The limit that a request exceeds, with the allowed and the current number of requests."""

    seconds: int
    """Length of the limit's time window; 0 for the limit of concurrent requests."""
    allowed: int
    used: int
    wait: int
    """Seconds after which the client should retry."""


class Limiter:
    """Counts the requests to each API, and rejects those above a limit. Rejected requests do not count.

    The counts are in memory, and windows of time are those of the sandbox's clock. While that clock is frozen, the
    limit per second uses real seconds; otherwise a client that waits as requested would always be rejected.
    """

    def __init__(self, state: SandboxState) -> None:
        self._clock = state.clock
        self._lock = threading.Lock()
        self._usages: dict[tuple[Pool, int], _Usage] = {}

    def enter(self, pool: Pool, key: int, limits: Limits, *, counts: bool = True) -> Callable[[], None]:
        """Count the start of a request, and return a function that the caller must call at the end of the request.

        Args:
            pool: the API.
            key: the id of the project, or of the organisation for ``lexicon``.
            limits: the limits of the project for this API.
            counts: False for requests to which only the limit of concurrent requests applies.

        Raises:
            MixpanelError: 429 if a limit is exceeded.
        """
        with self._lock:
            now, real = self._clock.seconds(), time.monotonic()
            usage = self._usages.setdefault((pool, key), _Usage())
            # Starts in the future are removed as well: a clock that was set back must not block a project for years.
            while usage.started and not 0 <= now - usage.started[0].at < _HOUR_SECONDS:
                usage.started.popleft()
            exceeded = _find_exceeded_limit(limits, usage, now, real, counts) if limits.enabled else None
            if exceeded:
                raise _limit_error(pool, key, limits, usage, exceeded)
            if counts:
                usage.started.append(_Start(now, real))
            usage.running += 1
        return lambda: self._leave(usage)

    def delete_project(self, project_id: int) -> None:
        """Delete a project's counts, except those of Lexicon, which are the organisation's."""
        with self._lock:
            self._usages.pop(("export", project_id), None)
            self._usages.pop(("query", project_id), None)

    def clear(self) -> None:
        """Delete the counts of all projects and organisations."""
        with self._lock:
            self._usages.clear()

    def _leave(self, usage: _Usage) -> None:
        with self._lock:
            usage.running -= 1


def _find_exceeded_limit(
    limits: Limits, usage: _Usage, now: float, real: float, counts: bool
) -> _ExceededLimit | None:
    if limits.concurrent is not None and usage.running >= limits.concurrent:
        return _ExceededLimit(0, limits.concurrent, usage.running, _BUSY_SECONDS)
    windows = ((1, limits.per_second), (60, limits.per_minute), (_HOUR_SECONDS, limits.per_hour))
    for seconds, allowed in windows if counts else ():
        inside = [
            s for s in usage.started if now - s.at < seconds and (seconds > 1 or _is_current(s, now, real))
        ]
        if allowed is not None and len(inside) >= allowed:
            wait = int(inside[-allowed].at + seconds - now) + 1 if allowed else seconds
            return _ExceededLimit(seconds, allowed, len(inside), 1 if seconds == 1 else wait)
    return None


def _is_current(start: _Start, now: float, real: float) -> bool:
    """Return whether a request that started in the last second of the sandbox's clock counts for the limit per second.

    If the clock has not moved since then because it is frozen, the real time since the start decides.
    """
    return real - start.real < 1 or now != start.at


def _limit_error(
    pool: Pool, key: int, limits: Limits, usage: _Usage, exceeded: _ExceededLimit
) -> MixpanelError:
    """Return the error (429) for a request above a limit, with the text of the API."""
    hourly = exceeded.used + 1 if exceeded.seconds == _HOUR_SECONDS else len(usage.started)
    running = usage.running + 1 if not exceeded.seconds else usage.running
    headers = _headers(limits, usage, exceeded)
    if pool == "export" and exceeded.seconds != _HOUR_SECONDS:
        return MixpanelError(429, "too many export requests in progress for this project", headers=headers)
    error = (
        f"Query rate limit exceeded for project_id: {key}. {running}/{limits.concurrent} queries"
        f" running concurrently and {hourly}/{limits.per_hour} queries running in the last hour."
    )
    if pool == "lexicon":
        # This text is not documented [I].
        error = (
            f"Rate limit exceeded: {exceeded.used + 1}/{exceeded.allowed} requests in the last"
            f" {exceeded.seconds} seconds."
        )
    return MixpanelError(429, error, echo=True, headers=headers)


def _headers(limits: Limits, usage: _Usage, exceeded: _ExceededLimit) -> dict[str, str]:
    """Return the enabled headers of a 429 response: Retry-After, RateLimit-Policy and RateLimit.

    The last two have the names and units that Mixpanel's own client expects.
    """
    headers = {"Retry-After": str(exceeded.wait)} if limits.retry_after else {}
    if not limits.rate_limit_headers:
        return headers
    window = exceeded.seconds or (_HOUR_SECONDS if limits.per_hour is not None else 60)
    quota = exceeded.allowed if exceeded.seconds else limits.per_hour if limits.per_hour is not None else 0
    left = 0 if exceeded.seconds else max(0, quota - len(usage.started))
    policy, state = [f'"project";q={quota};w={window}'], [f'"project";r={left}']
    if exceeded.seconds:
        state[0] += f";t={exceeded.wait}"
    if limits.concurrent is not None:
        policy.append(f'"project-concurrency";q={limits.concurrent};qu="concurrent-requests"')
        free = max(0, limits.concurrent - usage.running)
        state.append(f'"project-concurrency";r={free}' + ("" if exceeded.seconds else f";t={exceeded.wait}"))
    return headers | {"RateLimit-Policy": ", ".join(policy), "RateLimit": ", ".join(state)}

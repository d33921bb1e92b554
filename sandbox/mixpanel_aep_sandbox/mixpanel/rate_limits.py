"""Rate limits: requests in an hour, a minute, a second, and at a time; separately for each service."""

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


class _Start(NamedTuple):
    at: float
    real: float


@dataclass
class _Use:
    started: deque[_Start] = field(default_factory=deque)
    running: int = 0


@dataclass(frozen=True)
class _Trip:
    """The limit that was exceeded, and when to retry."""

    seconds: int
    """The window's length; 0: too many at a time."""
    allowed: int
    used: int
    wait: int


class Limiter:
    """Rate limits, counted in memory by the sandbox's clock. Rejected requests do not count.

    While the clock is frozen, "a second" is a real one: otherwise a client that waits as requested would never be
    admitted.
    """

    def __init__(self, state: SandboxState) -> None:
        self._clock = state.clock
        self._lock = threading.Lock()
        self._uses: dict[tuple[Pool, int], _Use] = {}

    def enter(self, pool: Pool, key: int, limits: Limits, *, counts: bool = True) -> Callable[[], None]:
        """Count a request of a project (Lexicon: of an organisation); call the returned function at its end.

        ``counts``: False for requests that are only limited in number at a time. Raises MixpanelError (429).
        """
        with self._lock:
            now, real = self._clock.seconds(), time.monotonic()
            use = self._uses.setdefault((pool, key), _Use())
            # A clock that was set back must not lock a project for years.
            while use.started and not 0 <= now - use.started[0].at < _HOUR_SECONDS:
                use.started.popleft()
            trip = _exceeded_limit(limits, use, now, real, counts) if limits.enabled else None
            if trip:
                raise _too_many(pool, key, limits, use, trip)
            if counts:
                use.started.append(_Start(now, real))
            use.running += 1
        return lambda: self._leave(use)

    def forget(self, project_id: int) -> None:
        """Forget a project's counts, except Lexicon's, which belong to an organisation."""
        with self._lock:
            self._uses.pop(("export", project_id), None)
            self._uses.pop(("query", project_id), None)

    def clear(self) -> None:
        """Forget all counts."""
        with self._lock:
            self._uses.clear()

    def _leave(self, use: _Use) -> None:
        with self._lock:
            use.running -= 1


def _exceeded_limit(limits: Limits, use: _Use, now: float, real: float, counts: bool) -> _Trip | None:
    if limits.concurrent is not None and use.running >= limits.concurrent:
        return _Trip(0, limits.concurrent, use.running, _BUSY_SECONDS)
    windows = ((1, limits.per_second), (60, limits.per_minute), (_HOUR_SECONDS, limits.per_hour))
    for seconds, allowed in windows if counts else ():
        inside = [
            s for s in use.started if now - s.at < seconds and (seconds > 1 or _is_current(s, now, real))
        ]
        if allowed is not None and len(inside) >= allowed:
            wait = int(inside[-allowed].at + seconds - now) + 1 if allowed else seconds
            return _Trip(seconds, allowed, len(inside), 1 if seconds == 1 else wait)
    return None


def _is_current(start: _Start, now: float, real: float) -> bool:
    return real - start.real < 1 or now != start.at


def _too_many(pool: Pool, key: int, limits: Limits, use: _Use, trip: _Trip) -> MixpanelError:
    hourly = trip.used + 1 if trip.seconds == _HOUR_SECONDS else len(use.started)
    running = use.running + 1 if not trip.seconds else use.running
    if pool == "export" and trip.seconds != _HOUR_SECONDS:
        return MixpanelError(
            429, "too many export requests in progress for this project", headers=_headers(limits, use, trip)
        )
    error = (
        f"Query rate limit exceeded for project_id: {key}. {running}/{limits.concurrent} queries"
        f" running concurrently and {hourly}/{limits.per_hour} queries running in the last hour."
    )
    if pool == "lexicon":
        # The text is not documented [I].
        error = f"Rate limit exceeded: {trip.used + 1}/{trip.allowed} requests in the last {trip.seconds} seconds."
    return MixpanelError(429, error, echo=True, headers=_headers(limits, use, trip))


def _headers(limits: Limits, use: _Use, trip: _Trip) -> dict[str, str]:
    """Return Retry-After, and the draft headers with the names and units that Mixpanel's own client expects."""
    headers = {"Retry-After": str(trip.wait)} if limits.retry_after else {}
    if not limits.rate_limit_headers:
        return headers
    window = trip.seconds or (_HOUR_SECONDS if limits.per_hour is not None else 60)
    quota = trip.allowed if trip.seconds else limits.per_hour if limits.per_hour is not None else 0
    left = 0 if trip.seconds else max(0, quota - len(use.started))
    policy, state = [f'"project";q={quota};w={window}'], [f'"project";r={left}']
    if trip.seconds:
        state[0] += f";t={trip.wait}"
    if limits.concurrent is not None:
        policy.append(f'"project-concurrency";q={limits.concurrent};qu="concurrent-requests"')
        free = max(0, limits.concurrent - use.running)
        state.append(f'"project-concurrency";r={free}' + ("" if trip.seconds else f";t={trip.wait}"))
    return headers | {"RateLimit-Policy": ", ".join(policy), "RateLimit": ", ".join(state)}

"""Mixpanel's export limits: 60 an hour, 3 a second, 100 at a time, for each project."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from include.sandbox.mixpanel.projects import Limits, Project
from include.sandbox.mixpanel.refusal import Refusal
from include.sandbox.world import World

_HOUR_SECONDS = 3600


class Limiter:
    """Counts by the sandbox's clock, in memory. What was refused does not count.

    While the clock is frozen, "a second" is a real one: in a second that never ends, a client that does as it is
    told and waits would never be let in.
    """

    def __init__(self, world: World) -> None:
        self._clock = world.clock
        self._lock = threading.Lock()
        self._started: dict[int, deque[tuple[float, float]]] = {}
        self._running: dict[int, int] = {}

    def enter(self, project: Project) -> Callable[[bool], None]:
        """Count one export; call the result at its end. Raises Refusal (429) when a limit is reached."""
        with self._lock:
            now, real = self._clock.seconds(), time.monotonic()
            started = self._started.setdefault(project.id, deque())
            # A clock that was set back must not leave a project locked for years.
            while started and not 0 <= now - started[0][0] < _HOUR_SECONDS:
                started.popleft()
            if project.limits.enabled:
                self._refuse(project, started, now, real)
            started.append((now, real))
            self._running[project.id] = self._running.get(project.id, 0) + 1
        return lambda _whole: self._leave(project.id)

    def clear(self) -> None:
        with self._lock:
            self._started.clear()

    def _refuse(self, project: Project, started: deque[tuple[float, float]], now: float, real: float) -> None:
        limits = project.limits
        running = self._running.get(project.id, 0)
        if running >= limits.concurrent:
            raise _too_many(limits, 5)
        second = sum(1 for at, real_at in started if now - at < 1 and (real - real_at < 1 or now != at))
        if second >= limits.per_second:
            raise _too_many(limits, 1)
        if len(started) >= limits.per_hour:
            error = (
                f"Query rate limit exceeded for project_id: {project.id}. {running}/{limits.concurrent} queries"
                f" running concurrently and {len(started) + 1}/{limits.per_hour} queries running in the last hour."
            )
            wait = int(started[0][0] + _HOUR_SECONDS - now) + 1
            raise Refusal(429, error, echo=True, headers=_headers(limits, wait))

    def _leave(self, project_id: int) -> None:
        with self._lock:
            self._running[project_id] -= 1


def _too_many(limits: Limits, wait_seconds: int) -> Refusal:
    error = "too many export requests in progress for this project"
    return Refusal(429, error, headers=_headers(limits, wait_seconds))


def _headers(limits: Limits, wait_seconds: int) -> dict[str, str]:
    return {"Retry-After": str(wait_seconds)} if limits.retry_after else {}

"""A clock that jumps from event to event, and processes that wait on it."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from include.clock import Clock
from include.errors import Throttled

Process = Iterator[float]
"""A process yields the seconds to wait until it continues, or PARKED."""
PARKED = math.inf


def _never_sleeps(seconds: float) -> None:
    """Hand a short wait back to the process, which must not stop the clock of the others."""
    raise Throttled("The budget requires a short wait.", wait_seconds=seconds)


@dataclass
class Engine:
    """The virtual clock, in seconds since the epoch, and the processes that will continue."""

    now: float
    current: Process = field(default_factory=lambda: iter(()))
    """The process that runs now."""
    _events: list[tuple[float, int, Process]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)

    @property
    def clock(self) -> Clock:
        """The virtual clock as the project's code takes it."""
        return Clock(seconds=lambda: self.now, sleep=_never_sleeps)

    def start(self, process: Process, after: float = 0.0) -> None:
        """Start a process, or continue it, in ``after`` seconds."""
        heapq.heappush(self._events, (self.now + after, next(self._numbers), process))

    def run(self, until: float) -> None:
        """Run all processes until a moment."""
        while self._events and self._events[0][0] <= until:
            self.now, _, process = heapq.heappop(self._events)
            self.current = process
            wait = next(process, None)
            if wait is not None and wait != PARKED:
                self.start(process, max(wait, 1e-3))
        self.now = until


@dataclass
class Slots:
    """A pool: at most ``free`` processes are inside at once; the others wait in order."""

    engine: Engine
    free: int
    _waiting: deque[Process] = field(default_factory=deque)

    def enter(self) -> Process:
        """Wait for a slot."""
        if self.free:
            self.free -= 1
            return
        self._waiting.append(self.engine.current)
        yield PARKED

    def leave(self) -> None:
        """Give the slot to the process that waits longest."""
        if self._waiting:
            self.engine.start(self._waiting.popleft())
        else:
            self.free += 1

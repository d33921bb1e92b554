"""The clock that functions get as an argument, so that tests can control the time and need not wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Clock:
    """A source of the current time, and a function that waits; by default those of the operating system."""

    seconds: Callable[[], float] = time.time
    """Returns the current time in seconds since the epoch."""
    sleep: Callable[[float], None] = time.sleep
    """Waits for a number of seconds."""

    def now(self) -> datetime:
        """Return the current time as a ``datetime`` in UTC."""
        return datetime.fromtimestamp(self.seconds(), UTC)


SYSTEM_CLOCK = Clock()

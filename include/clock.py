"""The clock that functions get as an argument instead of reading the system time, so that tests can control it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Clock:
    """A source of the current time, with a function that waits. By default, both are those of the operating system."""

    seconds: Callable[[], float] = time.time
    """Returns the current time in seconds since the epoch."""
    sleep: Callable[[float], None] = time.sleep
    """Waits for a number of seconds."""

    def now(self) -> datetime:
        """Return the current time as a ``datetime`` in UTC."""
        return datetime.fromtimestamp(self.seconds(), UTC)


SYSTEM_CLOCK = Clock()

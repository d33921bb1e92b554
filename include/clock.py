"""The clock that callers pass in: code of the data plane never reads the system time itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Clock:
    """Wall-clock seconds since the epoch, and a sleep function."""

    seconds: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    def now(self) -> datetime:
        """Return the current instant, in UTC."""
        return datetime.fromtimestamp(self.seconds(), UTC)


SYSTEM_CLOCK = Clock()

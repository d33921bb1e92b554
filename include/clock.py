"""Time is passed in: nothing in the data plane asks the system what time it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Clock:
    """Wall-clock seconds since the epoch, and a way to wait."""

    seconds: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    def now(self) -> datetime:
        """The current instant, in UTC."""
        return datetime.fromtimestamp(self.seconds(), UTC)


SYSTEM_CLOCK = Clock()

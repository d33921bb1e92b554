"""A clock for tests whose time passes only while a test or the code under test sleeps."""

from __future__ import annotations

from dataclasses import dataclass, field

from include.clock import Clock


@dataclass
class FakeClock:
    """``at``: the current time, in epoch seconds; ``slept``: the seconds of every sleep, in order."""

    at: float = 1_782_907_200.0  # 2026-07-01T12:00:00Z
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds

    @property
    def clock(self) -> Clock:
        return Clock(seconds=lambda: self.at, sleep=self.sleep)

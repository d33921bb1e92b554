"""Mixpanel's export budget, 60 an hour and 3 a second per project, shared by all tasks through the lake."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from include.clock import SYSTEM_CLOCK, Clock
from include.errors import Throttled
from include.lake.lake import Lake

_NUMBERED = re.compile(r"/(\d{9,18})\.json$")
_WINDOWS = ((60, 3600.0), (3, 1.0))  # (requests, seconds); facts: docs.mixpanel.com/reference/rate-limits
_CLOCKS_DIFFER_SECONDS = 60.0


@dataclass(frozen=True)
class ExportBudget:
    """Numbered tickets, one per request. Ticket n is usable once ticket n-60 is an hour old and ticket n-3 a second old."""

    lake: Lake
    project_id: int
    clock: Clock = SYSTEM_CLOCK
    patience_seconds: float = 30.0

    def acquire(self) -> None:
        """Take a ticket, waiting for at most ``patience_seconds``.

        Raises:
            Throttled: the budget is exhausted for longer than that; no request was sent to Mixpanel.
        """
        while True:
            wait, number = self._next()
            if wait > self.patience_seconds:
                raise Throttled(
                    f"Mixpanel project {self.project_id} has used its 60 exports for this hour.",
                    f"The next export is possible in {wait / 60:.0f} minutes. The task continues automatically then.",
                    wait_seconds=wait,
                )
            if wait > 0:
                self.clock.sleep(wait)
            if self.lake.create(self._key(number), json.dumps({"at": self.clock.seconds()}).encode()):
                return

    def newest(self, known: int = 0) -> int:
        """Return the number of the newest ticket, or 0 without tickets. ``known``: the number of an existing ticket.

        It lists no folder: tickets are consecutive, so about thirty lookups find the last of a million.
        """
        step, last = 1, known
        while self.lake.has(self._key(last + step)):
            last += step
            step *= 2
        while step > 1:
            step //= 2
            if self.lake.has(self._key(last + step)):
                last += step
        return last

    def used(self, newest: int) -> int:
        """Return the number of exports in the last hour, at most 60. ``newest``: the number of the newest ticket."""
        (most, window), *_ = _WINDOWS
        numbers = range(max(1, newest - most + 1), newest + 1)
        since = self.clock.seconds() - window
        first = bisect_left(numbers, since, key=self._used_at)
        return len(numbers) - first

    def _next(self) -> tuple[float, int]:
        numbers = sorted(self._numbers())
        number = numbers[-1] + 1 if numbers else 1
        waits = [
            self._used_at(number - count) + seconds - self.clock.seconds() for count, seconds in _WINDOWS
        ]
        return max(0.0, *waits), number

    def _used_at(self, number: int) -> float:
        """Return when a ticket was taken, in seconds; 0 for one that is unreadable or far in the future.

        Such a ticket must not block exports: Mixpanel itself rejects excess requests, but nothing would end the wait.
        """
        body = self.lake.read(self._key(number)) if number > 0 else None
        try:
            at = float(json.loads(body)["at"]) if body else 0.0
        except (ValueError, TypeError, KeyError):
            return 0.0
        return at if at <= self.clock.seconds() + _CLOCKS_DIFFER_SECONDS else 0.0

    def _numbers(self) -> Iterator[int]:
        for key in self.lake.keys(f"_budget/mixpanel-{self.project_id}"):
            if number := _NUMBERED.search(key):
                yield int(number[1])

    def _key(self, number: int) -> str:
        return f"_budget/mixpanel-{self.project_id}/{number:09d}.json"

"""How long to wait before the next attempt."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tenacity import RetryCallState, wait_exponential, wait_random

SHORTEST_SECONDS = 1.0  # a Retry-After of 0 must not become a busy loop
_LONGEST_RETRY_AFTER = 64  # characters; an HTTP date has 29
LONGEST_DEFERRAL_SECONDS = 3600.0  # the longest window that Mixpanel counts in is an hour

# "Backoff from 2 s doubling to 60 s plus 1-5 s jitter": docs.mixpanel.com/reference/import-events
BACK_OFF = wait_exponential(multiplier=2, max=60) + wait_random(1, 5)


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """What a Retry-After header asks for, in seconds from ``now``; None when it is absent or no such thing.

    Both forms of RFC 9110 section 10.2.3 are read: seconds, and an HTTP date (a past one means 0).
    """
    text = (header or "").strip()
    if len(text) > _LONGEST_RETRY_AFTER:
        return None
    if re.fullmatch(r"[0-9]+", text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # no date, or one that no calendar holds
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def deferral_seconds(asked: float | None) -> float:
    """How long a task should be put off: as asked, but neither a moment nor a year."""
    if asked is None or math.isnan(asked):
        return 60.0
    return min(max(asked, SHORTEST_SECONDS), LONGEST_DEFERRAL_SECONDS)


def next_wait(state: RetryCallState, asked: float | None) -> float:
    """The wait before the next attempt: what the service asked for, else exponential with jitter."""
    return BACK_OFF(state) if asked is None else max(asked, SHORTEST_SECONDS)

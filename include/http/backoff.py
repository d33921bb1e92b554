"""Computes how long to wait before an HTTP request is retried, and parses the Retry-After header."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tenacity import RetryCallState, wait_exponential, wait_random

SHORTEST_SECONDS = 1.0  # a Retry-After of 0 must not cause a busy loop
_LONGEST_RETRY_AFTER = 64  # characters; an HTTP date has 29
LONGEST_DEFERRAL_SECONDS = 3600.0  # Mixpanel's longest rate limit is for an hour

# "Backoff from 2 s doubling to 60 s plus 1-5 s jitter": docs.mixpanel.com/reference/import-events
BACK_OFF = wait_exponential(multiplier=2, max=60) + wait_random(1, 5)


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """Return the delay that a Retry-After header requests, in seconds from ``now``; None if it is missing or invalid.

    It may contain a number of seconds or an HTTP date (RFC 9110 section 10.2.3); for a date in the past, the delay is
    0.
    """
    text = (header or "").strip()
    if len(text) > _LONGEST_RETRY_AFTER:
        return None
    if re.fullmatch(r"[0-9]+", text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # not a date, or a date outside the calendar
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def deferral_seconds(requested: float | None) -> float:
    """Return for how many seconds a task is deferred: ``requested``, but from 1 s to 1 h; 60 s for None and NaN."""
    if requested is None or math.isnan(requested):
        return 60.0
    return min(max(requested, SHORTEST_SECONDS), LONGEST_DEFERRAL_SECONDS)


def next_wait(state: RetryCallState, requested: float | None) -> float:
    """Return for how many seconds to wait before the next attempt of a request.

    ``requested``: the delay of a Retry-After header in seconds, of which at least 1 s is used. None: an exponentially
    growing time with jitter.
    """
    return BACK_OFF(state) if requested is None else max(requested, SHORTEST_SECONDS)

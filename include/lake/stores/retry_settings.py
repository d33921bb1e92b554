"""How long a lake's client repeats requests to a store that responds with 5xx, drops connections or is unreachable."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from include.errors import ConfigError

if TYPE_CHECKING:
    from obstore.store import RetryConfig

PATIENCE_VARIABLE = "MIXPANEL_AEP_LAKE_PATIENCE_SECONDS"
PATIENCE_SECONDS = 180.0
"""S3 may respond with 503 Slow Down for a minute or two while it scales a prefix. A failed task costs a try."""
INTERACTIVE_SECONDS = 5.0
"""For interactive callers, who can retry themselves."""
_LONGEST_SECONDS = 240.0
"""A repeated request is not signed again, and a signature is valid for five minutes."""
_MOST_RETRIES = 1000


def patience_seconds(environment: Mapping[str, str] | None = None) -> float:
    """Return ``MIXPANEL_AEP_LAKE_PATIENCE_SECONDS``, or ``PATIENCE_SECONDS`` where it is not set.

    Raises:
        ConfigError: the value is not a number of seconds between 1 and 240.
    """
    text = (os.environ if environment is None else environment).get(PATIENCE_VARIABLE, "")
    if not text:
        return PATIENCE_SECONDS
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= _LONGEST_SECONDS:
        raise ConfigError(
            f"{PATIENCE_VARIABLE} is not a number of seconds between 1 and {_LONGEST_SECONDS:g}.",
            f"Correct the variable, or remove it; the default is {PATIENCE_SECONDS:g} seconds.",
        )
    return seconds


def retry_config(seconds: float) -> RetryConfig:
    """Return obstore's ``retry_config``: repeat for ``seconds`` after the first request, with pauses of at most 10 s."""
    return {
        "max_retries": _MOST_RETRIES,  # the time is the limit
        "backoff": {
            "init_backoff": timedelta(milliseconds=200),
            "max_backoff": timedelta(seconds=10),
            "base": 2,
        },
        "retry_timeout": timedelta(seconds=seconds),
    }

"""How long a lake's client repeats requests to a store that responds with 5xx, drops connections or is unreachable."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from include.errors import ConfigError

if TYPE_CHECKING:
    from obstore.store import RetryConfig

RETRY_SECONDS_VARIABLE = "MIXPANEL_AEP_LAKE_PATIENCE_SECONDS"
DEFAULT_RETRY_SECONDS = 180.0
"""S3 may respond with 503 Slow Down for a minute or two while it scales a prefix, and a failed task uses up a retry."""
INTERACTIVE_RETRY_SECONDS = 5.0
"""The time for commands and pages, whose users can retry themselves."""
_MAX_SECONDS = 240.0
"""A repeated request is not signed again, and a signature is valid for five minutes."""
_MAX_RETRIES = 1000


def configured_retry_seconds(environment: Mapping[str, str] | None = None) -> float:
    """Return for how many seconds tasks repeat requests to the store while it is unavailable.

    The environment variable ``MIXPANEL_AEP_LAKE_PATIENCE_SECONDS`` sets it; the default is ``DEFAULT_RETRY_SECONDS``.

    Args:
        environment: the environment variables; by default those of this process.

    Raises:
        ConfigError: the variable is not a number between 1 and 240.
    """
    text = (os.environ if environment is None else environment).get(RETRY_SECONDS_VARIABLE, "")
    if not text:
        return DEFAULT_RETRY_SECONDS
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= _MAX_SECONDS:
        raise ConfigError(
            f"{RETRY_SECONDS_VARIABLE} is not a number of seconds between 1 and {_MAX_SECONDS:g}.",
            f"Correct the variable, or remove it; the default is {DEFAULT_RETRY_SECONDS:g} seconds.",
        )
    return seconds


def retry_config(seconds: float) -> RetryConfig:
    """Return obstore's ``retry_config`` for repeating a request for ``seconds``, with pauses of 0.2 to 10 seconds."""
    return {
        "max_retries": _MAX_RETRIES,  # never reached: retry_timeout is the limit
        "backoff": {
            "init_backoff": timedelta(milliseconds=200),
            "max_backoff": timedelta(seconds=10),
            "base": 2,
        },
        "retry_timeout": timedelta(seconds=seconds),
    }

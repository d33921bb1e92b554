"""Parsing of the points in time that clients send to the control plane."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator

_SECONDS_BELOW = 10_000_000_000
"""A smaller number is in epoch seconds, a larger one in epoch milliseconds."""
_EARLIEST, _LATEST = -62_135_596_800_000, 253_402_300_799_999
"""Epoch milliseconds of the years 1 and 9999, the range of Python's datetime."""


def to_milliseconds(value: object) -> int:
    """Convert an ISO 8601 text, epoch seconds or epoch milliseconds to epoch milliseconds.

    A text without a UTC offset is in UTC. Numbers below 10,000,000,000 are seconds.

    Raises:
        ValueError: The value has another form, or is outside of the years 1 to 9999.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError("a time must be an ISO text, epoch seconds or milliseconds")  # noqa: TRY004 - pydantic's way
    if isinstance(value, str):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        milliseconds = moment.timestamp() * 1000
    else:
        milliseconds = value * 1000 if abs(value) < _SECONDS_BELOW else value
    if not _EARLIEST <= milliseconds <= _LATEST:  # NaN fails this comparison as well
        raise ValueError("a time must be in the years 1 to 9999")
    return round(milliseconds)


Moment = Annotated[int, BeforeValidator(to_milliseconds)]
"""Field type of pydantic models: a point in time in epoch milliseconds, parsed by :func:`to_milliseconds`."""

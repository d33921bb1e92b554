"""Points in time as people write them to the control plane."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator

_SECONDS_BELOW = 10_000_000_000


def to_milliseconds(value: Any) -> int:
    """Epoch milliseconds from an ISO text (UTC unless it says otherwise), epoch seconds or milliseconds.

    Raises:
        ValueError: It is none of these.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError("a time is an ISO text, or epoch seconds or milliseconds")  # noqa: TRY004 - pydantic's way
    if isinstance(value, str):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return round(moment.timestamp() * 1000)
    return round(value * 1000) if abs(value) < _SECONDS_BELOW else int(value)


Moment = Annotated[int, BeforeValidator(to_milliseconds)]
"""Epoch milliseconds; anything that :func:`to_milliseconds` understands is taken."""

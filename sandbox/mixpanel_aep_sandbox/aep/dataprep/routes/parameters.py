"""Query parameters of the routes of Data Prep."""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.http import Call

_LARGEST = 2**31 - 1


def number(call: Call, name: str) -> int | None:
    """Return a non-negative 32-bit integer, or None if it is missing. Raises Problem 400."""
    text = call.request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= _LARGEST):
        raise problem(400, f"{name} is a number from 0 to {_LARGEST}.")
    return int(text)


def flag(call: Call, name: str) -> bool:
    """Return a boolean; false if it is missing. Raises Problem 400."""
    text = call.query(name, "false").lower()
    if text not in ("true", "false"):
        raise problem(400, f"{name} is true or false.")
    return text == "true"

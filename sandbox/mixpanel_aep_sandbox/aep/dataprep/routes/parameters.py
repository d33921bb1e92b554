"""Parsing of query parameters of Data Prep's routes."""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.http import Call

_LARGEST = 2**31 - 1


def number(call: Call, name: str) -> int | None:
    """Return a query parameter as an integer from 0 to 2^31 - 1; None if it is missing. Raises Problem 400."""
    text = call.request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= _LARGEST):
        raise problem(400, f"{name} must be a number from 0 to {_LARGEST}.")
    return int(text)


def flag(call: Call, name: str) -> bool:
    """Return a query parameter as a boolean; False if it is missing. Raises Problem 400."""
    text = call.query(name, "false").lower()
    if text not in ("true", "false"):
        raise problem(400, f"{name} must be true or false.")
    return text == "true"

"""Metadata of dataclass fields that restrict the values of a setting, and the check of a value against them."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Final, TypeVar

T = TypeVar("T")

KIND: Final = "aep/settings"
"""The store's kind of the documents with changed settings."""
SECONDS: Final = {"is": (int, float)}
COUNT: Final = {"is": (int,)}
LIMIT: Final = {"is": (int, type(None))}
SWITCH: Final = {"is": (bool,)}
LIST: Final = {"is": (list,)}
"""Metadata of settings whose value is a non-empty list of texts."""
_MOST = 10**15


def choice(*values: T) -> T:
    """Return the dataclass field of a setting that accepts only these values; the first value is the default."""
    chosen: T = field(default=values[0], metadata={"choices": values})
    return chosen


def is_amount(value: float) -> bool:
    """Return whether a number is from 0 to 10^15, a range in which sums of times and sizes cannot overflow."""
    return 0 <= value <= _MOST


def fits(holder: type[Any], name: str, value: object) -> bool:
    """Return whether a setting accepts a value.

    Args:
        holder: The dataclass of the settings.
        name: The name of the setting.
        value: The value.
    """
    rules = holder.__dataclass_fields__[name].metadata
    if "choices" in rules:
        return any(value == each and type(value) is type(each) for each in rules["choices"])
    if type(value) not in rules["is"]:
        return False
    if isinstance(value, list):
        return bool(value) and all(isinstance(part, str) and part for part in value)
    return value is None or isinstance(value, bool) or (isinstance(value, float | int) and is_amount(value))

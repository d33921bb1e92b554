"""What the fields of the classes of settings say about the values that they may have."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Final

KIND: Final = "aep/settings"
"""What settings are kept as."""
SECONDS: Final = {"is": (int, float)}
COUNT: Final = {"is": (int,)}
LIMIT: Final = {"is": (int, type(None))}
SWITCH: Final = {"is": (bool,)}
LIST: Final = {"is": (list,)}
"""Of texts."""
_MOST = 10**15


def choice(*values: Any) -> Any:
    """A field with these values, of which the first is the default."""
    return field(default=values[0], metadata={"choices": values})


def is_amount(value: float) -> bool:
    """Not negative, and small enough to reckon with."""
    return 0 <= value <= _MOST


def fits(holder: type[Any], name: str, value: Any) -> bool:
    """Whether the setting ``name`` of a class of settings may have this value."""
    rules = holder.__dataclass_fields__[name].metadata
    if "choices" in rules:
        return any(value == each and type(value) is type(each) for each in rules["choices"])
    if type(value) not in rules["is"]:
        return False
    if isinstance(value, list):
        return bool(value) and all(isinstance(part, str) and part for part in value)
    return value is None or isinstance(value, bool) or is_amount(value)

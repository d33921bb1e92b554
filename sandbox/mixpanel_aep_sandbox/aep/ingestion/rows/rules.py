"""What a row is held against: its schema, and whether one of its identities has to be primary."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

IDENTITY_MAP = "identityMap"


@dataclass(frozen=True)
class RowRules:
    """What the rows of a dataset are held against."""

    schema: dict[str, Any]
    """Resolved, the primary identity among the required fields."""
    primary_in_map: bool = False
    """One identity of ``identityMap`` has to be primary."""


def has_primary(identities: Any) -> bool:
    """Whether an ``identityMap`` has an identity that is primary."""
    lists: Iterable[Any] = identities.values() if isinstance(identities, dict) else ()
    return any(isinstance(each, dict) and each.get("primary") is True for held in lists for each in held)

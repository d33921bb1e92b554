"""Rules for a row: its schema, and whether one of its identities must be primary."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mixpanel_aep_sandbox.core.json_types import JsonObject

IDENTITY_MAP = "identityMap"


@dataclass(frozen=True)
class RowRules:
    """The rules for the rows of a dataset."""

    schema: JsonObject
    """The resolved schema, with the primary identity among the required fields."""
    primary_in_map: bool = False
    """One identity of ``identityMap`` must be primary."""


def has_primary(identities: object) -> bool:
    """Return whether an ``identityMap`` has a primary identity."""
    lists: Iterable[list[object]] = identities.values() if isinstance(identities, dict) else ()
    return any(isinstance(each, dict) and each.get("primary") is True for held in lists for each in held)

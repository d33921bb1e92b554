"""Rules for a row: its schema, and whether one of its identities must be primary."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mixpanel_aep_sandbox.core.json_types import JsonObject

IDENTITY_MAP = "identityMap"


@dataclass(frozen=True)
class RowRules:
    """The rules that the rows of a dataset must satisfy: its schema, and whether each row needs a primary identity."""

    schema: JsonObject
    """The resolved schema; if a field must be the primary identity, the field is required in it."""
    primary_in_map: bool = False
    """Whether a row must have an ``identityMap`` with a primary identity."""


def has_primary(identities: object) -> bool:
    """Return whether the value of an ``identityMap`` contains an identity with ``primary: true``."""
    lists: Iterable[list[object]] = identities.values() if isinstance(identities, dict) else ()
    return any(isinstance(each, dict) and each.get("primary") is True for held in lists for each in held)

"""What a pipeline file says about identities: where each comes from, its namespace, and values that are placeholders."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

STANDARD_CODES = frozenset({"Email_LC_SHA256", "Phone_E.164", "Phone_SHA256", "Phone_SHA256_E.164"})
"""Adobe's own namespaces whose codes are not only letters and digits, as those of all others are."""
MOST_IDENTITIES = 20
"""Identities of one XDM record (EP:identity-service/guardrails.md, static limits)."""


def _code(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]+", value) and value not in STANDARD_CODES:
        raise ValueError(f"namespace code {value!r} may hold only letters and digits")
    return value


class IdentitySource(BaseModel):
    """One identity. ``value`` and ``authenticated_state`` may be expressions of the mapping language."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    namespace: Annotated[str, AfterValidator(_code)]
    value: str | None = None
    """None: the property after which the identity is named."""
    authenticated_state: str = "ambiguous"


def _as_source(value: Any) -> Any:
    return {"namespace": value} if isinstance(value, str) else value


Identities = Annotated[
    dict[str, Annotated[IdentitySource, BeforeValidator(_as_source)]],
    Field(min_length=1, max_length=MOST_IDENTITIES),
]
"""Identities by property or, where they have a ``value``, by any name; the first one that an event has is primary."""


class IdentityPlaceholders(BaseModel):
    """Which values are placeholders and not identities, in addition to what AEP refuses."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    defaults: bool = True
    """Whether the list that this project brings is used (docs/mapping.md)."""
    values: tuple[str, ...] = ()
    """Further placeholders, in any case."""
    allow: tuple[str, ...] = ()
    """Values that are identities although the list has them."""

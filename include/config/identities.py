"""Identity settings of a pipeline file: sources, namespaces and placeholder values."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

STANDARD_CODES = frozenset({"Email_LC_SHA256", "Phone_E.164", "Phone_SHA256", "Phone_SHA256_E.164"})
"""Adobe's standard namespaces whose codes contain more than letters and digits."""
MOST_IDENTITIES = 20
"""Identities in one XDM record (EP:identity-service/guardrails.md, static limits)."""


def _code(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]+", value) and value not in STANDARD_CODES:
        raise ValueError(f"namespace code {value!r} may contain only letters and digits")
    return value


class IdentitySource(BaseModel):
    """The namespace and the value of one identity; ``value`` and ``authenticated_state`` may be mapping expressions."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    namespace: Annotated[str, AfterValidator(_code)]
    value: str | None = None
    """None: the property that the identity is named after."""
    authenticated_state: str = "ambiguous"


def _as_source(value: object) -> object:
    return {"namespace": value} if isinstance(value, str) else value


Identities = Annotated[
    dict[str, Annotated[IdentitySource, BeforeValidator(_as_source)]],
    Field(min_length=1, max_length=MOST_IDENTITIES),
]
"""Identities by property, or by any name where ``value`` is set; the first identity of an event is primary."""


class IdentityPlaceholders(BaseModel):
    """Values that are placeholders and not identities, in addition to those that AEP refuses."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    defaults: bool = True
    """Whether the project's own list is used (docs/mapping.md)."""
    values: tuple[str, ...] = ()
    """Additional placeholders, case-insensitive."""
    allow: tuple[str, ...] = ()
    """Values that count as identities although they are in the list."""

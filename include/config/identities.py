"""The sections ``identities:`` and ``identity_placeholders:`` of a pipeline file."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

STANDARD_CODES = frozenset({"Email_LC_SHA256", "Phone_E.164", "Phone_SHA256", "Phone_SHA256_E.164"})
"""Adobe's standard namespaces whose codes contain more than letters and digits."""
MAX_IDENTITIES = 20
"""The most identities that AEP accepts in one XDM record (EP:identity-service/guardrails.md, static limits)."""


def _require_namespace_code(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]+", value) and value not in STANDARD_CODES:
        raise ValueError(f"namespace code {value!r} may contain only letters and digits")
    return value


class IdentitySource(BaseModel):
    """One identity of an event. ``value`` and ``authenticated_state`` may be expressions of the mapping language.

    ``namespace``: the code of AEP's identity namespace.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    namespace: Annotated[str, AfterValidator(_require_namespace_code)]
    value: str | None = None
    """None: the value is that of the Mixpanel property with the identity's name."""
    authenticated_state: str = "ambiguous"


def _as_source(value: object) -> object:
    return {"namespace": value} if isinstance(value, str) else value


Identities = Annotated[
    dict[str, Annotated[IdentitySource, BeforeValidator(_as_source)]],
    Field(min_length=1, max_length=MAX_IDENTITIES),
]
"""Identities by Mixpanel property, or by any name if ``value`` is set. The first one that an event has is primary."""


class IdentityPlaceholders(BaseModel):
    """Values that stand for a missing id, such as ``unknown``, and are not sent as identities."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    defaults: bool = True
    """Whether the list of this project is used (docs/mapping.md)."""
    values: tuple[str, ...] = ()
    """Additional placeholders, case-insensitive."""
    allow: tuple[str, ...] = ()
    """Values that are sent as identities although they are in the list of this project."""

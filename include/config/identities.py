"""The sections ``identities:`` and ``identity_placeholders:`` of a pipeline file."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

STANDARD_CODES = frozenset({"Email_LC_SHA256", "Phone_E.164", "Phone_SHA256", "Phone_SHA256_E.164"})
"""Adobe's standard namespaces whose codes contain more than letters and digits."""
MAX_IDENTITIES = 20
"""The maximum number of identities in one XDM record (EP:identity-service/guardrails.md, static limits)."""


def _require_namespace_code(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]+", value) and value not in STANDARD_CODES:
        raise ValueError(f"namespace code {value!r} may contain only letters and digits")
    return value


class IdentitySource(BaseModel):
    """An entry of ``identities:``: how one identity of each event is found, and its namespace in AEP.

    In the pipeline file, an entry that is only a text is the namespace.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    namespace: Annotated[str, AfterValidator(_require_namespace_code)]
    """The code of the identity namespace in AEP."""
    value: str | None = None
    """An expression of the mapping language for the id; None: the Mixpanel property with the name of the entry."""
    authenticated_state: str = "ambiguous"
    """XDM's ``authenticatedState`` of the identity, as a value or as an expression of the mapping language."""


def _as_source(value: object) -> object:
    return {"namespace": value} if isinstance(value, str) else value


Identities = Annotated[
    dict[str, Annotated[IdentitySource, BeforeValidator(_as_source)]],
    Field(min_length=1, max_length=MAX_IDENTITIES),
]
"""The section ``identities:``, by Mixpanel property, or by any name if ``value`` is set.

The first of them that an event has is its primary identity.
"""


class IdentityPlaceholders(BaseModel):
    """The section ``identity_placeholders:``, for ids that mean a missing id, such as ``unknown``.

    They are not sent to AEP as identities, because they would link the events of different people.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    defaults: bool = True
    """Whether the list of this project is used (docs/mapping.md)."""
    values: tuple[str, ...] = ()
    """Further placeholders, in addition to the list of this project, in upper or lower case."""
    allow: tuple[str, ...] = ()
    """Values that are sent as identities although they are in the list of this project."""

"""Settings of a Mixpanel project: regions, roles, rate limits, and behaviour that Mixpanel does not document."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

Region = Literal["us", "eu", "in"]
Role = Literal["owner", "admin", "analyst", "consumer", "no_export", "classified"]
"""A role in a project: Mixpanel's four default roles and two custom roles.

``no_export`` has no right to export; ``classified`` has access to classified data. Since April 2026, no default role
has this access, not even ``owner`` (Mixpanel's changelog).
"""
ROLES: tuple[Role, ...] = get_args(Role)
EDITORS: tuple[Role, ...] = ("owner", "admin", "analyst", "no_export", "classified")
"""Roles that may change annotations and schemas of a project."""
MANAGERS: tuple[Role, ...] = ("owner", "admin")
"""Roles that may manage a project and import events into it."""


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Limits(_Settings):
    """Rate limits of one API of a project; null means no limit. ``enabled`` switches all of these limits on or off."""

    enabled: bool = True
    per_hour: int | None = Field(default=None, ge=0)
    per_minute: int | None = Field(default=None, ge=0)
    per_second: int | None = Field(default=None, ge=0)
    concurrent: int | None = Field(default=None, ge=0)
    retry_after: bool = False
    """Whether a 429 response has the header Retry-After; users observed it, but it is not documented."""
    rate_limit_headers: bool = False
    """Whether a 429 response has the draft headers RateLimit-Policy and RateLimit, which Mixpanel's own tool reads."""


def export_limits() -> Limits:
    """Return the default limits of the raw export: 60 requests an hour, 3 a second, 100 concurrent."""
    return Limits(per_hour=60, per_second=3, concurrent=100)


def query_limits() -> Limits:
    """Return the default limits of the Query API: 60 requests an hour, 5 concurrent."""
    return Limits(per_hour=60, concurrent=5)


def lexicon_limits() -> Limits:
    """Return the default limit of Lexicon schemas: 5 requests a minute for all projects of an organisation."""
    return Limits(per_minute=5)


class Switches(_Settings):
    """Behaviour that the documentation leaves open or contradicts; every default is a guess [I]."""

    export_errors: Literal["json", "text"] = "json"
    """Form of the export host's errors: JSON, or only the sentence as text; both were observed."""
    where_time: Literal["stored", "utc"] = "stored"
    """``$time`` in ``where`` of a project_local project: the stored local time, or the true instant."""
    where_processing_ms: int = Field(default=1, ge=1, le=86_400_000)
    """Precision of ``mp_processing_time_ms`` in ``where``: 1000 for whole seconds."""
    max_export_days: int | None = Field(default=None, ge=1)
    """Maximum number of days of one export; longer ranges are 400."""
    visibility_delay_seconds: int = Field(default=0, ge=0, le=31_536_000)
    """Time from the processing of a row until exports return it: undocumented, 45 minutes were observed."""
    classified: Literal["forbidden", "reduced"] = "forbidden"
    """Export of classified data to an account without access: 403, or rows without these properties."""
    event_names_order: Literal["descending", "ascending", "count"] = "descending"
    """``events/names``: the reference says "descending alphabetical order"; its example has another order."""
    engage_page_size: Literal["ignored", "honoured"] = "ignored"
    """``page_size`` in a request for profiles: clients send it, the reference does not list it."""
    failed_record_key: Literal["$insert_id", "insert_id"] = "$insert_id"
    """Key of the ``$insert_id`` of a failed record in an import's response: the guide and the specification differ."""
    truncation: Literal["characters", "bytes"] = "characters"
    """Unit of the limit of 255 for texts: the documents say both."""
    schema_by_name: Literal["bare", "enveloped"] = "bare"
    """Response for one Lexicon schema: bare in the reference; all similar routes add status and results."""
    annotation_entry: Literal["with_project", "documented"] = "with_project"
    """Annotations of ``/api/app``: the reference has no ``project_id``, and Mixpanel's own client requires it."""

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
    """The rate limits of one API of a project; None means no limit. ``enabled`` switches all of them on or off."""

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
    """Settings of behaviour that the documentation does not describe, or describes in contradictory ways.

    Every default is an assumption [I].
    """

    export_errors: Literal["json", "text"] = "json"
    """Form of the export host's errors: JSON, or only the error text; users have observed both."""
    where_time: Literal["stored", "utc"] = "stored"
    """Value of ``$time`` in ``where`` for a project_local project: the stored local time, or the time in UTC."""
    where_processing_ms: int = Field(default=1, ge=1, le=86_400_000)
    """Precision of ``mp_processing_time_ms`` in ``where``, in milliseconds; 1000 means whole seconds."""
    max_export_days: int | None = Field(default=None, ge=1)
    """Maximum number of days of one export; longer ranges get status 400."""
    visibility_delay_seconds: int = Field(default=0, ge=0, le=31_536_000)
    """Time from the processing of an event until exports return it; undocumented, users have observed 45 minutes."""
    classified: Literal["forbidden", "reduced"] = "forbidden"
    """Response to an export by an account without access to classified data: 403, or rows without these properties."""
    event_names_order: Literal["descending", "ascending", "count"] = "descending"
    """Order of ``events/names``; the reference says "descending alphabetical order", but its example differs."""
    engage_page_size: Literal["ignored", "honoured"] = "ignored"
    """Effect of the parameter ``page_size`` in profile queries; clients send it, but the reference does not list it."""
    failed_record_key: Literal["$insert_id", "insert_id"] = "$insert_id"
    """Key for a failed record's ``$insert_id`` in an import's response; the guide and the specification differ."""
    truncation: Literal["characters", "bytes"] = "characters"
    """Unit of the limit of 255 for the length of texts; Mixpanel's documents contradict each other."""
    schema_by_name: Literal["bare", "enveloped"] = "bare"
    """Response for one Lexicon schema: bare as in the reference, or with status and results as on similar routes."""
    annotation_entry: Literal["with_project", "documented"] = "with_project"
    """Annotations in ``/api/app``: the reference has no ``project_id``, but Mixpanel's own client requires it."""

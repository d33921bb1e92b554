"""Settings of a Mixpanel project: its limits, its plan, and behaviour that Mixpanel's documentation leaves open."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

Region = Literal["us", "eu", "in"]
Role = Literal["owner", "admin", "analyst", "consumer", "no_export", "classified"]
"""Mixpanel's four roles, and two custom ones: without the right to export, and with access to classified data. Since
April 2026 no default role has that access, not even an owner's (Mixpanel's changelog)."""
ROLES: tuple[Role, ...] = get_args(Role)
EDITORS: tuple[Role, ...] = ("owner", "admin", "analyst", "no_export", "classified")
MANAGERS: tuple[Role, ...] = ("owner", "admin")


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Limits(_Settings):
    """Rate limits; null means no limit. ``enabled`` turns all of them on or off."""

    enabled: bool = True
    per_hour: int | None = Field(default=None, ge=0)
    per_minute: int | None = Field(default=None, ge=0)
    per_second: int | None = Field(default=None, ge=0)
    concurrent: int | None = Field(default=None, ge=0)
    retry_after: bool = False
    """Send Retry-After with a 429: observed in practice, not documented."""
    rate_limit_headers: bool = False
    """Send the draft headers RateLimit-Policy and RateLimit with a 429, as Mixpanel's own tool reads them."""


def export_limits() -> Limits:
    """Return the limits of the raw export: 60 an hour, 3 a second, 100 at a time."""
    return Limits(per_hour=60, per_second=3, concurrent=100)


def query_limits() -> Limits:
    """Return the limits of the Query API: 60 an hour, 5 at a time."""
    return Limits(per_hour=60, concurrent=5)


def lexicon_limits() -> Limits:
    """Return the limits of Lexicon schemas: 5 a minute, for the whole organisation."""
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

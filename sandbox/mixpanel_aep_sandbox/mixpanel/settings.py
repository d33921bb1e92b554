"""What can be set for a Mixpanel project: its limits, its plan, and what Mixpanel's documentation leaves open."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

Region = Literal["us", "eu", "in"]
Role = Literal["owner", "admin", "analyst", "consumer", "no_export", "classified"]
"""Mixpanel's four, and two custom roles: without the right to export, and with access to classified data.

Since April 2026 no default role has that access, not even an owner's (Mixpanel's changelog).
"""
ROLES: tuple[Role, ...] = get_args(Role)
EDITORS: tuple[Role, ...] = ("owner", "admin", "analyst", "no_export", "classified")
MANAGERS: tuple[Role, ...] = ("owner", "admin")


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Limits(_Settings):
    """How often something may be asked; null is no limit. Whether they hold at all: ``enabled``."""

    enabled: bool = True
    per_hour: int | None = Field(default=None, ge=0)
    per_minute: int | None = Field(default=None, ge=0)
    per_second: int | None = Field(default=None, ge=0)
    concurrent: int | None = Field(default=None, ge=0)
    retry_after: bool = False
    """Whether a 429 carries Retry-After: seen in the field, promised nowhere."""
    rate_limit_headers: bool = False
    """Whether a 429 carries the draft headers RateLimit-Policy and RateLimit, as Mixpanel's own tool reads them."""


def export_limits() -> Limits:
    """Raw export: 60 an hour, 3 a second, 100 at a time."""
    return Limits(per_hour=60, per_second=3, concurrent=100)


def query_limits() -> Limits:
    """Query API: 60 an hour, 5 at a time."""
    return Limits(per_hour=60, concurrent=5)


def lexicon_limits() -> Limits:
    """Lexicon schemas: 5 a minute, for the whole organisation."""
    return Limits(per_minute=5)


class Switches(_Settings):
    """What the documentation leaves open or tells in two ways; every default is a guess [I]."""

    export_errors: Literal["json", "text"] = "json"
    """Whether the export host's refusals are JSON, or the sentence alone as text: both were seen."""
    where_time: Literal["stored", "utc"] = "stored"
    """What ``$time`` is in ``where`` of a project_local project: the stored reading, or the true instant."""
    where_processing_ms: int = Field(default=1, ge=1, le=86_400_000)
    """How exact ``where`` sees ``mp_processing_time_ms``: 1000 for whole seconds."""
    max_export_days: int | None = Field(default=None, ge=1)
    """The longest range of one export; longer ones are 400."""
    visibility_delay_seconds: int = Field(default=0, ge=0, le=31_536_000)
    """How long after its processing a row comes into the export: Mixpanel promises nothing, 45 minutes were seen."""
    classified: Literal["forbidden", "reduced"] = "forbidden"
    """What an account without access to classified data gets of a project that has some: 403, or less properties."""
    event_names_order: Literal["descending", "ascending", "count"] = "descending"
    """``events/names``: the reference says "descending alphabetical order", and its example shows another one."""
    engage_page_size: Literal["ignored", "honoured"] = "ignored"
    """What becomes of ``page_size`` in a request for profiles: clients send it, the reference does not list it."""
    failed_record_key: Literal["$insert_id", "insert_id"] = "$insert_id"
    """What an import calls the ``$insert_id`` of a failed record: the guide and the specification differ."""
    truncation: Literal["characters", "bytes"] = "characters"
    """How the first 255 of a text are counted: the documents say both."""
    schema_by_name: Literal["bare", "enveloped"] = "bare"
    """One Lexicon schema: the reference shows the schema itself, all its neighbours show status and results."""
    annotation_entry: Literal["with_project", "documented"] = "with_project"
    """An annotation of ``/api/app``: the reference has no ``project_id``, and Mixpanel's own client demands one."""

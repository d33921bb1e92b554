"""Client of the sandbox for tests of Mixpanel code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import ClassVar

from mixpanel_aep_sandbox import demo_data as data
from mixpanel_aep_sandbox.client.control import Sandbox
from mixpanel_aep_sandbox.core.json_types import JsonObject

_FIRST_ID = 4_000_001
Event = Mapping[str, object]
"""An event to add: ``{"event": name, "properties": {...}}``.

The optional keys are ``at``, ``processed_at``, ``visible_at``, ``copies`` and ``line``; the description of
``POST /_sandbox/mixpanel/projects/{id}/events`` explains them.
"""


class MixpanelSandbox(Sandbox):
    """Client of the Mixpanel stand-in: the demo credentials as attributes, and methods that add and read events."""

    service: ClassVar[str | None] = "mixpanel"
    username: str = data.SERVICE_ACCOUNT
    secret: str = data.SERVICE_ACCOUNT_SECRET

    @property
    def auth(self) -> tuple[str, str]:
        """User name and secret of the demo service account, as HTTP libraries accept them for Basic authentication."""
        return self.username, self.secret

    @property
    def export_url(self) -> str:
        """URL of the raw event export."""
        return f"{self.url}/api/2.0/export"

    def add_project(self, project_id: int | None = None, *, limited: bool = False, **fields: object) -> int:
        """Create a project without events, and return its id. The demo service account is an admin of the project.

        ``project_id``: None means the next free id. ``limited``: apply Mixpanel's rate limits of 60 exports an hour and
        3 a second, 60 queries an hour, and 5 Lexicon schema requests a minute. ``fields``: ``timezone`` (IANA name),
        ``time_is`` (``utc`` or ``project_local``), ``region`` (``us``, ``eu`` or ``in``), ``name`` and all other fields
        of ``POST /_sandbox/mixpanel/projects``.
        """
        if project_id is None:
            used = [project["id"] for project in self.control("GET", "/mixpanel/projects")]
            project_id = max([*used, _FIRST_ID - 1]) + 1
        account = {"username": self.username, "secret": self.secret, "role": "admin"}
        limits = {name: {"enabled": limited} for name in ("limits", "query_limits", "lexicon_limits")}
        body = {"id": project_id, **limits, "accounts": [account], **fields}
        self.control("POST", "/mixpanel/projects", json=body)
        return project_id

    def token(self, project_id: int) -> str:
        """Return the project token, which SDKs send with every tracked event."""
        projects = self.control("GET", "/mixpanel/projects")
        return next(str(project["token"]) for project in projects if project["id"] == project_id)

    def add_account(
        self, username: str, secret: str, project_id: int, *, role: str = "analyst", **more: object
    ) -> None:
        """Add a service account to a project, or change its secret and role there.

        ``more``: ``expires`` (the point in time from which the account is invalid), ``bearer`` (an OAuth token).
        """
        account = {"username": username, "secret": secret, "role": role, **more}
        self.control("POST", "/mixpanel/projects", json={"id": project_id, "accounts": [account]})

    def add_events(self, project_id: int, *events: Event, lines: Iterable[str] = ()) -> int:
        """Add events to a project, and return the number of added rows.

        ``lines``: further events as exact lines of an export, each a JSON object.
        """
        body = {"events": events, "lines": list(lines)}
        return int(self.control("POST", f"/mixpanel/projects/{project_id}/events", json=body)["added"])

    def events(self, project_id: int, first: date | str, last: date | str | None = None) -> list[JsonObject]:
        """Return the events that an export from ``first`` to ``last`` (inclusive) would return at this time.

        ``last`` None means ``first``. This request does not count against the export's rate limits.
        """
        days = {"from_date": str(first), "to_date": str(last or first)}
        return list(self.lines(f"/mixpanel/projects/{project_id}/events", **days))

    def returned(self, project_id: int | None = None) -> list[str]:
        """Return the exact lines of all complete export responses, in the order sent; None means of all projects."""
        query = {} if project_id is None else {"project_id": project_id}
        return [str(each["line"]) for each in self.lines("/mixpanel/returned", **query)]

    def merge_identity(self, project_id: int, old: str, new: str, **more: object) -> None:
        """Merge two identities: exports from ``at`` on (default: now) replace ``distinct_id`` ``old`` by ``new``."""
        self.control(
            "POST", f"/mixpanel/projects/{project_id}/rewrites", json={"from": old, "to": new, **more}
        )

    def delete_events(self, project_id: int, **filters: object) -> None:
        """Delete the project's events that match all filters; exports from ``at`` on (default: now) omit them.

        Filters are ``events``, ``distinct_ids``, ``from_date``, ``to_date`` and all other fields of
        ``POST /_sandbox/mixpanel/projects/{id}/deletions``.
        """
        self.control("POST", f"/mixpanel/projects/{project_id}/deletions", json=filters)

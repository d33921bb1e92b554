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
"""``{"event": name, "properties": {...}}``; and ``at``, ``processed_at``, ``visible_at``, ``copies``, ``line``: see
``POST /_sandbox/mixpanel/projects/{id}/events``.
"""


class MixpanelSandbox(Sandbox):
    """Mixpanel: ready credentials, and helpers that add and read its data."""

    service: ClassVar[str | None] = "mixpanel"
    username: str = data.SERVICE_ACCOUNT
    secret: str = data.SERVICE_ACCOUNT_SECRET

    @property
    def auth(self) -> tuple[str, str]:
        """Return user name and secret of the demo service account, in the form that HTTP libraries accept."""
        return self.username, self.secret

    @property
    def export_url(self) -> str:
        """Return the address of the raw event export."""
        return f"{self.url}/api/2.0/export"

    def add_project(self, project_id: int | None = None, *, limited: bool = False, **fields: object) -> int:
        """Create a project without events and return the project's id; the demo account may export it.

        ``fields``: ``timezone`` (IANA), ``time_is`` (``utc``, ``project_local``), ``region`` (``us``, ``eu``,
        ``in``), ``name`` and all other fields of ``POST /_sandbox/mixpanel/projects``. ``limited``: with Mixpanel's
        limits of 60 exports an hour and 3 a second, 60 queries an hour, 5 requests for schemas a minute.
        """
        if project_id is None:
            taken = [project["id"] for project in self.control("GET", "/mixpanel/projects")]
            project_id = max([*taken, _FIRST_ID - 1]) + 1
        account = {"username": self.username, "secret": self.secret, "role": "admin"}
        limits = {name: {"enabled": limited} for name in ("limits", "query_limits", "lexicon_limits")}
        body = {"id": project_id, **limits, "accounts": [account], **fields}
        self.control("POST", "/mixpanel/projects", json=body)
        return project_id

    def token(self, project_id: int) -> str:
        """Return the token with which a project's clients track events, as SDKs use it."""
        projects = self.control("GET", "/mixpanel/projects")
        return next(str(project["token"]) for project in projects if project["id"] == project_id)

    def add_account(
        self, username: str, secret: str, project_id: int, *, role: str = "analyst", **more: object
    ) -> None:
        """Add a service account to a project; ``more``: ``expires`` (a point in time), ``bearer`` (a token)."""
        account = {"username": username, "secret": secret, "role": role, **more}
        self.control("POST", "/mixpanel/projects", json={"id": project_id, "accounts": [account]})

    def add_events(self, project_id: int, *events: Event, lines: Iterable[str] = ()) -> int:
        """Add events to a project and return their number. ``lines``: as Mixpanel exports them."""
        body = {"events": events, "lines": list(lines)}
        return int(self.control("POST", f"/mixpanel/projects/{project_id}/events", json=body)["added"])

    def events(self, project_id: int, first: date | str, last: date | str | None = None) -> list[JsonObject]:
        """Return what an export of these days (inclusive) would return now; it does not count as an export."""
        days = {"from_date": str(first), "to_date": str(last or first)}
        return list(self.lines(f"/mixpanel/projects/{project_id}/events", **days))

    def returned(self, project_id: int | None = None) -> list[str]:
        """Return the exact lines of all exports that the client received whole, in the order of sending."""
        query = {} if project_id is None else {"project_id": project_id}
        return [str(each["line"]) for each in self.lines("/mixpanel/returned", **query)]

    def merge_identity(self, project_id: int, old: str, new: str, **more: object) -> None:
        """Merge a ``distinct_id``: from ``at`` on (default: now), rows of ``old`` are exported under ``new``."""
        self.control(
            "POST", f"/mixpanel/projects/{project_id}/rewrites", json={"from": old, "to": new, **more}
        )

    def delete_events(self, project_id: int, **which: object) -> None:
        """Delete events from ``at`` on (default: now).

        Filters: ``events``, ``distinct_ids``, ``from_date``, ``to_date`` ...
        """
        self.control("POST", f"/mixpanel/projects/{project_id}/deletions", json=which)

"""Control routes under ``/_sandbox/mixpanel`` for projects, events, mutation rules, accounts and the export log.

``openapi/mixpanel_control.yaml`` describes the bodies of requests and responses; the page ``/_sandbox/`` shows them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response, StreamingResponse

from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState
from mixpanel_aep_sandbox.mixpanel.control.event_validation import InvalidEventsError, parse_events
from mixpanel_aep_sandbox.mixpanel.errors import MixpanelError
from mixpanel_aep_sandbox.mixpanel.export.export_log import ExportLog
from mixpanel_aep_sandbox.mixpanel.models.events import EventStore
from mixpanel_aep_sandbox.mixpanel.models.mutation_rules import AnyRule, Compaction, Deletion, IdentityMerge
from mixpanel_aep_sandbox.mixpanel.models.projects import Account, Project, ProjectRegistry
from mixpanel_aep_sandbox.mixpanel.request_bodies import read_model
from mixpanel_aep_sandbox.mixpanel.settings import Role

_EPOCH = date(1970, 1, 1)
_SECRET_FIELDS = {"secret", "bearer"}
_NESTED = ("limits", "query_limits", "lexicon_limits", "switches")


class AccountIn(BaseModel):
    """A service account in a request to change a project; an existing account keeps its roles in other projects."""

    model_config = ConfigDict(extra="forbid")

    username: str = Field(min_length=1)
    secret: str
    expires: datetime | None = None
    expired_status: Literal[400, 401] | None = None
    role: Role = "analyst"
    organization_role: Literal["owner", "admin", "billing", "member"] = "member"
    bearer: str | None = None


class ProjectIn(BaseModel):
    """The body of a request to create or change a project: its id, any of its other fields, and accounts to add."""

    model_config = ConfigDict(extra="allow")

    id: int
    accounts: list[AccountIn] = []


class ControlRoutes:
    """Handlers of the control routes. Errors are ``{"error": sentence}`` with status 404 or 422.

    Args:
        state: the store, the clock and the settings of the sandbox.
        registry: the projects and service accounts.
        event_store: the events of all projects.
        export_log: the log of complete exports.
        delete_project: deletes the project with an id, and its data.
    """

    def __init__(
        self,
        state: SandboxState,
        registry: ProjectRegistry,
        event_store: EventStore,
        export_log: ExportLog,
        delete_project: Callable[[int], None],
    ) -> None:
        self._state, self._registry, self._event_store, self._export_log = (
            state,
            registry,
            event_store,
            export_log,
        )
        self._delete_project = delete_project

    def router(self) -> APIRouter:
        """Return a router with the control routes for projects, events, mutation rules, accounts and the export log."""
        routes = APIRouter(prefix="/_sandbox/mixpanel")
        one = "/projects/{project_id}"
        for method, path, endpoint in (
            ("GET", "/projects", self.projects),
            ("POST", "/projects", self.put_project),
            ("DELETE", one, self.delete_project),
            ("POST", one + "/events", self.add_events),
            ("GET", one + "/events", self.events),
            ("POST", one + "/rewrites", self.rewrite),
            ("POST", one + "/deletions", self.delete_events),
            ("POST", one + "/compactions", self.compact),
            ("GET", one + "/rules", self.rules),
            ("GET", "/accounts", self.accounts),
            ("DELETE", "/accounts/{username}", self.delete_account),
            ("GET", "/exports", self.exports),
            ("GET", "/returned", self.export_log),
        ):
            routes.add_api_route(path, endpoint, methods=[method], response_model=None)
        return routes

    def projects(self) -> list[JsonObject]:
        """Return all projects, without secrets."""
        return [
            project.model_dump(mode="json", exclude=_SECRET_FIELDS) for project in self._registry.projects()
        ]

    async def put_project(self, request: Request) -> Response:
        """Create a project, or change the given fields of an existing project, and return the project without secrets.

        The ``accounts`` in the body are added to the project's accounts.
        """
        try:
            given = read_model(await request.body(), ProjectIn)
            project = read_model(self._changed_fields(given), Project)
        except MixpanelError as error:
            return JSONResponse({"error": f"The project is invalid: {error}"}, status_code=422)
        self._registry.put(project)
        for account in given.accounts:
            self._registry.put_account(self._changed_account(project, account))
        return JSONResponse(project.model_dump(mode="json", exclude=_SECRET_FIELDS))

    def _changed_fields(self, given: ProjectIn) -> JsonObject:
        """Return all fields of a project after a change.

        Fields that the request does not contain keep their values. In limits and switches, so do the inner fields that
        it does not contain.
        """
        before = self._registry.project(given.id)
        current = (before or Project.model_construct(id=given.id)).model_dump(mode="json")
        fields = {"id": given.id, **(given.model_extra or {})}
        for name in _NESTED:
            if isinstance(fields.get(name), dict):
                fields[name] = {**current[name], **fields[name]}
        return {**current, **fields}

    def _changed_account(self, project: Project, given: AccountIn) -> Account:
        """Return a new or changed service account, with the given role in the project."""
        before = self._registry.account(given.username)
        roles = {**(before.roles if before else {}), project.id: given.role}
        return Account(
            id=before.id if before else 0,
            created=before.created if before else None,
            organization_id=project.organization_id,
            roles=roles,
            **given.model_dump(exclude={"role"}),
        )

    def delete_project(self, project_id: int) -> JsonObject:
        """Delete a project and its data, except its entries in the export log, and return its id."""
        self._delete_project(project_id)
        return {"deleted": project_id}

    async def add_events(self, project_id: int, request: Request) -> Response:
        """Add events to a project; return the number of added rows and the days on which they are exported."""
        project = self._registry.project(project_id)
        if project is None:
            return JSONResponse({"error": f"Project {project_id} not found."}, status_code=404)
        try:
            rows = parse_events(await request.body(), project, self._state.clock.milliseconds())
        except InvalidEventsError as error:
            return JSONResponse({"error": str(error)}, status_code=422)
        days = sorted({(_EPOCH + timedelta(row.day)).isoformat() for row in rows})
        return JSONResponse({"added": self._event_store.add(project_id, rows), "days": days})

    def events(self, project_id: int, from_date: date, to_date: date) -> Response:
        """Return the rows that an export of these days would return at this time, as JSON Lines.

        This request does not count against rate limits and is not added to the export log.
        """
        project = self._registry.project(project_id)
        if project is None:
            return JSONResponse({"error": f"Project {project_id} not found."}, status_code=404)
        now_ms = self._state.clock.milliseconds()

        def lines() -> Iterator[bytes]:
            for day in self._event_store.days_with_rows(project, from_date, to_date):
                yield b"".join(
                    row.line + b"\n" for row in self._event_store.exported_rows(project, day, now_ms)
                )

        return StreamingResponse(lines(), media_type="application/x-ndjson")

    async def rewrite(self, project_id: int, request: Request) -> Response:
        """Add a rule that merges two identities in a project, and return the number of the project's rules."""
        return self._add_rule(project_id, await request.body(), IdentityMerge)

    async def delete_events(self, project_id: int, request: Request) -> Response:
        """Add a rule that deletes events of a project, and return the number of the project's rules."""
        return self._add_rule(project_id, await request.body(), Deletion)

    async def compact(self, project_id: int, request: Request) -> Response:
        """Add a rule that removes duplicates from a project, and return the number of the project's rules."""
        return self._add_rule(project_id, await request.body(), Compaction)

    def _add_rule(self, project_id: int, body: bytes, kind: type[AnyRule]) -> Response:
        if self._registry.project(project_id) is None:
            return JSONResponse({"error": f"Project {project_id} not found."}, status_code=404)
        try:
            self._event_store.rules.add(project_id, read_model(body, kind))
        except MixpanelError as error:
            return JSONResponse({"error": str(error)}, status_code=422)
        return JSONResponse({"rules": len(self._event_store.rules.rules_of_project(project_id))})

    def rules(self, project_id: int) -> list[JsonObject]:
        """Return the mutation rules of a project, in the order in which they take effect."""
        rules = self._event_store.rules.rules_of_project(project_id)
        return [rule.model_dump(mode="json", by_alias=True) for rule in rules]

    def accounts(self) -> list[JsonObject]:
        """Return all service accounts of all projects, without secrets."""
        return [
            account.model_dump(mode="json", exclude=_SECRET_FIELDS) for account in self._registry.accounts()
        ]

    def delete_account(self, username: str) -> JsonObject:
        """Delete the service account with this user name, and return the name."""
        self._registry.delete_account(username)
        return {"deleted": username}

    def exports(
        self, project_id: int | None = None, from_date: str = "", to_date: str = ""
    ) -> list[JsonObject]:
        """Return the log entries of complete exports, oldest first: parameters, time, and digest of the bytes sent.

        Filters are optional: the project, and the range of days that must contain the export's days.
        """
        return self._export_log.exports(project_id, from_date, to_date)

    def export_log(self, project_id: int | None = None, from_date: str = "", to_date: str = "") -> Response:
        """Return the exact lines of these complete exports, as JSON Lines ``{"export": n, "line": text}``."""
        lines = self._export_log.lines(project_id, from_date, to_date)
        return StreamingResponse(lines, media_type="application/x-ndjson")

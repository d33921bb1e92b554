"""The application API under ``/api/app``: what all its parts share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.core.exchange import exchange_of
from mixpanel_aep_sandbox.core.state import SandboxState
from mixpanel_aep_sandbox.mixpanel.auth import Caller, accessible_project, authenticate, check_region
from mixpanel_aep_sandbox.mixpanel.errors import MixpanelError
from mixpanel_aep_sandbox.mixpanel.models.projects import MAX_ID, Account, Project, ProjectRegistry
from mixpanel_aep_sandbox.mixpanel.settings import EDITORS, MANAGERS, Role


@dataclass(frozen=True)
class AppRequest:
    """A request with a service account; a project's secret is not accepted here."""

    request: Request
    body: bytes
    account: Account
    registry: ProjectRegistry
    now: datetime

    def number(self, name: str) -> int:
        """Return a number of the path. Raises MixpanelError (404) for any other text."""
        text = str(self.request.path_params[name])
        if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_ID))):
            raise MixpanelError(404, f"Not found: {text[:40]!r}")
        return int(text)

    def project(self, roles: Collection[Role] = (), least: str = "") -> Project:
        """Return the project of the path.

        Raises MixpanelError (403) without a role there, or without one of ``roles``.
        """
        caller = Caller(self.account, None)
        project = accessible_project(caller, self.registry, self.number("project_id"))
        check_region(self.request, project)
        exchange_of(self.request.scope).notes["project"] = project.id
        if roles and caller.role(project) not in roles:
            raise MixpanelError(
                403, f"Forbidden: this needs a role of at least {least} in project {project.id}"
            )
        return project

    def edited_project(self) -> Project:
        """Return the project, if the caller may change it."""
        return self.project(EDITORS, "Analyst")

    def managed_project(self) -> Project:
        """Return the project, if the caller may manage it."""
        return self.project(MANAGERS, "Admin")


Handler = Callable[[AppRequest], object]
Routes = Iterable[tuple[str, str, Handler] | tuple[str, str, Handler, int]]


class AppApi:
    """The application API of all projects."""

    def __init__(self, state: SandboxState, registry: ProjectRegistry) -> None:
        self._state, self._registry = state, registry

    def router(self, routes: Routes) -> APIRouter:
        """Return the router. ``routes``: method, path below ``/api/app``, handler, and the status if it is not 200."""
        router = APIRouter()
        for method, path, answer, *status in routes:
            endpoint = self._endpoint(answer, status[0] if status else 200)
            for twin in ("",) if path.endswith(":key}") else ("", "/"):
                router.add_route("/api/app" + path + twin, endpoint, methods=[method])
        return router

    def _endpoint(self, answer: Handler, status: int) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            return await run_in_threadpool(self._respond, request, await request.body(), answer, status)

        return endpoint

    def _respond(self, request: Request, body: bytes, answer: Handler, status: int) -> Response:
        now = self._state.clock.now()
        try:
            caller = authenticate(request, self._registry, now, "app")
            if caller.account is None:
                raise MixpanelError(401, "Unauthorized")
            app_request = AppRequest(request, body, caller.account, self._registry, now)
            return JSONResponse(answer(app_request), status)
        except MixpanelError as refusal:
            return refusal.response(request, "app")

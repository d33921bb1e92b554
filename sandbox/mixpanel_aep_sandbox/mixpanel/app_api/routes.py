"""Routing, authentication and authorization that all parts of the application API (``/api/app``) share."""

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
    """A request to the application API, authenticated by a service account; a project's secret is not accepted."""

    request: Request
    body: bytes
    account: Account
    registry: ProjectRegistry
    now: datetime

    def number(self, name: str) -> int:
        """Return the path parameter ``name`` as an integer. Raises MixpanelError (404) if it is not a number."""
        text = str(self.request.path_params[name])
        if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_ID))):
            raise MixpanelError(404, f"Not found: {text[:40]!r}")
        return int(text)

    def project(self, roles: Collection[Role] = (), least: str = "") -> Project:
        """Return the project whose id is in the path, after a check of the caller's role in it.

        Args:
            roles: the allowed roles; empty: any role.
            least: the name of the lowest allowed role, for the text of the error.

        Raises:
            MixpanelError: 403 if the service account has no role in the project, or none of ``roles``.
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
        """Return the project whose id is in the path. Raises MixpanelError (403) below the role Analyst."""
        return self.project(EDITORS, "Analyst")

    def managed_project(self) -> Project:
        """Return the project whose id is in the path. Raises MixpanelError (403) below the role Admin."""
        return self.project(MANAGERS, "Admin")


Handler = Callable[[AppRequest], object]
Routes = Iterable[tuple[str, str, Handler] | tuple[str, str, Handler, int]]


class AppApi:
    """Connects the handlers of the application API to HTTP: authenticates requests and formats errors."""

    def __init__(self, state: SandboxState, registry: ProjectRegistry) -> None:
        self._state, self._registry = state, registry

    def router(self, routes: Routes) -> APIRouter:
        """Return a router with the given routes.

        Args:
            routes: for each route the method, the path below ``/api/app``, the handler, and optionally the HTTP status
                of a successful response (default: 200).
        """
        router = APIRouter()
        for method, path, handler, *status in routes:
            endpoint = self._endpoint(handler, status[0] if status else 200)
            for suffix in ("",) if path.endswith(":key}") else ("", "/"):
                router.add_route("/api/app" + path + suffix, endpoint, methods=[method])
        return router

    def _endpoint(self, handler: Handler, status: int) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            return await run_in_threadpool(self._respond, request, await request.body(), handler, status)

        return endpoint

    def _respond(self, request: Request, body: bytes, handler: Handler, status: int) -> Response:
        now = self._state.clock.now()
        try:
            caller = authenticate(request, self._registry, now, "app")
            if caller.account is None:
                raise MixpanelError(401, "Unauthorized")
            app_request = AppRequest(request, body, caller.account, self._registry, now)
            return JSONResponse(handler(app_request), status)
        except MixpanelError as error:
            return error.response(request, "app")

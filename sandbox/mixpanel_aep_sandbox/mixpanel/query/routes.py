"""Routing, authentication and rate limits of the Query API (``/api/query`` and, for older clients, ``/api/2.0``)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.core.exchange import exchange_of
from mixpanel_aep_sandbox.core.state import SandboxState
from mixpanel_aep_sandbox.mixpanel.auth import authenticate, requested_project
from mixpanel_aep_sandbox.mixpanel.errors import MixpanelError
from mixpanel_aep_sandbox.mixpanel.models.projects import Project, ProjectRegistry
from mixpanel_aep_sandbox.mixpanel.parameters import Params, merged_parameters
from mixpanel_aep_sandbox.mixpanel.rate_limits import Limiter

_MAX_WORKSPACE = 10**15


@dataclass(frozen=True)
class QueryRequest:
    """An authorized request to the Query API, with its project, its parameters and the time of the query."""

    project: Project
    params: Params
    now: datetime

    @property
    def now_ms(self) -> int:
        """Time of the query in epoch milliseconds."""
        return int(self.now.timestamp() * 1000)


Handler = Callable[[QueryRequest], object]


class QueryApi:
    """Connects the handlers of the Query API to HTTP, and checks credentials, project, region, plan and rate limits.

    GET and POST are equivalent, because the reference requires POST where clients send GET, and vice versa. Requests
    that are rejected with 401, 402, 403 or 429 do not count against the rate limits; all other requests do.

    Args:
        state: the store, the clock and the settings of the sandbox.
        registry: the projects and service accounts.
        limiter: counts the requests of each project.
        handlers: the handlers by path below ``/api/query``.
    """

    def __init__(
        self,
        state: SandboxState,
        registry: ProjectRegistry,
        limiter: Limiter,
        handlers: Mapping[str, Handler],
    ) -> None:
        self._state, self._registry, self._limiter = state, registry, limiter
        self._handlers = handlers

    def router(self) -> APIRouter:
        """Return a router with all handlers under both prefixes."""
        routes = APIRouter()
        for path, handler in self._handlers.items():
            for prefix in ("/api/query", "/api/2.0"):
                for suffix in ("", "/"):
                    routes.add_route(
                        prefix + path + suffix, self._endpoint(path, handler), methods=["GET", "POST"]
                    )
        return routes

    def _endpoint(self, path: str, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            params = merged_parameters(request.query_params, await request.body())
            return await run_in_threadpool(self._respond, request, path, params, handler)

        return endpoint

    def _respond(self, request: Request, path: str, params: Params, handler: Handler) -> Response:
        try:
            return JSONResponse(handler(self._authorize(request, path, params)))
        except MixpanelError as error:
            return error.response(request)

    def _authorize(self, request: Request, path: str, params: Params) -> QueryRequest:
        """Return the authorized query. Raises MixpanelError if a check fails or a rate limit is exceeded."""
        now = self._state.clock.now()
        caller = authenticate(request, self._registry, now, "query")
        project = requested_project(request, caller, self._registry, params.text("project_id"))
        exchange = exchange_of(request.scope)
        exchange.notes["project"] = project.id
        if not project.query_api:
            raise MixpanelError(402, "Your plan does not allow API calls. Upgrade at mixpanel.com/pricing")
        if path != "/annotations":
            # Requests for further pages count as concurrent, but not per hour (Mixpanel's own client relies on this).
            counts = not (path == "/engage" and params.text("session_id"))
            leave = self._limiter.enter("query", project.id, project.query_limits, counts=counts)
            exchange.on_slot_free.append(leave)
        # A data view would restrict the query, but the only data view of the sandbox is "All Project Data".
        params.integer("workspace_id", least=1, most=_MAX_WORKSPACE)
        return QueryRequest(project, params, now)

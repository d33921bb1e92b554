"""The Query API under ``/api/query`` and, for older clients, under ``/api/2.0``: what all its parts share."""

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
    """An authorized query."""

    project: Project
    params: Params
    now: datetime

    @property
    def now_ms(self) -> int:
        """Return the time of the query in epoch milliseconds."""
        return int(self.now.timestamp() * 1000)


Handler = Callable[[QueryRequest], object]


class QueryApi:
    """Checks a query: credentials, project, region, plan, limits; in this order.

    GET and POST are equivalent: the reference requires POST where clients send GET, and vice versa. Requests that are
    rejected with 401, 402, 403 or 429 do not count against the limits; all others do.
    """

    def __init__(
        self, state: SandboxState, registry: ProjectRegistry, limiter: Limiter, answers: Mapping[str, Handler]
    ) -> None:
        self._state, self._registry, self._limiter = state, registry, limiter
        self._answers = answers

    def router(self) -> APIRouter:
        """Return the routes."""
        routes = APIRouter()
        for path, answer in self._answers.items():
            for prefix in ("/api/query", "/api/2.0"):
                for twin in ("", "/"):
                    routes.add_route(
                        prefix + path + twin, self._endpoint(path, answer), methods=["GET", "POST"]
                    )
        return routes

    def _endpoint(self, path: str, answer: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            params = merged_parameters(request.query_params, await request.body())
            return await run_in_threadpool(self._respond, request, path, params, answer)

        return endpoint

    def _respond(self, request: Request, path: str, params: Params, answer: Handler) -> Response:
        try:
            return JSONResponse(answer(self._authorize(request, path, params)))
        except MixpanelError as refusal:
            return refusal.response(request)

    def _authorize(self, request: Request, path: str, params: Params) -> QueryRequest:
        now = self._state.clock.now()
        caller = authenticate(request, self._registry, now, "query")
        project = requested_project(request, caller, self._registry, params.text("project_id"))
        exchange = exchange_of(request.scope)
        exchange.notes["project"] = project.id
        if not project.query_api:
            raise MixpanelError(402, "Your plan does not allow API calls. Upgrade at mixpanel.com/pricing")
        if path != "/annotations":
            # Further pages of one query run, but are not counted (Mixpanel's own client relies on it).
            counts = not (path == "/engage" and params.text("session_id"))
            leave = self._limiter.enter("query", project.id, project.query_limits, counts=counts)
            exchange.on_slot_free.append(leave)
        # A data view narrows a query; this project has only "All Project Data".
        params.whole("workspace_id", least=1, most=_MAX_WORKSPACE)
        return QueryRequest(project, params, now)

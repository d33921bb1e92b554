"""The Query API under ``/api/query`` and, as older clients know it, under ``/api/2.0``: what all its parts share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.core.exchange import exchange_of
from mixpanel_aep_sandbox.core.state import World
from mixpanel_aep_sandbox.mixpanel.auth import authenticate, project_asked
from mixpanel_aep_sandbox.mixpanel.errors import Refusal
from mixpanel_aep_sandbox.mixpanel.models.projects import Project, Registry
from mixpanel_aep_sandbox.mixpanel.parameters import Params, merged
from mixpanel_aep_sandbox.mixpanel.rate_limits import Limiter

_MAX_WORKSPACE = 10**15


@dataclass(frozen=True)
class Question:
    """A query that has been let in."""

    project: Project
    params: Params
    now: datetime

    @property
    def now_ms(self) -> int:
        return int(self.now.timestamp() * 1000)


Answer = Callable[[Question], Any]


class QueryApi:
    """Lets a query in or turns it down: credentials, project, region, plan, limits; in this order.

    GET and POST mean the same: the reference asks for POST where clients send GET, and the other way round. What
    is turned down with 401, 402, 403 or 429 does not count against the limits; everything else does.
    """

    def __init__(
        self, world: World, registry: Registry, limiter: Limiter, answers: Mapping[str, Answer]
    ) -> None:
        self._world, self._registry, self._limiter = world, registry, limiter
        self._answers = answers

    def router(self) -> APIRouter:
        routes = APIRouter()
        for path, answer in self._answers.items():
            for prefix in ("/api/query", "/api/2.0"):
                for twin in ("", "/"):
                    routes.add_route(
                        prefix + path + twin, self._endpoint(path, answer), methods=["GET", "POST"]
                    )
        return routes

    def _endpoint(self, path: str, answer: Answer) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            params = merged(request.query_params, await request.body())
            return await run_in_threadpool(self._respond, request, path, params, answer)

        return endpoint

    def _respond(self, request: Request, path: str, params: Params, answer: Answer) -> Response:
        try:
            return JSONResponse(answer(self._let_in(request, path, params)))
        except Refusal as refusal:
            return refusal.response(request)

    def _let_in(self, request: Request, path: str, params: Params) -> Question:
        now = self._world.clock.now()
        caller = authenticate(request, self._registry, now, "query")
        project = project_asked(request, caller, self._registry, params.text("project_id"))
        exchange = exchange_of(request.scope)
        exchange.notes["project"] = project.id
        if not project.query_api:
            raise Refusal(402, "Your plan does not allow API calls. Upgrade at mixpanel.com/pricing")
        if path != "/annotations":
            # Further pages of one query run, but are not counted (Mixpanel's own client paces itself so).
            counts = not (path == "/engage" and params.text("session_id"))
            leave = self._limiter.enter("query", project.id, project.query_limits, counts=counts)
            exchange.on_free.append(leave)
        # A data view narrows a query; this project has none but "All Project Data".
        params.whole("workspace_id", least=1, most=_MAX_WORKSPACE)
        return Question(project, params, now)

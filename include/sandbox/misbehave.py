from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from include.sandbox.faults import FaultPlan


class FaultMiddleware:
    def __init__(self, app: ASGIApp, plan: FaultPlan) -> None:
        self.app, self.plan = app, plan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)

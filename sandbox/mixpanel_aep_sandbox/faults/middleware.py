"""Middleware that applies planned faults between the client and the services."""

from __future__ import annotations

import asyncio

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from mixpanel_aep_sandbox.core.exchange import exchange_of
from mixpanel_aep_sandbox.faults.actions import (
    Alter,
    Answer,
    Cut,
    Delay,
    Drip,
    Drop,
    Hang,
    Redirect,
    Sentinel,
)
from mixpanel_aep_sandbox.faults.faulty_exchange import FaultyExchange
from mixpanel_aep_sandbox.faults.models import FaultPlan


class FaultMiddleware:
    """ASGI middleware that applies at most one planned fault to each request."""

    def __init__(self, app: ASGIApp, plan: FaultPlan) -> None:
        self.app, self.plan = app, plan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Apply the planned fault that is due for the request, or pass the request to the application."""
        fault = self.plan.count_request(exchange_of(scope)) if scope["type"] == "http" else None
        if fault is None:
            await self.app(scope, receive, send)
            return
        exchange_of(scope).fault = fault.id
        await asyncio.sleep(fault.action.delay_seconds)
        call = FaultyExchange(self.app, scope, receive, send)
        match fault.action:
            case Delay():
                await self.app(scope, receive, send)
            case Answer() as action:
                await call.answer(action)
            case Redirect(status=status, to=to):
                exchange_of(scope).complete = False
                await Response(status_code=status, headers={"location": to})(scope, receive, send)
            case Drop() as action:
                await call.drop(action)
            case Cut() | Hang() as action:
                await call.truncate(action)
            case Drip() as action:
                await call.drip(action)
            case Sentinel() | Alter() as action:
                await call.alter(action)

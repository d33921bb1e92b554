"""The sandbox as one ASGI application: the three services, the control plane, and what lies around them."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse

from include.sandbox.control import control_router
from include.sandbox.faults import FaultPlan
from include.sandbox.loopback import LoopbackOnly
from include.sandbox.misbehave import FaultMiddleware
from include.sandbox.mixpanel import Mixpanel
from include.sandbox.transcript import Transcript, TranscriptMiddleware
from include.sandbox.world import World

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def build_app(world: World) -> Callable[..., Any]:
    """An ASGI application on ``world``. Everything it remembers is in ``world.store``."""
    transcript = Transcript(world.store.folder)
    faults = FaultPlan(world.store)
    mixpanel = Mixpanel(world)
    world.on_reset += [transcript.clear, faults.reload, mixpanel.reset]
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.include_router(control_router(world, transcript, faults))
    app.include_router(mixpanel.router())
    for module in ("include.sandbox.ims", "include.sandbox.aep"):
        if find_spec(module):
            router: Callable[[World], APIRouter] = import_module(module).router
            app.include_router(router(world))
    app.add_route("/{path:path}", _unknown, methods=_METHODS)
    guarded = LoopbackOnly(FaultMiddleware(app, faults))
    return TranscriptMiddleware(guarded, world, transcript)


async def _unknown(request: Request) -> JSONResponse:
    sentence = f"The sandbox does not know {request.method} {request.url.path}."
    return JSONResponse({"error": sentence}, status_code=501)

"""The sandbox as one ASGI application: the three services, the control plane, and what lies around them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.exception_handlers import request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from include.sandbox import aep, ims
from include.sandbox.control import Control
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
    app.include_router(Control(world, transcript, faults).router())
    app.include_router(mixpanel.router())
    app.include_router(ims.router(world))
    app.include_router(aep.router(world))
    app.add_exception_handler(RequestValidationError, _misunderstood)
    app.add_route("/{path:path}", _unknown, methods=_METHODS)
    guarded = LoopbackOnly(FaultMiddleware(app, faults))
    world.app = TranscriptMiddleware(guarded, world, transcript)
    return world.app


async def _misunderstood(request: Request, error: Exception) -> Response:
    """The control plane speaks in sentences; the services answer for themselves."""
    if not isinstance(error, RequestValidationError):
        raise error
    if not request.url.path.startswith("/_sandbox"):
        return await request_validation_exception_handler(request, error)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return JSONResponse({"error": f"{where}: {first['msg']}."}, status_code=422)


async def _unknown(request: Request) -> JSONResponse:
    sentence = f"The sandbox does not know {request.method} {request.url.path}."
    return JSONResponse({"error": sentence}, status_code=501)

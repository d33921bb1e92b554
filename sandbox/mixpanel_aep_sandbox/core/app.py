"""The sandbox as one ASGI application: Mixpanel, IMS, AEP, the control plane, and the middleware around them."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterable
from pathlib import Path

from fastapi import FastAPI
from fastapi.exception_handlers import request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from mixpanel_aep_sandbox.aep import routes as aep
from mixpanel_aep_sandbox.core.control_routes import ControlRoutes
from mixpanel_aep_sandbox.core.cross_origin import CrossOriginGuard
from mixpanel_aep_sandbox.core.loopback import LoopbackGuard
from mixpanel_aep_sandbox.core.path_parameters import register_key_converter
from mixpanel_aep_sandbox.core.request_target import RequestTargetGuard
from mixpanel_aep_sandbox.core.state import SandboxState
from mixpanel_aep_sandbox.core.transcript import Transcript, TranscriptMiddleware
from mixpanel_aep_sandbox.faults.middleware import FaultMiddleware
from mixpanel_aep_sandbox.faults.models import FaultPlan
from mixpanel_aep_sandbox.ims.routes import tokens as ims
from mixpanel_aep_sandbox.mixpanel.routes import Mixpanel


def build_app(state: SandboxState, host_names: Iterable[str] = ()) -> ASGIApp:
    """Build the ASGI application of all services and of the control plane; its data is stored in ``state.store``.

    The application is also stored as ``state.app``.

    Args:
        state: the store, the clock and the settings of the sandbox.
        host_names: host names under which clients may call the control plane, in addition to the loopback names. Web
            pages that were loaded under these names may change data.
    """
    register_key_converter()
    transcript = Transcript(state.store.folder)
    faults = FaultPlan(state.store)
    mixpanel = Mixpanel(state)
    state.on_reset += [transcript.clear, faults.reload, mixpanel.reset]
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    control = ControlRoutes(state, transcript, faults)
    app.include_router(control.router())
    app.include_router(mixpanel.router())
    app.include_router(ims.router(state))
    app.include_router(aep.router(state))
    control.finish_reset()
    app.add_exception_handler(RequestValidationError, _handle_validation_error)
    app.add_exception_handler(HTTPException, _handle_http_error)
    app.add_exception_handler(Exception, _handle_exception)
    app.router.default = _handle_unknown_route
    names = tuple(host_names)
    guarded = LoopbackGuard(CrossOriginGuard(FaultMiddleware(app, faults), names), names)
    state.app = RequestTargetGuard(TranscriptMiddleware(guarded, state, transcript))
    return state.app


async def _handle_validation_error(request: Request, error: Exception) -> Response:
    """Return 422 for an invalid request.

    The body is one sentence if the request is to the control plane, and contains FastAPI's own details otherwise.
    """
    if not isinstance(error, RequestValidationError):
        raise error
    if not request.url.path.startswith("/_sandbox"):
        return await request_validation_exception_handler(request, error)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return _error_response(422, f"{where}: {first['msg']}.")


async def _handle_http_error(request: Request, error: Exception) -> Response:
    """Return the status of ``error`` with its detail as one sentence, and 501 instead of 405 (method not allowed)."""
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == 405:
        return _not_implemented(request)
    return _error_response(error.status_code, f"{error.detail}.")


async def _handle_exception(_request: Request, error: Exception) -> Response:
    """Return 500 for an exception that no route handles, which is a bug of the sandbox.

    The response names the file and the line. It contains no stack trace and no data of the request.
    """
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "mixpanel_aep_sandbox" in Path(frame.filename).parts]
    at = f"{Path(ours[-1].filename).name}, line {ours[-1].lineno}" if ours else "a library"
    return _error_response(500, f"The sandbox has a bug: {type(error).__name__} in {at}.")


async def _handle_unknown_route(scope: Scope, receive: Receive, send: Send) -> None:
    await _not_implemented(Request(scope))(scope, receive, send)


def _not_implemented(request: Request) -> Response:
    """Return 501 for a route or a method that the sandbox does not have."""
    return _error_response(501, f"The sandbox does not know {request.method} {request.scope['path']}.")


def _error_response(status: int, sentence: str) -> Response:
    # ASCII, because text from a request may hold lone surrogates that UTF-8 cannot encode.
    return Response(json.dumps({"error": sentence}), status, media_type="application/json")

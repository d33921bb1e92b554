"""From a request to a handler: gateway, body, threads, and errors as answers."""

from __future__ import annotations

import inspect
import json
import uuid
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.errors import Problem, problem
from mixpanel_aep_sandbox.aep.core.gateway import authorize
from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.core.state import SandboxState

_JSON_TYPES = ("application/json", "application/json-patch+json", "application/merge-patch+json")
_LONGEST_URL = 2000
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass
class Call:
    """A request that the gateway let through."""

    request: Request
    scope: AepSandboxScope
    client_id: str
    body: Any = None

    def path(self, name: str) -> str:
        return str(self.request.path_params[name]).rstrip("/")

    def query(self, name: str, default: str = "") -> str:
        return self.request.query_params.get(name, default)

    @property
    def content_type(self) -> str:
        return self.request.headers.get("content-type", "").partition(";")[0].strip().lower()

    def url(self, path: str) -> str:
        """An address of the sandbox itself, where Adobe would name its own host."""
        return str(self.request.base_url).rstrip("/") + path

    def object(self) -> dict[str, Any]:
        """The JSON body, which has to be an object."""
        if not isinstance(self.body, dict):
            raise problem(400, "The request body must be a JSON object.")
        return self.body


Json = bool | Literal["whatever the Content-Type says"]
Handler = Callable[[Call], Response] | Callable[[Call], Awaitable[Response]]
Shape = Callable[[Problem], Problem]
"""A refusal as one service words it."""
Endpoint = Callable[[Request], Awaitable[Response]]


class Routes:
    """Adds routes below one base path, each with and without a slash at its end."""

    def __init__(
        self, state: SandboxState, router: APIRouter, base: str, shape: Shape = lambda refusal: refusal
    ) -> None:
        self.state, self.router, self.base, self.shape = state, router, base, shape

    def add(
        self, method: str, path: str, handler: Handler, *, atomic: bool = True, json: Json = True
    ) -> None:
        """A plain handler runs in a thread, inside a transaction when it writes and is ``atomic``.

        A coroutine function reads the request's body by itself. ``json`` False: the body, if any, is no JSON.
        """
        json = method not in ("GET", "HEAD", "DELETE") and json
        atomic = atomic and method not in ("GET", "HEAD")
        endpoint = _endpoint(self.state, handler, self.shape, atomic=atomic, has_json=json)
        self._serve([method], path, endpoint, described=True)

    def refuse(self, path: str, allowed: str) -> None:
        """Every method but those ``allowed``, such as ``GET, POST``, is answered with 405."""
        others = [method for method in _METHODS if method not in allowed]

        def handler(call: Call) -> Response:
            del call
            raise problem(405, f"Only {allowed} is allowed here.", {"Allow": allowed})

        endpoint = _endpoint(self.state, handler, self.shape, atomic=False, has_json=False)
        self._serve(others, path, endpoint, described=False)

    def _serve(self, methods: list[str], path: str, endpoint: Endpoint, *, described: bool) -> None:
        """``described``: that it is there is to be told, in the sandbox's OpenAPI document."""
        whole = self.base + path
        for each in (whole,) if path.endswith((":path}", ":key}")) else (whole, whole + "/"):
            self.router.add_route(each, endpoint, methods=methods, include_in_schema=described)


def _endpoint(
    state: SandboxState, handler: Handler, shape: Shape, *, atomic: bool, has_json: Json
) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            response = await _answer(state, request, handler, atomic=atomic, has_json=has_json)
        except ClientDisconnect:
            response = Response(status_code=400)  # nobody is left to read it
        except (Problem, RecursionError) as error:
            await _drain(request)
            refusal = error if isinstance(error, Problem) else problem(400, "The body is nested too deeply.")
            refusal = shape(refusal)
            response = JSONResponse(refusal.body, refusal.status, headers=refusal.headers)
        response.headers.setdefault("x-request-id", request.headers.get("x-request-id") or uuid.uuid4().hex)
        return response

    # Several requests in one call the handlers themselves.
    endpoint.handler = None if inspect.iscoroutinefunction(handler) else handler  # type: ignore[attr-defined]
    return endpoint


async def _answer(
    state: SandboxState, request: Request, handler: Handler, *, atomic: bool, has_json: Json
) -> Response:
    if len(request.url.path) + len(request.url.query) > _LONGEST_URL:
        raise problem(414, "The URL length exceeds the allowed 2000 characters.")
    scope, client = await run_in_threadpool(authorize, state, request)
    call = Call(request, scope, client)
    if inspect.iscoroutinefunction(handler):
        streamed: Response = await handler(call)
        return streamed
    if has_json:
        call.body = await _json(call, any_type=has_json is not True)

    def run() -> Response:
        with state.store.transaction() if atomic else nullcontext():
            answered = handler(call)
        assert isinstance(answered, Response)
        return answered

    return await run_in_threadpool(run)


async def _json(call: Call, *, any_type: bool) -> Any:
    """The body, which has to be JSON that can be kept and sent: nothing infinite, no half of a surrogate pair."""
    if call.content_type not in _JSON_TYPES and not any_type:
        raise problem(400, "A valid content-type must be specified")
    try:
        return parse_json(await call.request.body())
    except (ValueError, RecursionError) as error:
        raise problem(400, "The request body is not valid JSON.") from error


def parse_json(data: bytes) -> Any:
    """Raises ValueError or RecursionError, also for what could not be kept or sent again."""
    body = json.loads(data)
    json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    return body


async def _drain(request: Request) -> None:
    """Reads what the client is still sending: answered in mid-upload it would see a broken pipe, no answer."""
    try:
        async for _ in request.stream():
            pass
    except (RuntimeError, ClientDisconnect):
        pass  # read already, or nobody is left

"""Routes of AEP services: gateway checks, JSON bodies, handlers in threads and transactions, and error responses."""

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
from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState

_JSON_TYPES = ("application/json", "application/json-patch+json", "application/merge-patch+json")
_LONGEST_URL = 2000
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass
class Call:
    """A request that has passed the checks of the gateway, as the handlers of all AEP services get it."""

    request: Request
    scope: AepSandboxScope
    client_id: str
    body: Any = None
    """The parsed JSON body; None if the route has no JSON body."""

    def path(self, name: str) -> str:
        """Return a parameter of the URL's path by its name, without a slash at the end."""
        return str(self.request.path_params[name]).rstrip("/")

    def query(self, name: str, default: str = "") -> str:
        """Return a query parameter by its name; ``default`` if it is missing."""
        return self.request.query_params.get(name, default)

    @property
    def content_type(self) -> str:
        """Return the media type of the body in lower case, without parameters."""
        return self.request.headers.get("content-type", "").partition(";")[0].strip().lower()

    def url(self, path: str) -> str:
        """Return the absolute URL of a path on this sandbox, for responses that contain links."""
        return str(self.request.base_url).rstrip("/") + path

    def object(self) -> JsonObject:
        """Return the JSON body as an object. Raises Problem 400 if it is any other value."""
        if not isinstance(self.body, dict):
            raise problem(400, "The request body must be a JSON object.")
        return self.body


Json = bool | Literal["whatever the Content-Type says"]
Handler = Callable[[Call], Response] | Callable[[Call], Awaitable[Response]]
ProblemConverter = Callable[[Problem], Problem]
"""A function that converts an error response to the form of one service."""
Endpoint = Callable[[Request], Awaitable[Response]]


class Routes:
    """Adds the routes of one service to a router, each with and without a slash at the end of its path.

    Args:
        state: The store, the clock and the settings of the sandbox.
        router: The router to which the routes are added.
        base: The base path of all routes.
        convert_problem: Converts an error response to the form of the service.
    """

    def __init__(
        self,
        state: SandboxState,
        router: APIRouter,
        base: str,
        convert_problem: ProblemConverter = lambda refusal: refusal,
    ) -> None:
        self.state, self.router, self.base, self.convert_problem = state, router, base, convert_problem

    def add(
        self, method: str, path: str, handler: Handler, *, atomic: bool = True, json: Json = True
    ) -> None:
        """Add a route, whose handler is called after the checks of the gateway.

        Args:
            method: The HTTP method.
            path: The path below the base path, with parameters in braces.
            handler: A function, which is called in a thread, or a coroutine function, which reads the request's body
                itself.
            atomic: Whether a function runs in a transaction of the store; for GET and HEAD it never does.
            json: Whether the body must be JSON, which is then parsed. A text means that the Content-Type is not
                checked.
        """
        json = method not in ("GET", "HEAD", "DELETE") and json
        atomic = atomic and method not in ("GET", "HEAD")
        endpoint = _endpoint(self.state, handler, self.convert_problem, atomic=atomic, has_json=json)
        self._serve([method], path, endpoint, described=True)

    def refuse(self, path: str, allowed: str) -> None:
        """Add routes that respond with 405 to every method except those in ``allowed``, such as "GET, POST"."""
        others = [method for method in _METHODS if method not in allowed]

        def handler(call: Call) -> Response:
            del call
            raise problem(405, f"Only {allowed} is allowed here.", {"Allow": allowed})

        endpoint = _endpoint(self.state, handler, self.convert_problem, atomic=False, has_json=False)
        self._serve(others, path, endpoint, described=False)

    def _serve(self, methods: list[str], path: str, endpoint: Endpoint, *, described: bool) -> None:
        """Add an endpoint to the router for each method.

        Args:
            methods: The HTTP methods.
            path: The path below the base path.
            endpoint: The function that responds to requests.
            described: Whether the sandbox's OpenAPI document contains the route.
        """
        whole = self.base + path
        for each in (whole,) if path.endswith((":path}", ":key}")) else (whole, whole + "/"):
            self.router.add_route(each, endpoint, methods=methods, include_in_schema=described)


def _endpoint(
    state: SandboxState, handler: Handler, convert_problem: ProblemConverter, *, atomic: bool, has_json: Json
) -> Endpoint:
    """Return the ASGI endpoint of a route, which calls the handler and converts its errors to responses."""

    async def endpoint(request: Request) -> Response:
        try:
            response = await _answer(state, request, handler, atomic=atomic, has_json=has_json)
        except ClientDisconnect:
            response = Response(status_code=400)  # the client has disconnected
        except (Problem, RecursionError) as error:
            await _drain(request)
            refusal = error if isinstance(error, Problem) else problem(400, "The body is nested too deeply.")
            refusal = convert_problem(refusal)
            response = JSONResponse(refusal.body, refusal.status, headers=refusal.headers)
        response.headers.setdefault("x-request-id", request.headers.get("x-request-id") or uuid.uuid4().hex)
        return response

    # Handlers of bulk requests call the handlers of the single requests by this attribute.
    endpoint.handler = None if inspect.iscoroutinefunction(handler) else handler  # type: ignore[attr-defined]
    return endpoint


async def _answer(
    state: SandboxState, request: Request, handler: Handler, *, atomic: bool, has_json: Json
) -> Response:
    """Check a request by the gateway, parse its body, and return the handler's response.

    Raises:
        Problem: the gateway or the handler rejects the request, or its URL or body is invalid.
    """
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


async def _json(call: Call, *, any_type: bool) -> object:
    """Parse the body of a request as JSON.

    Args:
        call: The request.
        any_type: Whether every Content-Type is accepted.

    Raises:
        Problem: 400 unless the body is JSON that can be stored and sent, with finite numbers and no lone surrogates.
    """
    if call.content_type not in _JSON_TYPES and not any_type:
        raise problem(400, "A valid content-type must be specified")
    try:
        return parse_json(await call.request.body())
    except (ValueError, RecursionError) as error:
        raise problem(400, "The request body is not valid JSON.") from error


def parse_json(data: bytes) -> object:
    """Parse JSON. Raises ValueError or RecursionError if it is invalid, or has NaN, infinity or lone surrogates."""
    body = json.loads(data)
    json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    return body


async def _drain(request: Request) -> None:
    """Read and discard the rest of a request body.

    Otherwise, a client that is still sending would fail with a broken pipe instead of reading the error response.
    """
    try:
        async for _ in request.stream():
            pass
    except (RuntimeError, ClientDisconnect):
        pass  # the body has already been read, or the client has disconnected

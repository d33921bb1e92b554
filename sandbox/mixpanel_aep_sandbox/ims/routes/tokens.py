"""Access tokens of Adobe IMS for OAuth server-to-server credentials (Adobe Developer Console, "Server to server").

The format of errors is not documented, so the format of RFC 6749 is used [I].
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from urllib.parse import parse_qsl

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.control.settings import change
from mixpanel_aep_sandbox.aep.core.errors import Problem
from mixpanel_aep_sandbox.aep.core.gateway import CREDENTIALS, TOKENS, token_key
from mixpanel_aep_sandbox.aep.core.service_settings import AepSettings
from mixpanel_aep_sandbox.core.json_types import JsonObject
from mixpanel_aep_sandbox.core.state import SandboxState
from mixpanel_aep_sandbox.core.store import Document
from mixpanel_aep_sandbox.ims.models import parse_scopes, seed, verify_secret
from mixpanel_aep_sandbox.ims.routes import console as ims_console
from mixpanel_aep_sandbox.ims.routes import control as ims_control

_MANDATORY = ("grant_type", "client_id", "client_secret", "scope")
_JWT_ENDED = (
    "Service Account (JWT) credentials are deprecated and have ended;"
    " use an OAuth Server-to-Server credential with POST /ims/token/v3."
)
Handler = Callable[[SandboxState, dict[str, str]], JsonObject]


def router(state: SandboxState) -> APIRouter:
    """Store the demo credential, and return a router for tokens, client secrets and the control of IMS."""
    seed(state)
    state.on_reset.append(lambda: seed(state))
    routes = APIRouter()
    _add_route(state, routes, "/ims/token/v3", _issue_token)
    _add_route(state, routes, "/ims/token/v2", _issue_token)
    _add_route(state, routes, "/ims/exchange/jwt", _reject_jwt)
    ims_console.add_routes(state, routes)
    ims_control.add_routes(state, routes)
    return routes


def _add_route(state: SandboxState, routes: APIRouter, path: str, handler: Handler) -> None:
    """Add a POST route, with and without a trailing slash, whose handler gets the parameters of the form."""

    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse(
                await run_in_threadpool(handler, state, await _read_parameters(state, request)),
                headers={"Cache-Control": "no-store"},
            )
        except Problem as rejection:
            return JSONResponse(rejection.body, rejection.status, headers=rejection.headers)

    for each in (path, path + "/"):
        routes.add_route(each, endpoint, methods=["POST"])


async def _read_parameters(state: SandboxState, request: Request) -> dict[str, str]:
    """Return the parameters in the form body and, if the settings allow it, in the query; the body has priority.

    Raises Problem 400 if the body is not a form.
    """
    body = await request.body()
    from_query = AepSettings.of(state).ims_parameters == "body or query"
    found = dict(request.query_params) if from_query else {}
    if body:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            raise _problem(400, "invalid_request", "The body must be application/x-www-form-urlencoded.")
        try:
            found.update(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        except ValueError as error:
            raise _problem(400, "invalid_request", "The body has too many parameters.") from error
    return found


def _issue_token(state: SandboxState, form: dict[str, str]) -> JsonObject:
    """Return a new access token for the credential in the form. Raises Problem if the request is rejected."""
    _throttle(state)
    with state.store.transaction():
        credential = _authenticate(state, form)
        token = "sandbox-token-" + secrets.token_urlsafe(48)
        seconds = state.settings.token_seconds
        now = state.clock.milliseconds()
        body = {
            "client_id": form["client_id"],
            "org": credential["org"],
            "scope": form["scope"],
            "created": now,
            "expires": now + seconds * 1000,
        }
        state.store.put(TOKENS, token_key(token), body)
    return {"access_token": token, "token_type": "bearer", "expires_in": seconds}


def _authenticate(state: SandboxState, form: dict[str, str]) -> Document:
    """Return the credential of a token request. Raises Problem if a parameter is missing, unknown or wrong."""
    for name in _MANDATORY:
        if not form.get(name):
            raise _problem(400, "invalid_request", f"{name} parameter is missing")
    if form["grant_type"] != "client_credentials":
        raise _problem(400, "unsupported_grant_type", "grant_type must be client_credentials")
    status = AepSettings.of(state).refusal_status
    credential = state.store.get(CREDENTIALS, form["client_id"])
    if credential is None:
        raise _problem(status or 400, "invalid_client", "invalid client_id parameter")
    if not verify_secret(state, form["client_id"], credential, form["client_secret"]):
        raise _problem(status or 401, "invalid_client", "invalid client_secret parameter")
    spaces = AepSettings.of(state).ims_scopes == "comma or space"
    requested = parse_scopes(form["scope"], spaces=spaces)
    if not requested or requested - parse_scopes(credential["scope"]):
        raise _problem(400, "invalid_scope", "invalid scope parameter")
    return credential


def _reject_jwt(_state: SandboxState, _form: dict[str, str]) -> JsonObject:
    """Raise Problem 400, as JWT credentials ended on 1 January 2025; the response since then is not documented [I]."""
    raise _problem(400, "invalid_request", _JWT_ENDED)


def _throttle(state: SandboxState) -> None:
    """Raise Problem 429 if too many tokens were requested; Adobe "may throttle", but documents no response [I]."""
    with state.store.transaction():
        settings = AepSettings.of(state)
        limit = settings.tokens_per_minute
        if settings.throttle_tokens <= 0 and (limit is None or _count_recent_tokens(state) < limit):
            return
        change(state, {"throttle_tokens": max(0, settings.throttle_tokens - 1)})
    body = {"error": "too_many_requests", "error_description": "Too many token requests."}
    raise Problem(429, body, {"Retry-After": "1"})


def _count_recent_tokens(state: SandboxState) -> int:
    """Return the number of stored tokens that were issued in the last minute of the sandbox's time."""
    since = state.clock.milliseconds() - 60_000
    return sum(body["created"] > since for _, body in state.store.items(TOKENS))


def _problem(status: int, error: str, description: str) -> Problem:
    return Problem(status, {"error": error, "error_description": description})

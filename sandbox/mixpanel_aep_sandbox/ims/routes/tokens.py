"""Adobe IMS, as far as a server-to-server credential needs it (Adobe Developer Console, "Server to server").

The shape of an error is not documented: RFC 6749's is used [I].
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
_JWT_IS_OVER = (
    "Service Account (JWT) credentials are deprecated and have ended;"
    " use an OAuth Server-to-Server credential with POST /ims/token/v3."
)
Handler = Callable[[SandboxState, dict[str, str]], JsonObject]


def router(state: SandboxState) -> APIRouter:
    """Return the routes for tokens (``v3`` and ``v2``), the discontinued JWT exchange, and the console's secrets."""
    seed(state)
    state.on_reset.append(lambda: seed(state))
    routes = APIRouter()
    _add(state, routes, "/ims/token/v3", _token)
    _add(state, routes, "/ims/token/v2", _token)
    _add(state, routes, "/ims/exchange/jwt", _jwt)
    ims_console.add_routes(state, routes)
    ims_control.add_routes(state, routes)
    return routes


def _add(state: SandboxState, routes: APIRouter, path: str, answer: Handler) -> None:
    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse(
                await run_in_threadpool(answer, state, await _form(state, request)),
                headers={"Cache-Control": "no-store"},
            )
        except Problem as refusal:
            return JSONResponse(refusal.body, refusal.status, headers=refusal.headers)

    for each in (path, path + "/"):
        routes.add_route(each, endpoint, methods=["POST"])


async def _form(state: SandboxState, request: Request) -> dict[str, str]:
    """Return the parameters of the body and, unless the settings exclude it, of the query; the body has priority."""
    body = await request.body()
    from_query = AepSettings.of(state).ims_parameters == "body or query"
    found = dict(request.query_params) if from_query else {}
    if body:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            raise _refusal(400, "invalid_request", "The body must be application/x-www-form-urlencoded.")
        try:
            found.update(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        except ValueError as error:
            raise _refusal(400, "invalid_request", "The body has too many parameters.") from error
    return found


def _token(state: SandboxState, form: dict[str, str]) -> JsonObject:
    _throttle(state)
    with state.store.transaction():
        credential = _credential(state, form)
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


def _credential(state: SandboxState, form: dict[str, str]) -> Document:
    for name in _MANDATORY:
        if not form.get(name):
            raise _refusal(400, "invalid_request", f"{name} parameter is missing")
    if form["grant_type"] != "client_credentials":
        raise _refusal(400, "unsupported_grant_type", "grant_type must be client_credentials")
    status = AepSettings.of(state).refusal_status
    credential = state.store.get(CREDENTIALS, form["client_id"])
    if credential is None:
        raise _refusal(status or 400, "invalid_client", "invalid client_id parameter")
    if not verify_secret(state, form["client_id"], credential, form["client_secret"]):
        raise _refusal(status or 401, "invalid_client", "invalid client_secret parameter")
    spaces = AepSettings.of(state).ims_scopes == "comma or space"
    requested = parse_scopes(form["scope"], spaces=spaces)
    if not requested or requested - parse_scopes(credential["scope"]):
        raise _refusal(400, "invalid_scope", "invalid scope parameter")
    return credential


def _jwt(_state: SandboxState, _form: dict[str, str]) -> JsonObject:
    """Reject a JWT: integrations were to work until 1 January 2025; the response since then is not documented [I]."""
    raise _refusal(400, "invalid_request", _JWT_IS_OVER)


def _throttle(state: SandboxState) -> None:
    """Raise Problem 429 for too many token requests: Adobe "may throttle" them; the response is not documented [I]."""
    with state.store.transaction():
        settings = AepSettings.of(state)
        limit = settings.tokens_per_minute
        if settings.throttle_tokens <= 0 and (limit is None or _count_recent_requests(state) < limit):
            return
        change(state, {"throttle_tokens": max(0, settings.throttle_tokens - 1)})
    body = {"error": "too_many_requests", "error_description": "Too many token requests."}
    raise Problem(429, body, {"Retry-After": "1"})


def _count_recent_requests(state: SandboxState) -> int:
    since = state.clock.milliseconds() - 60_000
    return sum(body["created"] > since for _, body in state.store.items(TOKENS))


def _refusal(status: int, error: str, description: str) -> Problem:
    return Problem(status, {"error": error, "error_description": description})

"""Adobe IMS, as far as a server-to-server credential needs it (Adobe Developer Console, "Server to server").

The shape of a refusal is not documented: RFC 6749's is used [I].
"""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from include.sandbox.aep.constants import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, DEMO_ORG, DEMO_SCOPE
from include.sandbox.aep.gateway import CREDENTIALS, TOKENS, token_key
from include.sandbox.aep.problems import Problem
from include.sandbox.aep.settings import AepSettings, change
from include.sandbox.store import Document
from include.sandbox.world import World

_MANDATORY = ("grant_type", "client_id", "client_secret", "scope")


def router(world: World) -> APIRouter:
    """``POST /ims/token/v3`` and the older ``/ims/token/v2``."""
    seed(world)
    world.on_reset.append(lambda: seed(world))
    routes = APIRouter()

    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse(
                await run_in_threadpool(_token, world, await _form(request)),
                headers={"Cache-Control": "no-store"},
            )
        except Problem as refusal:
            return JSONResponse(refusal.body, refusal.status, headers=refusal.headers)

    for version in ("v3", "v2"):
        routes.add_route(f"/ims/token/{version}", endpoint, methods=["POST"])
        routes.add_route(f"/ims/token/{version}/", endpoint, methods=["POST"])
    return routes


def seed(world: World) -> None:
    """Puts the demo credential in place, unless it is there."""
    if world.store.get(CREDENTIALS, DEMO_CLIENT_ID) is None:
        body = {"secrets": [DEMO_CLIENT_SECRET], "org": DEMO_ORG, "scope": DEMO_SCOPE}
        world.store.put(CREDENTIALS, DEMO_CLIENT_ID, body)


async def _form(request: Request) -> dict[str, str]:
    """Parameters of the body or the query; the body wins."""
    body = await request.body()
    found = dict(request.query_params)
    if body:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            raise _refusal(400, "invalid_request", "The body must be application/x-www-form-urlencoded.")
        found.update(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    return found


def _token(world: World, form: dict[str, str]) -> dict[str, Any]:
    _throttle(world)
    with world.store.transaction():
        credential = _credential(world, form)
        token = "sandbox-token-" + secrets.token_urlsafe(48)
        seconds = world.settings.token_seconds
        now = world.clock.milliseconds()
        body = {
            "client_id": form["client_id"],
            "org": credential["org"],
            "created": now,
            "expires": now + seconds * 1000,
        }
        world.store.put(TOKENS, token_key(token), body)
    return {"access_token": token, "token_type": "bearer", "expires_in": seconds}


def _credential(world: World, form: dict[str, str]) -> Document:
    for name in _MANDATORY:
        if not form.get(name):
            raise _refusal(400, "invalid_request", f"{name} parameter is missing")
    if form["grant_type"] != "client_credentials":
        raise _refusal(400, "unsupported_grant_type", "grant_type must be client_credentials")
    credential = world.store.get(CREDENTIALS, form["client_id"])
    if credential is None:
        raise _refusal(400, "invalid_client", "invalid client_id parameter")
    if not any(
        secrets.compare_digest(form["client_secret"].encode(), known.encode())
        for known in credential["secrets"]
    ):
        raise _refusal(401, "invalid_client", "invalid client_secret parameter")
    wanted = set(form["scope"].replace(",", " ").split())
    if not wanted or wanted - set(credential["scope"].split(",")):
        raise _refusal(400, "invalid_scope", "invalid scope parameter")
    return credential


def _throttle(world: World) -> None:
    """Adobe "may throttle" who asks for too many tokens; how is not documented [I]."""
    with world.store.transaction():
        settings = AepSettings.of(world)
        since = world.clock.milliseconds() - 60_000
        recent = sum(body["created"] > since for _, body in world.store.items(TOKENS))
        limit = settings.tokens_per_minute
        if settings.throttle_tokens <= 0 and (limit is None or recent < limit):
            return
        change(world, {"throttle_tokens": max(0, settings.throttle_tokens - 1)})
    body = {"error": "too_many_requests", "error_description": "Too many token requests."}
    raise Problem(429, body, {"Retry-After": "1"})


def _refusal(status: int, error: str, description: str) -> Problem:
    return Problem(status, {"error": error, "error_description": description})

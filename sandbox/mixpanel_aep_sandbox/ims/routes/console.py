"""Routes of the Adobe Developer Console's API that list, add and delete the client secrets of a credential.

``/console/organizations/{org}/credentials/{id}/secrets`` follows dev-console: ServerToServerAuthentication/ims.md. The
error responses are not documented, so they are assumptions [I].
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.constants import CONSOLE
from mixpanel_aep_sandbox.aep.core.errors import Problem, problem
from mixpanel_aep_sandbox.aep.core.gateway import Caller, authenticated_caller
from mixpanel_aep_sandbox.core.state import SandboxState
from mixpanel_aep_sandbox.ims.models import add_secret, parse_scopes, remove_secret, secret_view

_READ, _MANAGE = "read_client_secret", "manage_client_secrets"
Handler = Callable[[SandboxState, Request], Response]


def add_routes(state: SandboxState, routes: APIRouter) -> None:
    """Add the routes for client secrets to the router."""
    secrets = f"{CONSOLE}/{{org:key}}/credentials/{{id:key}}/secrets"
    for method, path, handler in (
        ("GET", secrets, _list),
        ("POST", secrets, _add),
        ("DELETE", secrets + "/{uuid:key}", _remove),
    ):
        for each in (path, path + "/"):
            routes.add_route(each, _endpoint(state, handler), methods=[method])


def _endpoint(state: SandboxState, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        def run() -> Response:
            with state.store.transaction():
                return handler(state, request)

        try:
            return await run_in_threadpool(run)
        except Problem as rejection:
            return JSONResponse(rejection.body, rejection.status)

    return endpoint


def _list(state: SandboxState, request: Request) -> Response:
    """Return the client secrets of the credential, without their values."""
    authorized = _authorize(state, request, _READ)
    entries = [secret_view(entry) for entry in authorized.credential["secrets"]]
    return JSONResponse({"client_id": authorized.client_id, "client_secrets": entries})


def _add(state: SandboxState, request: Request) -> Response:
    """Create a client secret and return it with its value. Raises Problem 400 if the credential has two secrets."""
    authorized = _authorize(state, request, _MANAGE)
    try:
        secret, entry = add_secret(state, authorized.client_id, authorized.credential)
    except ValueError as error:
        raise problem(400, str(error)) from error
    return JSONResponse({**secret_view(entry), "client_secret": secret}, 201)


def _remove(state: SandboxState, request: Request) -> Response:
    """Delete the client secret whose uuid is in the path. Raises Problem 404 if it does not exist."""
    authorized, secret_id = _authorize(state, request, _MANAGE), str(request.path_params["uuid"])
    if not remove_secret(state, authorized.client_id, authorized.credential, secret_id):
        raise problem(404, f"Client secret {secret_id} not found.")
    return Response(status_code=204)


def _authorize(state: SandboxState, request: Request, scope: str) -> Caller:
    """Return the credential that sent the request, after a check that it may access the credential in the path.

    Raises:
        Problem: 404 if the path names another credential than the caller's own; 403 if the access token lacks the
            scope.
    """
    known, params = authenticated_caller(state, request), request.path_params
    if params["org"] not in (known.credential["org_number"], known.credential["org"]) or params["id"] not in (
        known.credential["credential_id"],
        known.client_id,
    ):
        # The console identifies organization and credential by numbers; the ids in the headers work too [I].
        raise problem(404, f"Credential {params['id']} not found in organization {params['org']}.")
    if scope not in parse_scopes(known.token["scope"]):
        raise problem(403, f"The access token does not have the scope {scope}.")
    return known

"""``/data/foundation/query``: the address of Query Service's port, and the password (EP:query-service/api)."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.constants import QUERY
from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.http import Call, Routes
from mixpanel_aep_sandbox.aep.query_service.logins import denial_reason
from mixpanel_aep_sandbox.core.state import SandboxState


def add_routes(state: SandboxState, router: APIRouter) -> None:
    """Add the route of the parameters."""
    Routes(state, router, QUERY).add("GET", "/connection_parameters", _connection_parameters)


def _connection_parameters(call: Call) -> Response:
    """Return the parameters. The token is the request's own; the compressed one is the same here [I]."""
    if reason := denial_reason(call.scope.state):
        raise problem(403, reason)  # [I] neither status nor body is documented
    if call.scope.state.query_address is None:
        raise problem(503, "Query Service is not running in this sandbox.")
    host, port = call.scope.state.query_address
    if host in ("0.0.0.0", "::"):  # noqa: S104 - every address, so use the host name of the request
        host = call.request.url.hostname or "127.0.0.1"
    token = call.request.headers["authorization"].partition(" ")[2].strip()
    return JSONResponse(
        {
            "username": call.scope.org,
            "dbName": f"{call.scope.name}:all",
            "host": host,
            "version": 1,
            "port": port,
            "token": token,
            "compressedToken": token,
            "websocketHost": f"ws://{host}:{port}",
        }
    )

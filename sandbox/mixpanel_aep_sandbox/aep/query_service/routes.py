"""Route under ``/data/foundation/query`` for the connection parameters of Query Service (EP:query-service/api)."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.constants import QUERY
from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.http import Call, Routes
from mixpanel_aep_sandbox.aep.query_service.logins import denial_reason
from mixpanel_aep_sandbox.core.state import SandboxState


def add_routes(state: SandboxState, router: APIRouter) -> None:
    """Add the route for the connection parameters to the router."""
    Routes(state, router, QUERY).add("GET", "/connection_parameters", _connection_parameters)


def _connection_parameters(call: Call) -> Response:
    """Return host, port, database, user name and password. The password is the access token of this request.

    ``compressedToken`` is the same token (assumed [I]).
    """
    if reason := denial_reason(call.scope.state):
        raise problem(403, reason)  # status and body are not documented [I]
    if call.scope.state.query_address is None:
        raise problem(503, "Query Service is not running in this sandbox.")
    host, port = call.scope.state.query_address
    if host in ("0.0.0.0", "::"):  # noqa: S104 - bound to all addresses, so return the host name that the client used
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

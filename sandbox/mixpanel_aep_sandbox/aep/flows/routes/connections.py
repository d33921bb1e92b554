"""Base connections: accounts of the source.

EP:sources/tutorials/api/create/analytics/mixpanel.md, update.md, delete.md.
"""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.http import Call
from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.aep.core.service_settings import AepSettings
from mixpanel_aep_sandbox.aep.flows.constants import CONNECTIONS, FLOWS, MIXPANEL_SPEC, SOURCES
from mixpanel_aep_sandbox.aep.flows.errors import FlowServiceError, invalid
from mixpanel_aep_sandbox.aep.flows.models import Entity, all_of, find, require_text
from mixpanel_aep_sandbox.aep.flows.routes.http import FlowRoutes
from mixpanel_aep_sandbox.aep.flows.routes.resource import Resource
from mixpanel_aep_sandbox.aep.flows.source.explore import explore
from mixpanel_aep_sandbox.aep.flows.source.mixpanel_client import (
    MixpanelClient,
    MixpanelRequestError,
    export_host,
)
from mixpanel_aep_sandbox.aep.flows.specs import spec_of
from mixpanel_aep_sandbox.core.state import SandboxState

_AUTH = "Basic Authentication"


def add_routes(routes: FlowRoutes) -> None:
    """Add the routes of base connections."""
    routes.serve("POST", f"/{CONNECTIONS}", _create)
    routes.serve("GET", f"/{CONNECTIONS}/{{id}}/test", _test)
    routes.serve("GET", f"/{CONNECTIONS}/{{id}}/explore", _explore)
    RESOURCE.add_routes(routes)


def client_of(state: SandboxState, connection: Entity) -> MixpanelClient:
    """Return a Mixpanel client with the connection's credentials."""
    return MixpanelClient.of(state, connection.get("auth", {}).get("params", {}))


def _check(_scope: AepSandboxScope, given: Entity, draft: bool) -> Entity:
    require_text(given, "name")
    require_text(given, "description", optional=True)
    spec = spec_of(given, (MIXPANEL_SPEC,))
    if draft and "auth" not in given:
        return {**given, "connectionSpec": spec}
    auth = given.get("auth")
    if not isinstance(auth, dict):
        raise invalid("auth must be an object with specName and params")
    if auth.get("specName") != _AUTH:
        raise FlowServiceError("1415-400", name=auth.get("specName"), spec=spec["id"])
    params = auth.get("params")
    if not isinstance(params, dict):
        raise invalid("auth.params must be an object")
    for name in ("username", "password"):
        require_text(params, name)
    if params.get("host") is not None and export_host(params["host"]) is None:
        raise invalid("host must be one of Mixpanel's raw data export, such as https://data.mixpanel.com")
    kept = {name: params[name] for name in ("host", "username", "password") if params.get(name) is not None}
    return {**given, "connectionSpec": spec, "auth": {"specName": _AUTH, "params": kept}}


def _connection_view(_scope: AepSandboxScope, connection: Entity) -> Entity:
    """Return a connection without the password: "a partial view of the credentials" (OAS:flow-service.yaml)."""
    if "auth" not in connection:
        return connection
    auth = connection["auth"]
    params = {name: value for name, value in auth["params"].items() if name != "password"}
    return {**connection, "auth": {**auth, "params": params}}


def _check_unused(scope: AepSandboxScope, connection: Entity) -> None:
    """Check that no dataflow uses the connection; source connections without one do not block its deletion [I]."""
    sources = {
        source["id"]
        for source in all_of(scope, SOURCES)
        if source.get("baseConnectionId") == connection["id"]
    }
    if any(sources.intersection(flow.get("sourceConnectionIds", [])) for flow in all_of(scope, FLOWS)):
        raise FlowServiceError("1418-400", id=connection["id"])


RESOURCE = Resource(
    CONNECTIONS,
    ("name", "description", "auth", "connectionSpec"),
    _check,
    shown=_connection_view,
    free=_check_unused,
)


def _create(call: Call) -> Response:
    settings = AepSettings.of(call.scope.state)
    draft = call.query("mode").lower() == "draft"
    if settings.flow_test_on_create and isinstance(call.body, dict) and not draft:
        fields = _check(call.scope, call.body, False)
        if not _is_accepted(client_of(call.scope.state, fields)):
            raise invalid("Mixpanel does not accept the account")
    return RESOURCE.create(call)


def _test(call: Call) -> Response:
    connection = find(call.scope, CONNECTIONS, call.path("id"))
    return JSONResponse({"result": _is_accepted(client_of(call.scope.state, connection))})


def _is_accepted(client: MixpanelClient) -> bool:
    try:
        client.projects()
    except MixpanelRequestError:
        return False
    return True


def _explore(call: Call) -> Response:
    connection = find(call.scope, CONNECTIONS, call.path("id"))
    return explore(call, client_of(call.scope.state, connection))

"""Routes for base connections, which have the credentials of a Mixpanel account.

Source: EP:sources/tutorials/api/create/analytics/mixpanel.md, update.md, delete.md.
"""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.http import Call
from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.aep.core.service_settings import AepSettings
from mixpanel_aep_sandbox.aep.flows.constants import CONNECTIONS, FLOWS, MIXPANEL_SPEC, SOURCES
from mixpanel_aep_sandbox.aep.flows.errors import FlowServiceError, invalid
from mixpanel_aep_sandbox.aep.flows.models import Entity, find, list_entities, require_text
from mixpanel_aep_sandbox.aep.flows.routes.http import FlowRoutes
from mixpanel_aep_sandbox.aep.flows.routes.resource import Resource
from mixpanel_aep_sandbox.aep.flows.source.explore import explore
from mixpanel_aep_sandbox.aep.flows.source.mixpanel_client import (
    MixpanelClient,
    MixpanelRequestError,
    export_host,
)
from mixpanel_aep_sandbox.aep.flows.specs import validate_spec
from mixpanel_aep_sandbox.core.state import SandboxState

_AUTH = "Basic Authentication"


def add_routes(routes: FlowRoutes) -> None:
    """Add the routes for base connections."""
    routes.serve("POST", f"/{CONNECTIONS}", _create)
    routes.serve("GET", f"/{CONNECTIONS}/{{id}}/test", _test)
    routes.serve("GET", f"/{CONNECTIONS}/{{id}}/explore", _explore)
    RESOURCE.add_routes(routes)


def make_client(state: SandboxState, connection: Entity) -> MixpanelClient:
    """Return a Mixpanel client with the credentials of a base connection."""
    return MixpanelClient.of(state, connection.get("auth", {}).get("params", {}))


def _validate(_scope: AepSandboxScope, given: Entity, draft: bool) -> Entity:
    """Validate the fields of a base connection, and return the fields to store.

    Args:
        _scope: not used.
        given: The fields of the body.
        draft: Whether it is a draft, which need not have ``auth``.

    Raises:
        FlowServiceError: a field is invalid.
    """
    require_text(given, "name")
    require_text(given, "description", optional=True)
    spec = validate_spec(given, (MIXPANEL_SPEC,))
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
    stored = {name: params[name] for name in ("host", "username", "password") if params.get(name) is not None}
    return {**given, "connectionSpec": spec, "auth": {"specName": _AUTH, "params": stored}}


def _connection_view(_scope: AepSandboxScope, connection: Entity) -> Entity:
    """Return a base connection without its password: "a partial view of the credentials" (OAS:flow-service.yaml)."""
    if "auth" not in connection:
        return connection
    auth = connection["auth"]
    params = {name: value for name, value in auth["params"].items() if name != "password"}
    return {**connection, "auth": {**auth, "params": params}}


def _check_unused(scope: AepSandboxScope, connection: Entity) -> None:
    """Raise FlowServiceError if a dataflow uses the base connection.

    Source connections that no dataflow uses do not prevent the deletion of the base connection (assumed [I]).
    """
    sources = {
        source["id"]
        for source in list_entities(scope, SOURCES)
        if source.get("baseConnectionId") == connection["id"]
    }
    if any(sources.intersection(flow.get("sourceConnectionIds", [])) for flow in list_entities(scope, FLOWS)):
        raise FlowServiceError("1418-400", id=connection["id"])


RESOURCE = Resource(
    CONNECTIONS,
    ("name", "description", "auth", "connectionSpec"),
    _validate,
    public_view=_connection_view,
    check_deletion=_check_unused,
)


def _create(call: Call) -> Response:
    settings = AepSettings.of(call.scope.state)
    draft = call.query("mode").lower() == "draft"
    if settings.flow_test_on_create and isinstance(call.body, dict) and not draft:
        fields = _validate(call.scope, call.body, False)
        if not _has_valid_credentials(make_client(call.scope.state, fields)):
            raise invalid("Mixpanel does not accept the account")
    return RESOURCE.create(call)


def _test(call: Call) -> Response:
    connection = find(call.scope, CONNECTIONS, call.path("id"))
    return JSONResponse({"result": _has_valid_credentials(make_client(call.scope.state, connection))})


def _has_valid_credentials(client: MixpanelClient) -> bool:
    """Return whether Mixpanel answers a request for the account's projects without an error."""
    try:
        client.projects()
    except MixpanelRequestError:
        return False
    return True


def _explore(call: Call) -> Response:
    connection = find(call.scope, CONNECTIONS, call.path("id"))
    return explore(call, make_client(call.scope.state, connection))

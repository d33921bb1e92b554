"""Common routes for connections, source and target connections and dataflows: create, list, read, change, delete."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.responses import JSONResponse, Response

from mixpanel_aep_sandbox.aep.core.errors import Problem
from mixpanel_aep_sandbox.aep.core.http import Call
from mixpanel_aep_sandbox.aep.core.json_patch import json_patch
from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.aep.flows.constants import FLOW_SERVICE, FLOWS
from mixpanel_aep_sandbox.aep.flows.errors import FlowServiceError
from mixpanel_aep_sandbox.aep.flows.models import (
    Entity,
    common_fields,
    document_kind,
    find,
    id_and_etag,
    list_entities,
    require_state,
    save,
)
from mixpanel_aep_sandbox.aep.flows.routes.http import FlowRoutes
from mixpanel_aep_sandbox.aep.flows.routes.listing import list_response

_OPERATIONS = ("add", "replace", "remove")


def _unchanged(_scope: AepSandboxScope, entity: Entity) -> Entity:
    return entity


def _accept_change(
    _scope: AepSandboxScope, _before: Entity, after: Entity, _operations: list[Entity]
) -> Entity:
    return after


@dataclass(frozen=True)
class Resource:
    """The common routes for one kind of entity, and what differs between the kinds.

    That are the fields that clients can set, and functions with the rules of the kind, which may raise
    FlowServiceError.
    """

    kind: str
    fields: tuple[str, ...]
    validate: Callable[[AepSandboxScope, Entity, bool], Entity]
    """``validate(scope, fields, draft)`` validates the fields of a body, and returns the fields to store."""
    public_view: Callable[[AepSandboxScope, Entity], Entity]
    """``public_view(scope, entity)`` returns a stored entity in the form of the API's responses."""
    check_deletion: Callable[[AepSandboxScope, Entity], None]
    """``check_deletion(scope, entity)`` raises FlowServiceError if the entity is in use and must not be deleted."""
    prepare_change: Callable[[AepSandboxScope, Entity, Entity, list[Entity]], Entity] = _accept_change
    """``prepare_change(scope, before, after, operations)`` checks a change, and returns the entity to store."""
    prepare_publication: Callable[[AepSandboxScope, Entity], Entity] = _unchanged
    """``prepare_publication(scope, entity)`` checks an entity that is not a draft, and returns the entity to store."""

    def add_routes(self, routes: FlowRoutes) -> None:
        """Add the routes of this kind of entity."""
        routes.serve("GET", f"/{self.kind}", self.list)
        routes.serve("POST", f"/{self.kind}", self.create)
        routes.serve("GET", f"/{self.kind}/{{id}}", self.lookup)
        routes.serve("PATCH", f"/{self.kind}/{{id}}", self.patch)
        routes.serve("DELETE", f"/{self.kind}/{{id}}", self.delete)
        routes.serve("POST", f"/{self.kind}/{{id}}/action", self.act, json=False)

    def list(self, call: Call) -> Response:
        """Return the list of entities that the query parameters select."""
        return list_response(
            call, self.kind, [self.view(call.scope, each) for each in list_entities(call.scope, self.kind)]
        )

    def lookup(self, call: Call) -> Response:
        """Return the entity whose id is in the path, as the only item of a list."""
        entity = find(call.scope, self.kind, call.path("id"))
        return JSONResponse({"items": [self.view(call.scope, entity)]})

    def view(self, scope: AepSandboxScope, entity: Entity) -> Entity:
        """Return an entity in the form of the API's responses: its public view, without null values.

        Its ``version`` is the etag, as in all samples.
        """
        view = {name: value for name, value in self.public_view(scope, entity).items() if value is not None}
        return {**view, "version": entity["etag"], "etag": entity["etag"]}

    def create(self, call: Call) -> Response:
        """Create an entity, or a draft of one with ``mode=draft``, and return its id and etag."""
        scope = call.scope
        if not isinstance(call.body, dict) or not call.body:
            raise FlowServiceError("1405-400")
        if self.kind == FLOWS and call.body.get("state") is not None:
            raise FlowServiceError("1410-400")
        draft = call.query("mode").lower() == "draft"
        if call.query("mode") and not draft:
            raise FlowServiceError("1451-400", name="mode")
        fields = self.validate(scope, self._known_fields(call.body), draft)
        with scope.state.store.transaction():
            new = {**common_fields(scope, call.client_id), **fields, "state": "draft" if draft else "enabled"}
            entity = save(scope, self.kind, new if draft else self.prepare_publication(scope, new))
        location = call.url(f"{FLOW_SERVICE}/{self.kind}/{entity['id']}")
        return JSONResponse(id_and_etag(entity), 201, {"Location": location})

    def patch(self, call: Call) -> Response:
        """Change an entity by JSON Patch operations in the body, and return its id and new etag."""
        scope = call.scope
        operations = _parse_patch(call.body, self.fields)
        with scope.state.store.transaction():
            before = find(scope, self.kind, call.path("id"))
            _check_etag(call, before)
            try:
                given = json_patch(self._known_fields(before), operations)
            except Problem as error:
                raise FlowServiceError("1455-400", reason=error.body["detail"]) from error
            fields = self.validate(scope, self._known_fields(given), before["state"] == "draft")
            after = {name: value for name, value in before.items() if name not in self.fields} | fields
            after["updatedClient"] = call.client_id
            entity = save(scope, self.kind, self.prepare_change(scope, before, after, operations))
        return JSONResponse(id_and_etag(entity))

    def delete(self, call: Call) -> Response:
        """Delete the entity whose id is in the path, unless it is in use."""
        with call.scope.state.store.transaction():
            entity = find(call.scope, self.kind, call.path("id"))
            self.check_deletion(call.scope, entity)
            call.scope.delete(document_kind(self.kind), entity["id"])
        return Response(status_code=204)

    def act(self, call: Call) -> Response:
        """Publish a draft (``op=PUBLISH``), the only action that all kinds of entities have."""
        return self.change_state(call, {})

    def change_state(
        self, call: Call, more: dict[str, Callable[[AepSandboxScope, Entity], Entity]]
    ) -> Response:
        """Apply the action that the query parameter ``op`` names, in upper or lower case.

        Args:
            call: The request.
            more: The actions of this kind of entity in addition to ``publish``: functions that return the changed
                entity, by name.
        """
        scope, op = call.scope, call.query("op").upper()
        if op in ("FINALIZE", "FINALIZE_UPDATE"):
            raise FlowServiceError("1402-400", action=op.lower())
        actions = {"PUBLISH": self._publish, **more}
        if op not in actions:
            raise FlowServiceError("1434-400", operation=call.query("op"))
        with scope.state.store.transaction():
            entity = find(scope, self.kind, call.path("id"))
            if call.request.headers.get("if-match"):
                _check_etag(call, entity)
            entity = save(scope, self.kind, actions[op](scope, entity))
        return JSONResponse(id_and_etag(entity))

    def _publish(self, scope: AepSandboxScope, entity: Entity) -> Entity:
        require_state(entity, "publish", "draft")
        fields = self.validate(scope, self._known_fields(entity), False)
        return self.prepare_publication(scope, {**entity, **fields, "state": "enabled"})

    def _known_fields(self, body: Entity) -> Entity:
        return {name: body[name] for name in self.fields if body.get(name) is not None}


def _check_etag(call: Call, entity: Entity) -> None:
    """Raise FlowServiceError if the header ``If-Match`` is missing, or is not the entity's etag.

    The etag is accepted with or without quotes (EP:sources/tutorials/api/update.md).
    """
    supplied = call.request.headers.get("if-match", "").strip()
    if not supplied:
        raise FlowServiceError("1403-400")
    if supplied != "*" and supplied.removeprefix("W/").strip('"') != entity["etag"].strip('"'):
        raise FlowServiceError("1404-412", supplied=supplied, current=entity["etag"])


def _parse_patch(body: object, fields: tuple[str, ...]) -> list[Entity]:
    """Return the JSON Patch operations of a body, with ``op`` in lower case (the specification has upper case).

    Raises FlowServiceError for another operation than add, replace and remove, or for a field that cannot be changed.
    """
    if not body:
        raise FlowServiceError("1405-400")
    if not isinstance(body, list) or not all(isinstance(each, dict) for each in body):
        raise FlowServiceError("1455-400", reason="the body must be an array of operations")
    operations = [{**each, "op": str(each.get("op")).lower()} for each in body]
    for each in operations:
        if each["op"] not in _OPERATIONS:
            raise FlowServiceError("1434-400", operation=each["op"])
        path = each.get("path")
        if not isinstance(path, str) or not path.startswith("/"):
            raise FlowServiceError("1455-400", reason="path must begin with a slash")
        field = path.split("/")[1]
        if field == "connectionSpec":
            raise FlowServiceError("1414-400")
        if field not in fields:
            raise FlowServiceError("1455-400", reason=f"{path} cannot be changed")
    return operations

"""Common routes of connections, source connections, target connections and dataflows: create, read, change, delete."""

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
    all_of,
    document_kind,
    envelope,
    find,
    id_and_etag,
    require_state,
    save,
)
from mixpanel_aep_sandbox.aep.flows.routes.http import FlowRoutes
from mixpanel_aep_sandbox.aep.flows.routes.listing import list_response

_OPERATIONS = ("add", "replace", "remove")


def _unchanged(_scope: AepSandboxScope, entity: Entity) -> Entity:
    return entity


def _unchanged_entity(
    _scope: AepSandboxScope, _before: Entity, after: Entity, _operations: list[Entity]
) -> Entity:
    return after


@dataclass(frozen=True)
class Resource:
    """One kind of entity: the fields of its bodies, and their rules.

    ``check(scope, fields, draft)`` returns the fields as they are stored, and raises FlowServiceError; ``shown`` is the
    public view of an entity; ``free`` raises FlowServiceError while it is in use; ``changed(before, after, operations)``
    and ``published`` check an entity before it is stored.
    """

    kind: str
    fields: tuple[str, ...]
    check: Callable[[AepSandboxScope, Entity, bool], Entity]
    shown: Callable[[AepSandboxScope, Entity], Entity]
    free: Callable[[AepSandboxScope, Entity], None]
    changed: Callable[[AepSandboxScope, Entity, Entity, list[Entity]], Entity] = _unchanged_entity
    published: Callable[[AepSandboxScope, Entity], Entity] = _unchanged

    def add_routes(self, routes: FlowRoutes) -> None:
        """Add the routes of the resource."""
        routes.serve("GET", f"/{self.kind}", self.list)
        routes.serve("POST", f"/{self.kind}", self.create)
        routes.serve("GET", f"/{self.kind}/{{id}}", self.lookup)
        routes.serve("PATCH", f"/{self.kind}/{{id}}", self.patch)
        routes.serve("DELETE", f"/{self.kind}/{{id}}", self.delete)
        routes.serve("POST", f"/{self.kind}/{{id}}/action", self.act, json=False)

    def list(self, call: Call) -> Response:
        """Return a list of entities."""
        return list_response(
            call, self.kind, [self.view(call.scope, each) for each in all_of(call.scope, self.kind)]
        )

    def lookup(self, call: Call) -> Response:
        """Return one entity."""
        entity = find(call.scope, self.kind, call.path("id"))
        return JSONResponse({"items": [self.view(call.scope, entity)]})

    def view(self, scope: AepSandboxScope, entity: Entity) -> Entity:
        """Return the public view: ``version`` is the etag in every sample."""
        shown = {name: value for name, value in self.shown(scope, entity).items() if value is not None}
        return {**shown, "version": entity["etag"], "etag": entity["etag"]}

    def create(self, call: Call) -> Response:
        """Create an entity."""
        scope = call.scope
        if not isinstance(call.body, dict) or not call.body:
            raise FlowServiceError("1405-400")
        if self.kind == FLOWS and call.body.get("state") is not None:
            raise FlowServiceError("1410-400")
        draft = call.query("mode").lower() == "draft"
        if call.query("mode") and not draft:
            raise FlowServiceError("1451-400", name="mode")
        fields = self.check(scope, self._known_fields(call.body), draft)
        with scope.state.store.transaction():
            new = {**envelope(scope, call.client_id), **fields, "state": "draft" if draft else "enabled"}
            entity = save(scope, self.kind, new if draft else self.published(scope, new))
        location = call.url(f"{FLOW_SERVICE}/{self.kind}/{entity['id']}")
        return JSONResponse(id_and_etag(entity), 201, {"Location": location})

    def patch(self, call: Call) -> Response:
        """Change an entity by JSON Patch."""
        scope = call.scope
        operations = _operations(call.body, self.fields)
        with scope.state.store.transaction():
            before = find(scope, self.kind, call.path("id"))
            _match(call, before)
            try:
                given = json_patch(self._known_fields(before), operations)
            except Problem as error:
                raise FlowServiceError("1455-400", reason=error.body["detail"]) from error
            fields = self.check(scope, self._known_fields(given), before["state"] == "draft")
            after = {name: value for name, value in before.items() if name not in self.fields} | fields
            after["updatedClient"] = call.client_id
            entity = save(scope, self.kind, self.changed(scope, before, after, operations))
        return JSONResponse(id_and_etag(entity))

    def delete(self, call: Call) -> Response:
        """Delete an entity."""
        with call.scope.state.store.transaction():
            entity = find(call.scope, self.kind, call.path("id"))
            self.free(call.scope, entity)
            call.scope.delete(document_kind(self.kind), entity["id"])
        return Response(status_code=204)

    def act(self, call: Call) -> Response:
        """Publish a draft (``op=PUBLISH``); ``FINALIZE`` is not available to clients."""
        return self.change_state(call, {})

    def change_state(
        self, call: Call, more: dict[str, Callable[[AepSandboxScope, Entity], Entity]]
    ) -> Response:
        """Apply the query's ``op``, in upper or lower case: one of ``more``, or an operation of every resource."""
        scope, op = call.scope, call.query("op").upper()
        if op in ("FINALIZE", "FINALIZE_UPDATE"):
            raise FlowServiceError("1402-400", action=op.lower())
        actions = {"PUBLISH": self._publish, **more}
        if op not in actions:
            raise FlowServiceError("1434-400", operation=call.query("op"))
        with scope.state.store.transaction():
            entity = find(scope, self.kind, call.path("id"))
            if call.request.headers.get("if-match"):
                _match(call, entity)
            entity = save(scope, self.kind, actions[op](scope, entity))
        return JSONResponse(id_and_etag(entity))

    def _publish(self, scope: AepSandboxScope, entity: Entity) -> Entity:
        require_state(entity, "publish", "draft")
        fields = self.check(scope, self._known_fields(entity), False)
        return self.published(scope, {**entity, **fields, "state": "enabled"})

    def _known_fields(self, body: Entity) -> Entity:
        return {name: body[name] for name in self.fields if body.get(name) is not None}


def _match(call: Call, entity: Entity) -> None:
    """Check ``If-Match``, which is required, and accepted with or without the quotes of the etag (update.md)."""
    supplied = call.request.headers.get("if-match", "").strip()
    if not supplied:
        raise FlowServiceError("1403-400")
    if supplied != "*" and supplied.removeprefix("W/").strip('"') != entity["etag"].strip('"'):
        raise FlowServiceError("1404-412", supplied=supplied, current=entity["etag"])


def _operations(body: object, fields: tuple[str, ...]) -> list[Entity]:
    """Return JSON Patch with add, replace and remove, the supported operations; the specification has capitals."""
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

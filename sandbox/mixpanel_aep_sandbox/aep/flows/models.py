"""Connections, source connections, target connections and dataflows, as they are stored."""

from __future__ import annotations

import secrets
import uuid

from mixpanel_aep_sandbox.aep.core.constants import AEP_SANDBOXES, DEMO_USER
from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.aep.flows.errors import FlowServiceError, invalid
from mixpanel_aep_sandbox.core.json_types import JsonObject

Entity = JsonObject


def document_kind(kind: str) -> str:
    """Return the kind of the documents of a resource."""
    return f"flows/{kind}"


def find(scope: AepSandboxScope, kind: str, key: str) -> Entity:
    """Return an entity. Raises FlowServiceError if it does not exist."""
    entity = scope.get(document_kind(kind), key)
    if entity is None:
        raise FlowServiceError("1439-404", type=kind, id=key)
    return entity


def find_referred(scope: AepSandboxScope, kind: str, key: object) -> Entity:
    """Return the entity that a body refers to by id. Raises FlowServiceError."""
    entity = scope.get(document_kind(kind), key) if isinstance(key, str) else None
    if entity is None:
        raise FlowServiceError("1101-404", reason=f"Resource of {kind} with given id {key} does not exist.")
    return entity


def all_of(scope: AepSandboxScope, kind: str) -> list[Entity]:
    """Return all entities of a kind, oldest first."""
    return [entity for _, entity in scope.items(document_kind(kind))]


def save(scope: AepSandboxScope, kind: str, entity: Entity) -> Entity:
    """Store an entity under a new etag, in the transaction in which it was read."""
    etag = f'"{secrets.token_hex(4)}-0000-0200-0000-{scope.now // 1000 & 0xFFFFFFFF:08x}0000"'
    changed = {**entity, "updatedAt": scope.now, "etag": etag}
    scope.put(document_kind(kind), entity["id"], changed)
    return changed


def envelope(scope: AepSandboxScope, client: str, user: str = DEMO_USER) -> Entity:
    """Return the common fields of every new resource."""
    now = scope.now
    return {
        "id": str(uuid.uuid4()),
        "createdAt": now,
        "updatedAt": now,
        "createdBy": user,
        "updatedBy": user,
        "createdClient": client,
        "updatedClient": client,
        "sandboxId": AEP_SANDBOXES[scope.name],
        "sandboxName": scope.name,
        "imsOrgId": scope.org,
    }


def id_and_etag(entity: Entity) -> dict[str, str]:
    """Return an entity's ``id`` and ``etag``, which are the response to a change."""
    return {"id": entity["id"], "etag": entity["etag"]}


def require_text(given: Entity, name: str, *, optional: bool = False) -> None:
    """Raise FlowServiceError unless the value is a text."""
    value = given.get(name)
    if value is None and optional:
        return
    if not isinstance(value, str) or not (value.strip() or optional):
        raise invalid(f"{name} must be a text")


def require_state(entity: Entity, action: str, state: str) -> None:
    """Raise FlowServiceError for an action that requires another state."""
    if entity["state"] != state:
        raise FlowServiceError("1422-400", action=action, state=entity["state"])

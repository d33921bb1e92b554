"""Storage of the Flow Service's entities: connections, source and target connections, dataflows and runs."""

from __future__ import annotations

import secrets
import uuid

from mixpanel_aep_sandbox.aep.core.constants import AEP_SANDBOXES, DEMO_USER
from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.aep.flows.errors import FlowServiceError, invalid
from mixpanel_aep_sandbox.core.json_types import JsonObject

Entity = JsonObject


def document_kind(kind: str) -> str:
    """Return the kind under which the store has the entities of a resource, such as ``flows/connections``."""
    return f"flows/{kind}"


def find(scope: AepSandboxScope, kind: str, key: str) -> Entity:
    """Return the entity with this kind and id. Raises FlowServiceError (404) if it does not exist."""
    entity = scope.get(document_kind(kind), key)
    if entity is None:
        raise FlowServiceError("1439-404", type=kind, id=key)
    return entity


def find_referenced(scope: AepSandboxScope, kind: str, key: object) -> Entity:
    """Return the entity to which a field of a request's body refers by its id.

    Raises:
        FlowServiceError: 404 if it does not exist.
    """
    entity = scope.get(document_kind(kind), key) if isinstance(key, str) else None
    if entity is None:
        raise FlowServiceError("1101-404", reason=f"Resource of {kind} with given id {key} does not exist.")
    return entity


def list_entities(scope: AepSandboxScope, kind: str) -> list[Entity]:
    """Return all entities of a kind in the AEP sandbox, oldest first."""
    return [entity for _, entity in scope.items(document_kind(kind))]


def save(scope: AepSandboxScope, kind: str, entity: Entity) -> Entity:
    """Store an entity with a new etag and time of update, and return the stored entity.

    The caller must read and save the entity in the same transaction.
    """
    etag = f'"{secrets.token_hex(4)}-0000-0200-0000-{scope.now // 1000 & 0xFFFFFFFF:08x}0000"'
    changed = {**entity, "updatedAt": scope.now, "etag": etag}
    scope.put(document_kind(kind), entity["id"], changed)
    return changed


def common_fields(scope: AepSandboxScope, client: str, user: str = DEMO_USER) -> Entity:
    """Return the fields that every new entity has: a new id, the current time, its creator and its AEP sandbox."""
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
    """Return an entity's ``id`` and ``etag``, which are the body of the response to a change."""
    return {"id": entity["id"], "etag": entity["etag"]}


def require_text(given: Entity, name: str, *, optional: bool = False) -> None:
    """Raise FlowServiceError if the field ``name`` is not a text; only an optional field may be missing or empty."""
    value = given.get(name)
    if value is None and optional:
        return
    if not isinstance(value, str) or not (value.strip() or optional):
        raise invalid(f"{name} must be a text")


def require_state(entity: Entity, action: str, state: str) -> None:
    """Raise FlowServiceError if the entity is not in the state that the action requires."""
    if entity["state"] != state:
        raise FlowServiceError("1422-400", action=action, state=entity["state"])

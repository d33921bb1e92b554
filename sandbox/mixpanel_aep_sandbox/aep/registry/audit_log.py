"""``/rpc/auditlog``: the log of the changes of a resource (EP:xdm/api/audit-log.md)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime

from mixpanel_aep_sandbox.aep.core.constants import AEP_SANDBOXES, DEMO_USER
from mixpanel_aep_sandbox.aep.core.http import Call
from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.aep.registry.composition.references import dependents
from mixpanel_aep_sandbox.core.json_types import JsonObject

_NOT_AUDITED = ("version", "meta:registryMetadata")


def audit_log(scope: AepSandboxScope, key: str) -> list[JsonObject]:
    """Return the logged changes of the resource with this ``$id``, the latest first."""
    return [body for _, body in reversed(scope.items(_kind(key)))]


def log_change(call: Call, before: JsonObject, after: JsonObject) -> None:
    """Add an entry about the change of a resource to the logs of the resource and of all resources that refer to it.

    Args:
        call: The request that changed the resource.
        before: The resource before the change; empty for a new resource.
        after: The resource after the change.
    """
    scope, key = call.scope, after["$id"]
    updates = [
        {"id": key, "xdmType": after["meta:resourceType"], "action": action, "path": path, "value": value}
        for action, path, value in changes(_audited(before), _audited(after))
    ]
    entry = {
        "updatedUser": DEMO_USER,
        "imsOrg": scope.org,
        "updatedTime": datetime.fromtimestamp(scope.now / 1000, UTC).strftime("%m-%d-%Y %H:%M:%S"),
        "requestId": call.request.headers.get("x-request-id") or secrets.token_urlsafe(24),
        "clientId": call.client_id,
        "sandBoxId": AEP_SANDBOXES[scope.name],
        "updates": updates,
    }
    for each in (key, *(body["$id"] for body in dependents(scope, key))):
        scope.put(_kind(each), str(scope.count(_kind(each))), {"id": each, **entry})


def _audited(body: JsonObject) -> JsonObject:
    """Return a resource without the keys whose changes are not logged."""
    return {name: value for name, value in body.items() if name not in _NOT_AUDITED}


def _kind(key: str) -> str:
    """Return the kind of the documents that log the changes of the resource with this ``$id``."""
    return f"registry-audit/{key}"


def changes(old: object, new: object, path: str = "") -> Iterator[tuple[str, str, object]]:
    """Yield the differences of two JSON values as (``add``, ``remove`` or ``replace``, JSON Pointer, value).

    The value is the new one, but for ``remove`` the old one.

    Args:
        old: The value before the change.
        new: The value after the change.
        path: The JSON Pointer of both values.
    """
    left, right = _members(old), _members(new)
    if left is None or right is None or type(old) is not type(new):
        if old != new:
            yield "replace", path, new
        return
    for name in dict.fromkeys([*left, *right]):
        at = f"{path}/{str(name).replace('~', '~0').replace('/', '~1')}"
        if name not in right:
            yield "remove", at, left[name]
        elif name not in left:
            yield "add", at, right[name]
        else:
            yield from changes(left[name], right[name], at)


def _members(value: object) -> dict[str, object] | None:
    """Return the members of an object by name, or of an array by index; None for any other value."""
    if isinstance(value, list):
        return {str(index): item for index, item in enumerate(value)}
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else None

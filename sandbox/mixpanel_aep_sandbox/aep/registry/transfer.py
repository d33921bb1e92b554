"""``/rpc/export``, ``/rpc/import``: transfer of resources between AEP sandboxes (EP:xdm/api/export-import.md)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.scope import RESOURCES, AepSandboxScope
from mixpanel_aep_sandbox.aep.registry.composition.references import references, with_dependencies
from mixpanel_aep_sandbox.core.json_types import JsonObject

_PLACEHOLDER = "<XDM_TENANTID_PLACEHOLDER>"
_NOT_EXPORTED = (
    "imsOrg",
    "meta:registryMetadata",
    "meta:containerId",
    "meta:tenantNamespace",
    "meta:immutableTags",
)
"""Keys whose values depend on the AEP sandbox, and which are not exported."""
_KINDS = ("schemas", "mixins", "classes", "datatypes")


def export_resource(scope: AepSandboxScope, resource: JsonObject) -> list[JsonObject]:
    """Return a resource and the tenant's resources that it refers to, each after its dependencies.

    A placeholder replaces the tenant's id. Adobe's own resources are not exported as dependencies.
    """
    bodies = with_dependencies(scope, resource["$id"]) or [resource]
    kept = [{key: value for key, value in body.items() if key not in _NOT_EXPORTED} for body in bodies]
    # The tenant's id occurs in URIs and, after an underscore, in names, but not as a part of a longer word.
    tenant = re.compile(rf"(ns\.adobe\.com/|(?<![A-Za-z0-9])_){re.escape(scope.tenant)}\b")
    renamed: list[JsonObject] = _rewritten(kept, lambda text: tenant.sub(rf"\1{_PLACEHOLDER}", text))
    return renamed


def import_resources(scope: AepSandboxScope, payload: object) -> list[JsonObject]:
    """Return the resources of an export with this tenant's id, each after its dependencies.

    They are only converted and checked, not stored.

    Raises:
        Problem: 400 for a malformed resource, or for an ``$id`` that already exists.
    """
    if not isinstance(payload, list) or not payload:
        raise problem(400, "The request body must be a non-empty array of exported resources.")
    bodies = _rewritten(payload, lambda text: text.replace(_PLACEHOLDER, scope.tenant))
    by_id: dict[str, JsonObject] = {}
    for body in bodies:
        key = _checked_id(scope, body)
        if key in by_id or scope.get(RESOURCES, key) is not None:
            raise problem(400, f"$id must be unique. An object {key} already exists.")
        by_id[key] = body
    return _dependencies_first(by_id)


def _checked_id(scope: AepSandboxScope, body: object) -> str:
    """Return the ``$id`` of an exported resource. Raises Problem 400 if the resource is malformed."""
    if not isinstance(body, dict):
        raise problem(400, "Every exported resource must be an object.")
    kind, key = body.get("meta:resourceType"), body.get("$id")
    if kind not in _KINDS or not isinstance(key, str):
        raise problem(400, "An exported resource requires $id and meta:resourceType.")
    if not re.fullmatch(rf"https://ns\.adobe\.com/{re.escape(scope.tenant)}/{kind}/[A-Za-z0-9_-]+", key):
        raise problem(400, f"{key} is not an $id of this tenant.")
    return key


def _dependencies_first(by_id: dict[str, JsonObject]) -> list[JsonObject]:
    """Return resources in an order in which each one follows those that it refers to, unless they form a cycle."""
    ordered: dict[str, JsonObject] = {}

    def visit(key: str, above: tuple[str, ...]) -> None:
        for ref in references(by_id[key]):
            if ref in by_id and ref not in ordered and ref not in above:
                visit(ref, (*above, ref))
        ordered[key] = by_id[key]

    for key in by_id:
        if key not in ordered:
            visit(key, (key,))
    return list(ordered.values())


def _rewritten(bodies: list[JsonObject], change: Callable[[str], str]) -> list[JsonObject]:
    """Return a copy of resources, with ``change`` applied to their JSON text."""
    rewritten: list[JsonObject] = json.loads(change(json.dumps(bodies)))
    return rewritten

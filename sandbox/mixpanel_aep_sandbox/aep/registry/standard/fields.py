"""Adobe's own fields, by name, resolved: the objects under which custom fields may be added."""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.aep.registry.composition.resolve import resolve
from mixpanel_aep_sandbox.aep.registry.standard import standard_by_id
from mixpanel_aep_sandbox.core.json_types import JsonObject


def standard_objects(scope: AepSandboxScope, name: str) -> list[JsonObject]:
    """Return the resolved field ``name`` of each of Adobe's classes and field groups that has such a field."""
    return [
        resolve(scope, body)["properties"][name]
        for body in standard_by_id().values()
        if body["meta:resourceType"] in ("classes", "mixins")
        and any(name in part.get("properties", {}) for part in body.get("definitions", {}).values())
    ]

"""Lookup of the standard objects to which a tenant may add custom fields."""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.aep.registry.composition.resolve import resolve
from mixpanel_aep_sandbox.aep.registry.standard import standard_by_id
from mixpanel_aep_sandbox.core.json_types import JsonObject


def standard_objects(scope: AepSandboxScope, name: str) -> list[JsonObject]:
    """Return the resolved definitions of the top-level field ``name`` in Adobe's classes and field groups."""
    return [
        resolve(scope, body)["properties"][name]
        for body in standard_by_id().values()
        if body["meta:resourceType"] in ("classes", "mixins")
        and any(name in part.get("properties", {}) for part in body.get("definitions", {}).values())
    ]

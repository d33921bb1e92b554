"""Lookup of a mapping set's output schema in the Schema Registry."""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.scope import RESOURCES, AepSandboxScope
from mixpanel_aep_sandbox.aep.registry.composition.resolve import find_resource, resolve
from mixpanel_aep_sandbox.aep.registry.composition.unions import unions
from mixpanel_aep_sandbox.core.json_types import JsonObject


def output_schema(scope: AepSandboxScope, key: str) -> JsonObject:
    """Find a schema or union by ``$id`` or ``meta:altId``, and return it with its references replaced by their targets.

    Raises Problem 400 [I] if neither exists.
    """
    found = find_resource(scope, key)
    if found is None:
        held = [body for _, body in scope.items(RESOURCES)] + unions(scope)
        found = next((body for body in held if key in (body["$id"], body["meta:altId"])), None)
    if found is None:
        raise problem(400, f"Schema {key} does not exist.")
    return resolve(scope, found)

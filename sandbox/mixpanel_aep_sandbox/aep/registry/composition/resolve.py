"""Composition of a schema from its class and field groups, as in ``xed-full`` media types (EP:xdm/api/schemas.md)."""

from __future__ import annotations

import copy

from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.scope import RESOURCES, AepSandboxScope
from mixpanel_aep_sandbox.aep.registry.composition.xdm_types import with_xdm_types
from mixpanel_aep_sandbox.aep.registry.standard import standard_by_id
from mixpanel_aep_sandbox.core.json_types import JsonObject

_COMPOSING = ("allOf", "definitions", "properties", "required", "$ref")
_HELD = ("items", "additionalProperties")
_DEEPEST = 32
_MOST_NODES = 20_000
"""Maximum number of resolved nodes, far more than in a schema that AEP accepts: a few data types that refer to each
other could expand to any size."""


def find_resource(scope: AepSandboxScope, key: str) -> JsonObject | None:
    """Return a resource of the tenant or of Adobe by its ``$id``; None if it does not exist."""
    return scope.get(RESOURCES, key) or standard_by_id().get(key)


def resolve(scope: AepSandboxScope, resource: JsonObject) -> JsonObject:
    """Return a resource in which the target's fields replace every ``$ref`` and ``allOf``, in compatibility mode.

    Raises:
        Problem: 400 for a reference to an unknown target, or an infinite definition.
    """
    whole = {key: value for key, value in resource.items() if key not in _COMPOSING}
    content = _Resolver(scope, resource).content(resource, resource, 0)
    whole["properties"] = content.get("properties", {})
    if content.get("required"):
        whole["required"] = content["required"]
    return with_xdm_types(whole)


class _Resolver:
    """Replaces the references in one resource by the fields of their targets.

    It counts the resolved nodes, to reject definitions of unlimited size.
    """

    def __init__(self, scope: AepSandboxScope, resource: JsonObject) -> None:
        self._scope = scope
        # The resource itself may not be stored yet, but a reference back to it must be found.
        self._known: dict[str, JsonObject | None] = {resource.get("$id", ""): resource}
        self._nodes = 0

    def content(
        self, node: JsonObject, root: JsonObject, depth: int, *, composing: bool = True
    ) -> JsonObject:
        """Return a node of a resource in which ``allOf`` and ``$ref`` are replaced by their fields and other keywords.

        The node's own keywords take precedence.

        Args:
            node: The JSON Schema of a field, or of a part of a resource.
            root: The resource that contains the node, for references to its own definitions.
            depth: The depth of the recursion so far.
            composing: Whether the node is a part of the composition of another node, and not a field.
        """
        self._nodes += 1
        if depth > _DEEPEST or self._nodes > _MOST_NODES:
            raise problem(400, "The definition refers to itself, or is too large or nested too deeply.")
        merged: JsonObject = {}
        for part in node.get("allOf", []):
            _merge(merged, self.content(part, root, depth + 1))
        own = {key: value for key, value in node.items() if key not in ("allOf", "$ref", "definitions")}
        if "$ref" in node:
            referred = self._referred(node["$ref"], root, depth, composing=composing)
            if referred.get("type", "object") != "object":
                # Resources declare every reference as an object, even if its target has another type.
                own = {key: value for key, value in own.items() if key not in ("type", "meta:xdmType")}
            _merge(merged, referred)
        if "properties" in own:
            own["properties"] = {
                name: self.content(field, root, depth + 1, composing=False)
                for name, field in own["properties"].items()
            }
        for key in _HELD:
            if isinstance(own.get(key), dict):
                own[key] = self.content(own[key], root, depth + 1, composing=False)
        _merge(merged, own)
        return merged

    def _referred(self, ref: object, root: JsonObject, depth: int, *, composing: bool) -> JsonObject:
        """Return the resolved target of a reference, without metadata of the target's resource."""
        target, root_of_target = self._target(ref, root)
        referred = self.content(target, root_of_target, depth + 1)
        if target is not root_of_target:
            return referred
        # The metadata of a data type, as a resource, do not belong to the field.
        kept = {
            key: value
            for key, value in referred.items()
            if not key.startswith(("$", "meta:", "imsOrg", "version"))
        }
        return kept if composing else {**kept, "meta:referencedFrom": ref}

    def _target(self, ref: object, root: JsonObject) -> tuple[JsonObject, JsonObject]:
        """Return the target of a reference, and the resource that contains it. Raises Problem 400."""
        base, _, fragment = str(ref).partition("#")
        document = root if not base else self._find(base)
        if document is None:
            raise problem(400, f"Object {base} does not exist.")
        node: object = document
        for token in filter(None, fragment.split("/")):
            node = node.get(token.replace("~1", "/").replace("~0", "~")) if isinstance(node, dict) else None
        if not isinstance(node, dict):
            raise problem(400, f"The target of reference {ref} does not exist.")
        return node, document

    def _find(self, key: str) -> JsonObject | None:
        if key not in self._known:
            self._known[key] = find_resource(self._scope, key)
        return self._known[key]


def _merge(base: JsonObject, more: JsonObject) -> None:
    """Merge the keywords of ``more`` into ``base``, which is changed.

    Fields are merged recursively. Other keywords replace those of ``base``.
    """
    for key, value in more.items():
        if key == "properties":
            fields = base.setdefault("properties", {})
            for name, field in value.items():
                if name in fields:
                    _merge(fields[name], field)
                else:
                    fields[name] = copy.deepcopy(field)
        elif key == "required":
            base[key] = base.get(key, []) + [name for name in value if name not in base.get(key, [])]
        elif key in _HELD and isinstance(value, dict) and isinstance(base.get(key), dict):
            _merge(base[key], value)
        else:
            base[key] = copy.deepcopy(value)

"""Composes a schema from its class and field groups, as ``xed-full`` shows it (EP:xdm/api/schemas.md)."""

from __future__ import annotations

import copy
from typing import Any

from include.sandbox.aep.place import RESOURCES, Place
from include.sandbox.aep.problems import problem
from include.sandbox.aep.standard import standard_by_id

_COMPOSING = ("allOf", "definitions", "properties", "required", "$ref")
_DEEPEST = 32
_RANGES = (("byte", 128), ("short", 32768), ("int", 2147483648))


def find(place: Place, key: str) -> dict[str, Any] | None:
    """A resource by ``$id``, of the tenant or the global container."""
    return place.get(RESOURCES, key) or standard_by_id().get(key)


def resolve(place: Place, resource: dict[str, Any]) -> dict[str, Any]:
    """``resource`` with every ``$ref`` and ``allOf`` followed, in compatibility mode."""
    whole = {key: value for key, value in resource.items() if key not in _COMPOSING}
    content = _content(place, resource, resource, 0)
    whole["properties"] = content.get("properties", {})
    if content.get("required"):
        whole["required"] = content["required"]
    return typed(whole)


def typed(node: dict[str, Any]) -> dict[str, Any]:
    """A copy with the ``meta:xdmType`` that the registry generates for every field."""
    copied = {
        key: value
        for key, value in node.items()
        if key not in ("properties", "items", "additionalProperties")
    }
    if "properties" in node:
        copied["properties"] = {name: typed(field) for name, field in node["properties"].items()}
    for key in ("items", "additionalProperties"):
        if key in node:
            copied[key] = typed(node[key]) if isinstance(node[key], dict) else node[key]
    if "definitions" in node:
        copied["definitions"] = {name: typed(part) for name, part in node["definitions"].items()}
    if "type" in node and "meta:xdmType" not in node:
        copied["meta:xdmType"] = xdm_type(node)
    return copied


def xdm_type(field: dict[str, Any]) -> str:
    """``long``, ``date-time``, ``map`` and so on, of a JSON Schema field (EP:xdm/schema/field-constraints.md)."""
    kind = str(field.get("type"))
    if kind == "integer":
        low, high = field.get("minimum", -2147483648), field.get("maximum", 2147483648)
        return next((name for name, bound in _RANGES if -bound <= low and high <= bound), "long")
    if kind == "string":
        return str(field["format"]) if field.get("format") in ("date", "date-time") else "string"
    return kind


def _content(place: Place, node: Any, root: dict[str, Any], depth: int) -> dict[str, Any]:
    """``properties``, ``required`` and the rest of a node, merged over what it refers to."""
    if depth > _DEEPEST:
        raise problem(400, "The definition refers to itself, or is nested too deeply.")
    if not isinstance(node, dict):
        return {}
    merged: dict[str, Any] = {}
    for part in node.get("allOf", []):
        _merge(merged, _content(place, part, root, depth + 1))
    if "$ref" in node:
        target, root_of_target = _target(place, node["$ref"], root)
        referred = _content(place, target, root_of_target, depth + 1)
        if target is root_of_target:
            # What a data type says about itself as a resource is no part of the field.
            referred = {
                key: value
                for key, value in referred.items()
                if not key.startswith(("$", "meta:", "imsOrg", "version"))
            }
        _merge(merged, referred)
    own = {key: value for key, value in node.items() if key not in ("allOf", "$ref", "definitions")}
    if "properties" in own:
        own["properties"] = {
            name: _content(place, field, root, depth + 1) for name, field in own["properties"].items()
        }
    for key in ("items", "additionalProperties"):
        if isinstance(own.get(key), dict):
            own[key] = _content(place, own[key], root, depth + 1)
    _merge(merged, own)
    return merged


def _target(place: Place, ref: Any, root: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    base, _, fragment = str(ref).partition("#")
    document = root if not base else find(place, base)
    if document is None:
        raise problem(400, f"Object {base} does not exist.")
    node: Any = document
    for token in filter(None, fragment.split("/")):
        node = node.get(token.replace("~1", "/").replace("~0", "~")) if isinstance(node, dict) else None
    if node is None:
        raise problem(400, f"Reference {ref} points nowhere.")
    return node, document


def _merge(base: dict[str, Any], more: dict[str, Any]) -> None:
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
        else:
            base[key] = copy.deepcopy(value)

"""Generation of ``meta:xdmType`` for every field, as in the Schema Registry (EP:xdm/schema/field-constraints.md)."""

from __future__ import annotations

from mixpanel_aep_sandbox.core.json_types import JsonObject

_INT = 2147483648
_RANGES = (("byte", 128), ("short", 32768), ("int", _INT))
_INNER = ("properties", "definitions", "items", "additionalProperties", "allOf", "$ref")


def with_xdm_types(node: JsonObject, root: JsonObject | None = None) -> JsonObject:
    """Return a copy of a resource or field with ``meta:xdmType`` for the node itself and every field in it.

    A reference to a data type has the type object. A reference to a definition in the same resource has the type of
    this definition.

    Args:
        node: The resource or field.
        root: The resource that contains the node; None: the node is the resource.
    """
    root = node if root is None else root
    copied = {key: value for key, value in node.items() if key not in _INNER}
    referred = _referred(str(node["$ref"]), root) if "$ref" in node else None
    if "$ref" in node:
        copied["$ref"] = node["$ref"]
        copied["type"] = referred["type"] if referred else copied.get("type", "object")
    for holder in ("properties", "definitions"):
        if holder in node:
            copied[holder] = {name: with_xdm_types(part, root) for name, part in node[holder].items()}
    for holder in ("items", "additionalProperties"):
        if holder in node:
            part = node[holder]
            copied[holder] = with_xdm_types(part, root) if isinstance(part, dict) else part
    if "allOf" in node:
        copied["allOf"] = [with_xdm_types(_part(part, node), root) for part in node["allOf"]]
    if "type" in copied:
        copied["meta:xdmType"] = xdm_type(referred or copied)
    return copied


def _part(part: JsonObject, whole: JsonObject) -> JsonObject:
    """Return a member of ``allOf`` with a type; a member that has only constraints gets the type of ``whole``."""
    if "$ref" in part or "type" in part:
        return part
    return {**part, "type": "object" if "properties" in part else whole.get("type", "object")}


def _referred(ref: str, root: JsonObject) -> JsonObject | None:
    """Return the definition in ``root`` that ``ref`` refers to; None if it does not exist or describes an object."""
    node: object = root
    for token in ref.split("/")[1:] if ref.startswith("#/") else ():
        node = node.get(token.replace("~1", "/").replace("~0", "~")) if isinstance(node, dict) else None
    if not isinstance(node, dict) or node is root or node.get("type", "object") == "object":
        return None
    return node


def xdm_type(field: JsonObject) -> str:
    """Return the XDM type of a field from its JSON Schema, such as ``long``, ``date-time`` or ``map``.

    A map is recognized only by its ``meta:xdmType``, because it cannot be distinguished from an open object.
    """
    kind = str(field.get("type"))
    if kind == "integer":
        # An integer without bounds is an int (EP:xdm/schema/field-constraints.md).
        limits = (field.get("minimum", -_INT), field.get("maximum", _INT))
        return next((name for name, bound in _RANGES if all(-bound <= n <= bound for n in limits)), "long")
    if kind == "string":
        return str(field["format"]) if field.get("format") in ("date", "date-time") else "string"
    return "map" if kind == "object" and field.get("meta:xdmType") == "map" else kind

"""``meta:xdmType``, which the registry generates for every field (EP:xdm/schema/field-constraints.md)."""

from __future__ import annotations

from typing import Any

_INT = 2147483648
_RANGES = (("byte", 128), ("short", 32768), ("int", _INT))
_INNER = ("properties", "definitions", "items", "additionalProperties", "allOf", "$ref")


def typed(node: dict[str, Any]) -> dict[str, Any]:
    """A copy of a resource or a field with ``meta:xdmType`` everywhere; what refers to a data type is an object."""
    copied = {key: value for key, value in node.items() if key not in _INNER}
    if "$ref" in node:
        copied["$ref"] = node["$ref"]
        copied.setdefault("type", "object")
    for holder in ("properties", "definitions"):
        if holder in node:
            copied[holder] = {name: typed(part) for name, part in node[holder].items()}
    for holder in ("items", "additionalProperties"):
        if holder in node:
            part = node[holder]
            copied[holder] = typed(part) if isinstance(part, dict) else part
    if "allOf" in node:
        copied["allOf"] = [typed({**part, "type": part.get("type", "object")}) for part in node["allOf"]]
    if "type" in copied:
        copied["meta:xdmType"] = xdm_type(copied)
    return copied


def xdm_type(field: dict[str, Any]) -> str:
    """``long``, ``date-time``, ``map`` and so on, of a JSON Schema field.

    Only of a map is what its maker says believed: it cannot be told from an object that is left open.
    """
    kind = str(field.get("type"))
    if kind == "integer":
        # A bound that is not told is the plain integer's, which is an int (EP:xdm/schema/field-constraints.md).
        limits = (field.get("minimum", -_INT), field.get("maximum", _INT))
        return next((name for name, bound in _RANGES if all(-bound <= n <= bound for n in limits)), "long")
    if kind == "string":
        return str(field["format"]) if field.get("format") in ("date", "date-time") else "string"
    return "map" if kind == "object" and field.get("meta:xdmType") == "map" else kind

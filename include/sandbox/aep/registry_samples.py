"""``/rpc/sampledata``: one made-up row of a schema (EP:xdm/api/sample-data.md)."""

from __future__ import annotations

from typing import Any

_TEXTS = {
    "date": "2018-11-12",
    "date-time": "2018-11-12T20:20:39+00:00",
    "uri": "https://example.com/uri",
    "uri-reference": "/uri-reference",
}
_DEFAULTS: dict[str, Any] = {"integer": 42, "number": 42.5, "boolean": True}


def sample(field: dict[str, Any]) -> Any:
    """A value of a resolved field; of a whole schema, a row."""
    if field.get("enum"):
        return field["enum"][0]
    kind = field.get("type", "object")
    if kind == "array":
        return [sample(field.get("items", {}))]
    if kind == "object":
        if isinstance(field.get("additionalProperties"), dict):
            return {"{KEY}": sample(field["additionalProperties"])}
        return {name: sample(child) for name, child in field.get("properties", {}).items()}
    return _DEFAULTS.get(kind, _TEXTS.get(field.get("format", ""), "string"))

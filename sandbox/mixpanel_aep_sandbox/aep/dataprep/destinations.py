"""Lookup of destination fields in a resolved XDM schema, and check of its required fields."""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.dataprep.language.errors import SyntaxFault
from mixpanel_aep_sandbox.aep.dataprep.language.paths import Path, show
from mixpanel_aep_sandbox.aep.ingestion.row_validation.json_schema import kind_of
from mixpanel_aep_sandbox.core.json_types import JsonObject


def destination_field(schema: JsonObject, path: Path) -> JsonObject:
    """Return the JSON Schema of the field at a destination path.

    Args:
        schema: The resolved XDM schema.
        path: The parsed path.

    Raises:
        SyntaxFault: the schema has no such field.
    """
    field = schema
    for position, step in enumerate(path):
        kind, before = kind_of(field), show(path[:position]) or "The schema"
        if not isinstance(step, str):
            if kind != "array":
                raise SyntaxFault(f"{before} is not an array in the schema.")
            field = field.get("items", {})
        elif kind == "map":
            field = field["additionalProperties"]
        elif kind == "array":
            raise SyntaxFault(f"{before} is an array; its items are {before}[*] or {before}[0].")
        elif step in field.get("properties", {}):
            field = field["properties"][step]
        else:
            raise SyntaxFault(f"The schema has no field {show(path[: position + 1])}.")
    return field


def missing_required(data: JsonObject, schema: JsonObject, at: str = "") -> list[str]:
    """Return the paths of required fields that are null or missing in a record.

    The required fields of an optional object count only if the object exists.

    Args:
        data: The record, or an object in it.
        schema: The schema of the record or object.
        at: The path of the object with a point at its end, which begins every returned path.
    """
    missing = [at + name for name in schema.get("required", []) if data.get(name) is None]
    for name, field in schema.get("properties", {}).items():
        missing += _missing_in(data.get(name), field, at + name)
    return missing


def _missing_in(value: object, field: JsonObject, at: str) -> list[str]:
    """Return the paths of missing required fields inside one value, whose own path is ``at``."""
    kind = kind_of(field)
    inside: list[tuple[object, JsonObject, str]] = []
    if kind == "object" and isinstance(value, dict):
        return missing_required(value, field, f"{at}.")
    if kind == "map" and isinstance(value, dict):
        inside = [(item, field["additionalProperties"], f"{at}.{key}") for key, item in value.items()]
    elif kind == "array" and isinstance(value, list):
        inside = [(item, field.get("items", {}), f"{at}[{number}]") for number, item in enumerate(value)]
    return [name for item, child, path in inside for name in _missing_in(item, child, path)]

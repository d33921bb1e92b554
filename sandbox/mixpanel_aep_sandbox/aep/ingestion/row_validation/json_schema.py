"""Derivation of a JSON Schema for converted rows from a resolved XDM schema.

XDM is stricter than JSON Schema: null and empty values are not allowed (EP:xdm/schema/composition.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mixpanel_aep_sandbox.aep.registry.composition.xdm_types import xdm_type
from mixpanel_aep_sandbox.core.json_types import JsonObject

if TYPE_CHECKING:
    import jsonschema_rs


DATE_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$"
"""The four accepted forms of a date-time: with or without a fraction, and with Z or an offset."""
EARLIEST_MS, LATEST_MS = -62_135_596_800_000, 253_402_300_799_999
"""The range of times in epoch milliseconds: the years 1 to 9999."""
LIMITS = (
    "enum",
    "const",
    "pattern",
    "format",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minItems",
    "maxItems",
    "uniqueItems",
)
"""The keywords that constrain a field's values."""
_DRAFT = "https://json-schema.org/draft/2019-09/schema"
"""The oldest draft with the format uuid."""
_INT = {"minimum": -2147483648, "maximum": 2147483647}
_LONG = {"minimum": -9007199254740992, "maximum": 9007199254740992}


def row_schema(resolved: JsonObject) -> JsonObject:
    """Return the JSON Schema that converted rows of a resolved XDM schema must satisfy."""
    return {"$schema": _DRAFT, **_object(resolved)}


def validator_of(schema: JsonObject) -> jsonschema_rs.Draft201909Validator:
    """Return a validator for a JSON Schema. Raises ValueError if the schema is invalid."""
    import jsonschema_rs  # imported late, for a quick start

    return jsonschema_rs.Draft201909Validator({"$schema": _DRAFT, **schema}, validate_formats=True)


def kind_of(field: JsonObject) -> str:
    """Return the kind of a field of a resolved schema, by which values are converted and validated.

    It is ``object``, ``map``, ``array``, ``date``, ``date-time`` or another type of JSON Schema, or an empty text if
    the field has no type.
    """
    kind = str(field.get("type", "object" if "properties" in field else ""))
    if kind == "string" and field.get("format") in ("date", "date-time"):
        return str(field["format"])
    if kind == "object" and isinstance(field.get("additionalProperties"), dict):
        return "map"
    return kind


def scalar_schema(field: JsonObject) -> JsonObject:
    """Return the JSON Schema for values of a field that is not an object, map or array; empty if any value is valid."""
    kind = kind_of(field)
    limits = _limits(field)
    if kind == "string":
        return {**limits, "minLength": max(1, limits.get("minLength", 1)), "type": "string"}
    if kind in ("date", "date-time"):
        text = {"type": "string", "format": kind, **({"pattern": DATE_TIME} if kind == "date-time" else {})}
        return {"anyOf": [text, {"type": "integer", "minimum": EARLIEST_MS, "maximum": LATEST_MS}]}
    if kind == "integer":
        own = _LONG if xdm_type(field) == "long" else _INT
        return {**own, **limits, "type": "integer"}
    return {**limits, "type": kind} if kind in ("number", "boolean") else {}


def _object(field: JsonObject) -> JsonObject:
    """Return the JSON Schema of an object, which must not be empty."""
    properties = {name: _field(child) for name, child in field.get("properties", {}).items()}
    made: JsonObject = {"type": "object", "properties": properties, "minProperties": 1}
    return {**made, "required": field["required"]} if field.get("required") else made


def _field(field: JsonObject) -> JsonObject:
    """Return the JSON Schema that the converted values of a field must satisfy; the field may be of any kind."""
    kind = kind_of(field)
    if kind == "array":
        limits = _limits(field)
        least = max(1, limits.get("minItems", 1))
        return {**limits, "minItems": least, "type": "array", "items": _field(field.get("items", {}))}
    if kind == "map":
        values = _field(field["additionalProperties"])
        return {"type": "object", "additionalProperties": values, "minProperties": 1}
    return _object(field) if kind == "object" else scalar_schema(field)


def _limits(field: JsonObject) -> JsonObject:
    """Return the keywords of a field that constrain its values."""
    return {name: field[name] for name in LIMITS if name in field}

"""The JSON Schema that rows are held against, made from a resolved XDM schema.

XDM is stricter than JSON Schema: no null and nothing empty anywhere (EP:xdm/schema/composition.md). It is laxer where
a value is converted (EP:ingestion, "data type conversion"): what needs converting fails here and is looked at again.
"""

from __future__ import annotations

from typing import Any

DATE_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$"
"""The four accepted patterns: with or without a fraction, Z or an offset; never without a zone."""
_EARLIEST_MS, _LATEST_MS = -62_135_596_800_000, 253_402_300_799_999
LIMITS = (
    "enum",
    "pattern",
    "format",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minItems",
    "maxItems",
    "uniqueItems",
)
"""The keywords of a field that its values are held against."""
DRAFT = "http://json-schema.org/draft-07/schema#"
_INT = 2147483648


def row_schema(resolved: dict[str, Any], *, nulls: bool) -> dict[str, Any]:
    """``nulls``: a null is a field that is not there, as in a Parquet column."""
    return {"$schema": DRAFT, **_object(resolved, nulls)}


def kind_of(field: dict[str, Any]) -> str:
    """``string``, ``date``, ``date-time``, ``number``, ``integer``, ``boolean``, ``array``, ``map`` or ``object``."""
    kind = str(field.get("type", "object" if "properties" in field else ""))
    if kind == "string" and field.get("format") in ("date", "date-time"):
        return str(field["format"])
    if kind == "object" and isinstance(field.get("additionalProperties"), dict):
        return "map"
    return kind


def scalar_schema(field: dict[str, Any]) -> dict[str, Any]:
    """What one value of a field that is neither object, map nor array is held against."""
    return _plain(field, False)


def _object(field: dict[str, Any], nulls: bool) -> dict[str, Any]:
    required = field.get("required", [])
    properties = {
        name: _field(child, nulls, nullable=nulls and name not in required)
        for name, child in field.get("properties", {}).items()
    }
    made: dict[str, Any] = {"type": "object", "properties": properties, "minProperties": 1}
    return {**made, "required": required} if required else made


def _field(field: dict[str, Any], nulls: bool, *, nullable: bool) -> dict[str, Any]:
    made = _plain(field, nulls)
    if not nullable or not made:
        return made
    if "anyOf" in made:
        return {"anyOf": [*made["anyOf"], {"type": "null"}]}
    if "enum" in made:
        made["enum"] = [*made["enum"], None]
    types = made["type"] if isinstance(made["type"], list) else [made["type"]]
    return {**made, "type": [*types, "null"]}


def _plain(field: dict[str, Any], nulls: bool) -> dict[str, Any]:
    kind = kind_of(field)
    limits = {name: field[name] for name in LIMITS if name in field}
    if kind == "string":
        # A number becomes a string; where the string is constrained, only after it was converted.
        return {"minLength": 1, **limits, "type": "string" if limits else ["string", "number"]}
    if kind in ("date", "date-time"):
        text = {"type": "string", "format": kind, **({"pattern": DATE_TIME} if kind == "date-time" else {})}
        return {"anyOf": [text, {"type": "integer", "minimum": _EARLIEST_MS, "maximum": _LATEST_MS}]}
    if kind == "integer":
        return {"minimum": -_INT, "maximum": _INT - 1, **limits, "type": "integer"}
    if kind == "array":
        return {"minItems": 1, **limits, "type": "array", "items": _plain(field.get("items", {}), nulls)}
    if kind == "map":
        values = _plain(field["additionalProperties"], nulls)
        return {"type": "object", "additionalProperties": values, "minProperties": 1}
    if kind == "object":
        return _object(field, nulls)
    return {**limits, "type": kind} if kind in ("number", "boolean") else {}

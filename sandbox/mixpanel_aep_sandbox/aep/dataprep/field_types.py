"""Conversion of values to the type of their destination field (EP:data-prep/data-handling.md)."""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.dataprep.exact_numbers import whole
from mixpanel_aep_sandbox.aep.dataprep.functions.java_dates.guess import date_from
from mixpanel_aep_sandbox.aep.dataprep.functions.values import (
    Value,
    boolean_from,
    kind_of_value,
    number_from,
    plain,
    text_of,
)
from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError
from mixpanel_aep_sandbox.aep.ingestion.row_validation.json_schema import kind_of
from mixpanel_aep_sandbox.aep.registry.composition.xdm_types import xdm_type
from mixpanel_aep_sandbox.core.json_types import JsonObject

_BITS = {"byte": 8, "short": 16, "int": 32, "long": 64}


def convert(value: Value, field: JsonObject) -> object:
    """Convert the result of a mapping, which is not null, to the type of its destination field, as JSON data.

    Args:
        value: The value.
        field: The JSON Schema of the field.

    Raises:
        EvaluationError: The value cannot be converted.
    """
    kind = kind_of(field)
    if kind == "string":
        return text_of(value)
    if kind == "boolean":
        return boolean_from(value)
    if kind == "integer":
        return _integer(value, xdm_type(field))
    if kind == "number":
        return plain(number_from(value))
    if kind == "date-time":
        return date_from(value).iso()
    if kind == "date":
        return date_from(value).day()
    return _composite(value, field, kind)


def _integer(value: Value, name: str) -> int:
    """Convert a value to an integer within the range of the XDM type ``name``, such as "short"."""
    number = whole(number_from(value))
    if number is None:
        raise EvaluationError("The number is not an integer.")
    bound = 2 ** (_BITS.get(name, 64) - 1)
    if not -bound <= number < bound:
        raise EvaluationError(f"The number is too large for a field of type {name}.")
    return number


def _composite(value: Value, field: JsonObject, kind: str) -> object:
    """Convert an array, map or object recursively; ``kind`` is the field's kind."""
    if kind == "array" and isinstance(value, list):
        items = field.get("items", {})
        return [None if item is None else convert(item, items) for item in value]
    if kind == "map" and isinstance(value, dict):
        values = field["additionalProperties"]
        return {name: None if item is None else convert(item, values) for name, item in value.items()}
    if kind == "object" and isinstance(value, dict):
        return _object(value, field.get("properties", {}))
    if kind in ("array", "map", "object"):
        raise EvaluationError(f"A value of type {kind_of_value(value)} is not of type {kind}.")
    return plain(value)  # a field without a type accepts any value


def _object(value: JsonObject, properties: JsonObject) -> JsonObject:
    """Return an object with the attributes that the schema's object also has, converted (Adobe: "object copy")."""
    return {
        name: None if value[name] is None else convert(value[name], field)
        for name, field in properties.items()
        if name in value
    }

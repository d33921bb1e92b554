"""Merge two JSON Schema descriptions of one XDM field; a value has to be valid for both, as in ``allOf``."""

from __future__ import annotations

import json

from include.errors import SchemaError
from include.json_types import JsonObject, JsonValue

_LARGER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_SMALLER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_INNER = ("items", "additionalProperties")
_BOTH_HOLD = (
    "pattern", "format", "multipleOf", "contains", "propertyNames", "patternProperties", "dependencies",
    "not", "anyOf", "oneOf",
)  # fmt: skip
"""Keywords whose values cannot be combined: if two values differ, the second one is added to ``allOf``."""
_RANGES = (
    ("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems"), ("minProperties", "maxProperties"),
)  # fmt: skip


def merged(own: JsonObject, part: JsonObject, place: str) -> JsonObject:
    """Merge two JSON Schema descriptions of a field; a value is valid for the result only if it is valid for both.

    Where both have a title, a description or another keyword that does not restrict values, that of ``own`` is used.
    ``place``: the path of the field, for the error.

    Raises:
        SchemaError: no value can be valid for both.
    """
    result = {**part, **own}
    for keyword in own.keys() & part.keys():
        result[keyword] = _merge_keyword(keyword, own, part, place)
    if (integer := _integer_node(own, part)) is not None and "meta:xdmType" in integer:
        result["meta:xdmType"] = integer["meta:xdmType"]
    if "required" in result:
        result["required"] = sorted(result["required"])
    if others := [
        {word: part[word]}
        for word in _BOTH_HOLD
        if word in part and _text(own.get(word, part[word])) != _text(part[word])
    ]:
        known = list(result.get("allOf") or ())
        result["allOf"] = known + [other for other in others if other not in known]
    for low, high in _RANGES:
        if low in result and high in result and result[low] > result[high]:
            raise _contradiction(place, f"{low} and {high}")
    return result


def _merge_keyword(keyword: str, own_node: JsonObject, part_node: JsonObject, place: str) -> object:
    """Merge the two values of a keyword that both descriptions contain."""
    own, part = own_node[keyword], part_node[keyword]
    if _text(own) == _text(part):
        return own
    if keyword == "properties":
        both = own.keys() & part.keys()
        return {
            name: merged(own[name], part[name], f"{place}.{name}") if name in both else node
            for name, node in {**part, **own}.items()
        }
    if keyword in _INNER:
        return _merge_inner(own, part, f"{place}.*")
    if keyword in ("type", "const", "enum"):
        return _merge_values(keyword, own, part, place)
    if keyword == "required":
        return sorted({*own, *part})
    if keyword == "allOf":
        return [*own, *(each for each in part if each not in own)]
    return _stricter(keyword, own, part)


def _merge_inner(own: JsonValue, part: JsonValue, place: str) -> JsonValue:
    """Merge two descriptions of an array's items or a map's values; ``true`` allows every value, ``false`` none."""
    if isinstance(own, dict) and isinstance(part, dict):
        return merged(own, part, place)
    if own is False or part is False:
        return False
    return part if own is True else own


def _merge_values(keyword: str, own: JsonValue, part: JsonValue, place: str) -> JsonValue:
    """Merge two different values of ``type``, ``const`` or ``enum`` into the types or values that both allow."""
    if keyword == "type" and {str(own), str(part)} == {"integer", "number"}:
        return "integer"
    if keyword == "enum" and isinstance(own, list) and isinstance(part, list):
        allowed = set(map(_text, part))
        if both := [value for value in own if _text(value) in allowed]:
            return both
    raise _contradiction(place, keyword)


def _stricter(keyword: str, own: float, part: float) -> float:
    """Return the stricter of two limits; for a keyword that is not a limit, return ``own``."""
    if keyword in _LARGER or keyword == "uniqueItems":
        return max(own, part)
    return min(own, part) if keyword in _SMALLER else own


def _integer_node(own: JsonObject, part: JsonObject) -> JsonObject | None:
    """Return the description of type ``integer`` if the other one is of type ``number``; otherwise return None."""
    if {str(own.get("type")), str(part.get("type"))} != {"integer", "number"}:
        return None
    return own if own["type"] == "integer" else part


def _text(value: JsonValue) -> str:
    """Return a value as JSON text; values that are equal in JSON Schema, such as 1 and 1.0, have equal texts."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True)


def _contradiction(place: str, keyword: str) -> SchemaError:
    return SchemaError(
        f"Two parts of the schema contradict each other at {place.removeprefix('its root.')}: no value can satisfy both in {keyword}.",
        "A user with the permission Manage Schemas must correct the field groups or data types that describe this field in "
        "AEP.",
    )

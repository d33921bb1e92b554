"""Two descriptions of one node of a schema as one description that holds where both do (``allOf`` of JSON Schema)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from include.errors import SchemaError

Json = Mapping[str, Any]
_LARGER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_SMALLER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_INNER = ("items", "additionalProperties")
_BOTH_HOLD = (
    "pattern", "format", "multipleOf", "contains", "propertyNames", "patternProperties", "dependencies",
    "not", "anyOf", "oneOf",
)  # fmt: skip
"""Keywords that cannot be combined: if two values differ, the second one is kept as a member of ``allOf``."""
_RANGES = (
    ("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems"), ("minProperties", "maxProperties"),
)  # fmt: skip


def merged(own: Json, part: Json, place: str) -> dict[str, Any]:
    """Return one description in place of two. Titles, descriptions and XDM's own keywords are taken from ``own``.

    ``place``: the field's path, for the error.

    Raises:
        SchemaError: no value can fit both.
    """
    result = {**part, **own}
    for keyword in own.keys() & part.keys():
        result[keyword] = _one_of_two(keyword, own[keyword], part[keyword], place)
    if (kept := _integer_side(own, part)) is not None and "meta:xdmType" in kept:
        result["meta:xdmType"] = kept["meta:xdmType"]
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


def _one_of_two(keyword: str, own: Any, part: Any, place: str) -> Any:
    if _text(own) == _text(part):
        return own
    if keyword == "properties":
        names = {**part, **own}
        return {
            name: merged(own[name], part[name], f"{place}.{name}")
            if name in own and name in part
            else names[name]
            for name in names
        }
    if keyword in _INNER:
        return _inner(own, part, f"{place}.*")
    if (combine := _COMBINED.get(keyword)) is not None:
        return combine(own, part, place)
    return own


def _inner(own: Any, part: Any, place: str) -> Any:
    """Combine the descriptions of items or values; ``true`` allows everything, and ``false`` allows nothing."""
    if isinstance(own, Mapping) and isinstance(part, Mapping):
        return merged(own, part, place)
    if own is False or part is False:
        return False
    return part if own is True else own


def _types(own: object, part: object, place: str) -> Any:
    if {str(own), str(part)} == {"integer", "number"}:
        return "integer"
    raise _contradiction(place, "type")


def _integer_side(own: Json, part: Json) -> Json | None:
    """Return the description of the integer, if one of the two is an integer and the other one a number."""
    if {str(own.get("type")), str(part.get("type"))} != {"integer", "number"}:
        return None
    return own if own["type"] == "integer" else part


def _enums(own: Any, part: Any, place: str) -> Any:
    allowed = set(map(_text, part))
    if both := [value for value in own if _text(value) in allowed]:
        return both
    raise _contradiction(place, "enum")


def _consts(own: Any, part: Any, place: str) -> Any:
    if _text(own) == _text(part):
        return own
    raise _contradiction(place, "const")


def _text(value: Any) -> str:
    """Return a value as a text; texts are equal if JSON Schema treats the values as equal."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True)


def _contradiction(place: str, keyword: str) -> SchemaError:
    return SchemaError(
        f"Two parts of the schema contradict each other at {place.removeprefix('its root.')}: no value can satisfy both in {keyword}.",
        "A user with the permission Manage Schemas must correct the field groups or data types that describe this field in "
        "AEP.",
    )


_COMBINED: dict[str, Callable[[Any, Any, str], Any]] = {
    "required": lambda own, part, _: sorted({*own, *part}),
    "uniqueItems": lambda own, part, _: bool(own or part),
    "allOf": lambda own, part, _: [*own, *(each for each in part if each not in own)],
    "type": _types,
    "enum": _enums,
    "const": _consts,
    **dict.fromkeys(_LARGER, lambda own, part, _: max(own, part)),
    **dict.fromkeys(_SMALLER, lambda own, part, _: min(own, part)),
}

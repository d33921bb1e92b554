"""Validation of custom fields (EP:xdm/tutorials/custom-fields-api.md, EP:xdm/api/getting-started.md)."""

from __future__ import annotations

import re

from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.core.json_types import JsonObject

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_TYPES = {"string", "number", "integer", "boolean", "object", "array"}
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems")
_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_TEXTS = ("title", "description", "format", "$ref")
_UNKNOWN_TO_XDM = ("anyOf", "oneOf", "not", "patternProperties", "if", "dependencies")


class FieldRules:
    """Checks the definitions of custom XDM fields. Settings select some of the rules.

    Its methods raise Problem 400 for an invalid field. The resource that contains the fields must have passed
    ``check_shape``.
    """

    def __init__(self, *, maps: bool, longest_name: int) -> None:
        self._maps = maps
        """Whether an organization may define maps; a setting decides, because Adobe's documents disagree."""
        self._longest_name = longest_name

    def check(self, name: str, field: JsonObject) -> None:
        """Check the name and the definition of a custom field, and of all fields in it."""
        if not _NAME.fullmatch(name):
            raise problem(
                400,
                f"The field name '{name}' is not valid: it must begin with a letter and contain only letters,"
                " digits, dashes and underscores.",
            )
        if len(name) > self._longest_name:
            raise problem(
                400, f"The field name '{name[:40]}…' is longer than {self._longest_name} characters."
            )
        self.check_type(name, field)

    def check_type(self, name: str, field: JsonObject) -> None:
        """Check the definition of a custom field, and all fields in it; ``name`` is only for messages."""
        if "type" not in field and not field.keys() & {"$ref", "allOf"}:
            raise problem(400, f"The type of field '{name}' is not supported: the field has no type.")
        _check_text(name, field)
        if field.get("meta:xdmType") == "map" or "additionalProperties" in field:
            self._check_map(name, field)
        if field.get("type") == "array" and "items" not in field:
            raise problem(400, f"The array field '{name}' must define its items.")
        if "items" in field:
            self.check_type(name, field["items"])
        for part in (field, *field.get("allOf", [])):
            for child, definition in part.get("properties", {}).items():
                self.check(child, definition)

    def _check_map(self, name: str, field: JsonObject) -> None:
        """Raise Problem 400 if a map is invalid, or maps are not allowed."""
        values = field.get("additionalProperties")
        if not self._maps:
            raise problem(400, f"The field '{name}' is a map: maps are reserved for Adobe's own resources.")
        if field.get("meta:xdmType") != "map" or field.get("type") != "object" or "properties" in field:
            raise problem(
                400, f"The map field '{name}' requires meta:xdmType map, and cannot have properties."
            )
        if not isinstance(values, dict) or values.get("type") not in ("string", "integer"):
            raise problem(400, f"The values of map field '{name}' must be of type string or integer.")
        self.check_type(name, values)


def check_shape(name: str, node: object) -> None:
    """Check that a definition uses only keywords of JSON Schema that XDM supports, with valid types, at every depth.

    ``name`` is only for messages. Raises Problem 400.
    """
    if not isinstance(node, dict):
        raise problem(400, f"The definition of field '{name}' must be an object.")
    _check_keywords(name, node)
    for part in node.get("allOf", []):
        check_shape(name, part)
    for holder in ("properties", "definitions"):
        for key, child in node.get(holder, {}).items():
            check_shape(key, child)
    if "items" in node:
        check_shape(name, node["items"])
    if not isinstance(node.get("additionalProperties", True), bool):
        check_shape(name, node["additionalProperties"])


def _check_keywords(name: str, node: JsonObject) -> None:
    """Raise Problem 400 if a keyword of one definition is unsupported, or its value has the wrong type."""
    if not isinstance(node.get("type", "object"), str) or node.get("type", "object") not in _TYPES:
        raise problem(400, f"The type of field '{name}' is not supported: {node['type']!r}.")
    for keyword in _UNKNOWN_TO_XDM:
        if keyword in node:
            raise problem(400, f"'{name}' uses {keyword}, which XDM does not support.")
    for keywords, fits, kind in (
        (_TEXTS, _is_text, "a string"),
        (_COUNTS, _is_count, "a non-negative integer"),
        (_NUMBERS, _is_number, "a number"),
        (("properties", "definitions", "meta:enum"), _is_object, "an object"),
        (("allOf",), _is_list, "an array"),
        (("required", "meta:intendedToExtend", "meta:immutableTags"), _are_texts, "an array of strings"),
    ):
        for keyword in keywords:
            if keyword in node and not fits(node[keyword]):
                raise problem(400, f"{keyword} of '{name}' must be {kind}.")


def _check_text(name: str, field: JsonObject) -> None:
    """Check ``enum`` and ``pattern``, which only strings may have; a URI may have neither. Raises Problem 400."""
    values, pattern = field.get("enum"), field.get("pattern")
    if values is not None:
        if not _are_texts(values) or not values or len(set(values)) < len(values):
            raise problem(400, f"The enum of field '{name}' must be a non-empty array of different strings.")
        if field.get("type") != "string":
            raise problem(400, f"The field '{name}' has an enum, so its type must be string.")
    if pattern is not None and (field.get("type") != "string" or not _is_pattern(pattern)):
        raise problem(400, f"The pattern of field '{name}' is not valid.")
    if field.get("format") == "uri" and field.keys() & {"enum", "pattern", "minLength", "maxLength"}:
        raise problem(400, f"The URI field '{name}' cannot be constrained any further.")


def _is_pattern(pattern: object) -> bool:
    import jsonschema_rs  # imported late, for a quick start; the library that validates rows

    try:
        jsonschema_rs.Draft7Validator({"pattern": pattern})
    except ValueError:
        return False
    return isinstance(pattern, str)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0

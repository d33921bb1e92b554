"""What the Schema Registry refuses in a resource (EP:xdm/troubleshooting-guide.md, EP:xdm/schema/field-constraints.md)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from include.sandbox.aep.place import RESOURCES, Place
from include.sandbox.aep.problems import problem
from include.sandbox.aep.registry_resolve import find, resolve

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_TYPES = {"string", "number", "integer", "boolean", "object", "array"}
_BEHAVIORS = "https://ns.adobe.com/xdm/data/"


def check(place: Place, body: dict[str, Any]) -> None:
    """Raises Problem 400 unless ``body``, whose ``meta:resourceType`` is set, may be kept."""
    _check_title(place, body)
    if body.get("type", "object") != "object":
        raise problem(400, "The type of a resource must be object.")
    kind = body["meta:resourceType"]
    for fields in _field_maps(body):
        for name, field in fields.items():
            if kind == "datatypes":
                _check_field(name, field)
            else:
                _check_root(place, name, field)
    if kind == "schemas":
        _check_composition(place, body)
    elif kind == "classes":
        _check_behavior(body)
    if (
        kind != "schemas"
        and not any(True for fields in _field_maps(body) for _ in fields)
        and "allOf" not in body
    ):
        raise problem(400, "The resource defines no fields.")
    resolve(place, body)


def references(body: Any) -> Iterator[str]:
    """Every ``$ref`` to another resource, without its fragment."""
    if isinstance(body, dict):
        ref = body.get("$ref")
        if isinstance(ref, str) and not ref.startswith("#"):
            yield ref.partition("#")[0]
        for value in body.values():
            yield from references(value)
    elif isinstance(body, list):
        for value in body:
            yield from references(value)


def _check_title(place: Place, body: dict[str, Any]) -> None:
    title = body.get("title")
    if not isinstance(title, str) or not title.strip():
        raise problem(400, "A title is required.")
    for key, other in place.items(RESOURCES):
        if other["title"] == title and key != body["$id"]:
            raise problem(400, f"Title must be unique. An object {key} already exists with the same title.")


def _field_maps(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    parts = [body, *_parts(body.get("definitions", {})), *_parts(body.get("allOf", []))]
    for part in parts:
        properties = part.get("properties", {})
        if not isinstance(properties, dict):
            raise problem(400, "properties must be an object.")
        yield properties


def _parts(holder: Any) -> list[dict[str, Any]]:
    parts = (
        list(holder.values()) if isinstance(holder, dict) else holder if isinstance(holder, list) else None
    )
    if parts is None or not all(isinstance(part, dict) for part in parts):
        raise problem(400, "definitions must hold objects, and allOf must be an array of objects.")
    return parts


def _check_root(place: Place, name: str, field: Any) -> None:
    root = f"_{place.tenant}"
    if name != root:
        raise problem(
            400,
            f"For custom fields, you must use a top level field named {root} and all the other fields must be"
            f" defined under it. Found '{name}'.",
        )
    if not isinstance(field, dict) or field.get("type", "object") != "object":
        raise problem(400, f"The field {root} must be of type object.")
    for child, definition in field.get("properties", {}).items():
        _check_field(child, definition)


def _check_field(name: str, field: Any) -> None:
    if not _NAME.fullmatch(name):
        raise problem(
            400,
            f"The field name '{name}' is not valid: letters, digits, dashes and underscores, and no underscore first.",
        )
    _check_type(name, field)


def _check_type(name: str, field: Any) -> None:
    if not isinstance(field, dict):
        raise problem(400, f"The definition of field '{name}' must be an object.")
    kind = field.get("type")
    if kind is None and ("$ref" in field or "allOf" in field):
        return
    if not isinstance(kind, str) or kind not in _TYPES:
        raise problem(400, f"The type of field '{name}' is not supported: {kind!r}.")
    _check_enum(name, field)
    if kind == "array":
        if not isinstance(field.get("items"), dict):
            raise problem(400, f"The array field '{name}' must define its items.")
        _check_type(name, field["items"])
    elif kind == "object":
        _check_object(name, field)


def _check_enum(name: str, field: dict[str, Any]) -> None:
    values = field.get("enum")
    if values is not None and (not isinstance(values, list) or not values):
        raise problem(400, f"The enum of field '{name}' must be a non-empty array.")
    pattern = field.get("pattern")
    if pattern is not None:
        try:
            re.compile(pattern)
        except (re.error, TypeError) as error:
            raise problem(400, f"The pattern of field '{name}' is not valid.") from error


def _check_object(name: str, field: dict[str, Any]) -> None:
    if field.get("meta:xdmType") == "map" or "additionalProperties" in field:
        values = field.get("additionalProperties")
        # EP:xdm/tutorials/custom-fields-api.md: only string and integer maps, and the type has to be said.
        if field.get("meta:xdmType") != "map" or "properties" in field:
            raise problem(400, f"The map field '{name}' needs meta:xdmType map and no properties.")
        if not isinstance(values, dict) or values.get("type") not in ("string", "integer"):
            raise problem(400, f"The values of map field '{name}' must be of type string or integer.")
        return
    properties = field.get("properties", {})
    if not isinstance(properties, dict):
        raise problem(400, f"The properties of field '{name}' must be an object.")
    for child, definition in properties.items():
        _check_field(child, definition)


def _check_behavior(body: dict[str, Any]) -> None:
    behaviors = [ref for ref in references(body.get("allOf", [])) if ref.startswith(_BEHAVIORS)]
    if len(behaviors) != 1:
        raise problem(
            400, "A class must extend exactly one behavior, such as https://ns.adobe.com/xdm/data/record."
        )


def _check_composition(place: Place, body: dict[str, Any]) -> None:
    """Sets ``meta:class`` and ``meta:extends``, which follow from ``allOf``."""
    parts = body.get("allOf")
    if not isinstance(parts, list) or not parts:
        raise problem(400, "A schema needs allOf with exactly one class.")
    classes, extends = [], []
    for part in parts:
        ref = part.get("$ref") if isinstance(part, dict) else None
        if not isinstance(ref, str):
            raise problem(400, "Every member of a schema's allOf must be a $ref.")
        resource = find(place, ref)
        if resource is None or resource["meta:resourceType"] not in ("classes", "mixins"):
            raise problem(400, f"{ref} is neither a class nor a field group that exists.")
        if resource["meta:resourceType"] == "classes":
            classes.append(ref)
        extends += [*resource.get("meta:extends", []), ref]
    if len(classes) != 1:
        raise problem(400, f"A schema must have exactly one class in allOf; there are {len(classes)}.")
    body["meta:class"] = classes[0]
    body["meta:extends"] = list(dict.fromkeys(extends))


def check_union(before: dict[str, Any] | None, body: dict[str, Any], primary: bool) -> None:
    """``union`` enables a schema for Profile, for good (EP:xdm/api/schemas.md#union)."""
    tags = body.get("meta:immutableTags", [])
    if not isinstance(tags, list):
        raise problem(400, "meta:immutableTags must be an array.")
    had = "union" in (before or {}).get("meta:immutableTags", [])
    if had and "union" not in tags:
        raise problem(400, "A schema that is enabled for Profile cannot be disabled.")
    if "union" in tags and not had and not primary:
        raise problem(400, "A schema needs a primary identity before it can be enabled for Profile.")

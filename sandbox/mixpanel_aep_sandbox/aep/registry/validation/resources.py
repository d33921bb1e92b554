"""Validation of a schema, class, field group or data type.

Sources: EP:xdm/troubleshooting-guide.md, EP:xdm/schema/composition.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.scope import RESOURCES, AepSandboxScope
from mixpanel_aep_sandbox.aep.core.service_settings import AepSettings
from mixpanel_aep_sandbox.aep.ingestion.row_validation.json_schema import row_schema, validator_of
from mixpanel_aep_sandbox.aep.registry.composition.resolve import resolve
from mixpanel_aep_sandbox.aep.registry.composition.xdm_types import with_xdm_types
from mixpanel_aep_sandbox.aep.registry.standard.fields import standard_objects
from mixpanel_aep_sandbox.aep.registry.validation.composition import check_class, check_schema
from mixpanel_aep_sandbox.aep.registry.validation.fields import FieldRules, check_shape
from mixpanel_aep_sandbox.core.json_types import JsonObject

_DERIVED = ("meta:class", "meta:extends", "meta:datasetNamespace")
"""Keys that the registry derives from the composition; it ignores their values in a request."""


def check_resource(scope: AepSandboxScope, body: JsonObject) -> JsonObject:
    """Validate a resource, and return it with the keys that the registry derives from the resource's content.

    These are ``meta:class`` and ``meta:extends`` from its composition, and ``meta:xdmType`` of its fields.

    Args:
        scope: The AEP sandbox.
        body: The resource, which has ``$id`` and ``meta:resourceType``.

    Raises:
        Problem: 400 for an invalid resource.
    """
    kind, settings = body["meta:resourceType"], AepSettings.of(scope.state)
    check_shape("the resource", body)
    _check_title(scope, body, settings)
    if body.get("type", "object") != "object":
        raise problem(400, "The type of a resource must be object.")
    body = {**{name: value for name, value in body.items() if name not in _DERIVED}, "type": "object"}
    if kind == "classes":
        body = check_class(body)
    _check_fields(scope, body, _rules(settings))
    if kind == "schemas":
        body = check_schema(scope, body)
    elif "allOf" not in body and not any(fields for fields in _field_maps(body)):
        raise problem(400, "The resource defines no fields.")
    body = with_xdm_types(body)
    _check_rows(scope, body)
    if kind == "mixins" and "meta:intendedToExtend" not in body:
        raise problem(
            400, "A field group requires meta:intendedToExtend, the ids of the classes that it extends."
        )
    return body


def _rules(settings: AepSettings) -> FieldRules:
    return FieldRules(maps=settings.custom_maps == "allowed", longest_name=settings.longest_field_name)


def _check_title(scope: AepSandboxScope, body: JsonObject, settings: AepSettings) -> None:
    title = body.get("title")
    if not isinstance(title, str) or not title.strip():
        raise problem(400, "A title is required.")
    for key, other in scope.items(RESOURCES):
        same_kind = other["meta:resourceType"] == body["meta:resourceType"]
        if other["title"] == title and key != body["$id"] and (same_kind or settings.unique_titles == "all"):
            raise problem(400, f"Title must be unique. An object {key} already exists with the same title.")


def _check_fields(scope: AepSandboxScope, body: JsonObject, rules: FieldRules) -> None:
    """Raise Problem 400 unless every field is valid, and every custom field is below the tenant's name."""
    root = f"_{scope.tenant}"
    roots = {root, body.get("meta:datasetNamespace", root)}
    for fields in _field_maps(body):
        for name, field in fields.items():
            if name in roots:
                _check_root(name, field, rules)
            elif body["meta:resourceType"] == "datatypes":
                rules.check(name, field)
            elif not _extends_standard(scope, name, field, roots, rules):
                raise problem(
                    400,
                    f"For custom fields, you must use a top level field named {root} and all the other fields"
                    f" must be defined under it. Found '{name}'.",
                )


def _extends_standard(
    scope: AepSandboxScope, name: str, field: JsonObject, roots: set[str], rules: FieldRules
) -> bool:
    """Return whether a field is a standard object in which all new fields are below the tenant's name.

    Adobe calls them "custom fields extending standard field groups" (EP:xdm/api/csv-to-schema.md).
    """
    standard = [each for each in standard_objects(scope, name) if each]
    return bool(standard) and _extends(field, standard, roots, rules)


def _extends(field: JsonObject, standard: list[JsonObject], roots: set[str], rules: FieldRules) -> bool:
    """Return whether a field only adds custom fields to one of the standard definitions of this field.

    Args:
        field: The field.
        standard: The standard definitions of the field, resolved.
        roots: The names below which custom fields are allowed.
        rules: The rules for the custom fields.
    """
    while isinstance(field.get("items"), dict):
        field = field["items"]
        standard = [each["items"] for each in standard if isinstance(each.get("items"), dict)]
    fields = field.get("properties", {})
    if not fields or "$ref" in field or not any("properties" in each for each in standard):
        return False
    for name, child in fields.items():
        if name in roots:
            _check_root(name, child, rules)
            continue
        same = [each["properties"][name] for each in standard if name in each.get("properties", {})]
        if not same or not _extends(child, same, roots, rules):
            return False
    return True


def _check_root(name: str, field: JsonObject, rules: FieldRules) -> None:
    """Raise Problem 400 unless the field with the tenant's name is an object of valid custom fields."""
    if field.get("type", "object") != "object" or "additionalProperties" in field:
        raise problem(400, f"The field {name} must be of type object.")
    for child, definition in field.get("properties", {}).items():
        rules.check(child, definition)


def _field_maps(body: JsonObject) -> Iterator[JsonObject]:
    """Yield each ``properties`` object of a resource: its own, and those in ``definitions`` and ``allOf``."""
    for part in (body, *body.get("definitions", {}).values(), *body.get("allOf", [])):
        yield part.get("properties", {})


def _check_rows(scope: AepSandboxScope, body: JsonObject) -> None:
    """Check that rows of the resource can be validated.

    All references in it must exist, and it must be valid JSON Schema.

    Raises:
        Problem: 400 otherwise.
    """
    schema = row_schema(resolve(scope, body))
    try:
        validator_of(schema)
    except ValueError as error:
        raise problem(400, "The resource is not valid JSON Schema.") from error

"""Validation of descriptors by their ``@type`` (EP:xdm/api/descriptors.md#defining-descriptors)."""

from __future__ import annotations

from collections.abc import Callable

from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.scope import BATCHES, DATASETS, DESCRIPTORS, RESOURCES, AepSandboxScope
from mixpanel_aep_sandbox.aep.core.service_settings import AepSettings
from mixpanel_aep_sandbox.aep.identity.routes.namespaces import find_namespace
from mixpanel_aep_sandbox.aep.registry.composition.resolve import resolve
from mixpanel_aep_sandbox.aep.registry.composition.views import field_at
from mixpanel_aep_sandbox.core.json_types import JsonObject

IDENTITY = "xdm:descriptorIdentity"
_VERSIONED = ("xdm:sourceSchema", "xdm:sourceVersion", "xdm:sourceProperty")
_RELATIONAL = ("xdm:sourceSchema", "xdm:sourceProperty")
_REQUIRED: dict[str, tuple[str, ...]] = {
    IDENTITY: (*_VERSIONED, "xdm:namespace", "xdm:property"),
    "xdm:alternateDisplayInfo": _VERSIONED,
    "xdm:descriptorOneToOne": (*_VERSIONED, "xdm:destinationSchema", "xdm:destinationVersion"),
    "xdm:descriptorRelationship": (*_VERSIONED, "xdm:destinationSchema", "xdm:cardinality"),
    "xdm:descriptorReferenceIdentity": (*_VERSIONED, "xdm:identityNamespace"),
    "xdm:descriptorDeprecated": _VERSIONED,
    "xdm:descriptorPrimaryKey": _RELATIONAL,
    "xdm:descriptorVersion": _RELATIONAL,
    "xdm:descriptorTimestamp": _RELATIONAL,
}
_DISPLAYED = ("xdm:title", "xdm:description", "meta:enum", "meta:excludeMetaEnum", "xdm:excludeMetaEnum")
_CARDINALITIES = ("1:1", "1:0", "M:1", "M:0")
_SEVERAL_PATHS = ("xdm:descriptorDeprecated", "xdm:descriptorPrimaryKey")


def check_descriptor(scope: AepSandboxScope, body: JsonObject, key: str) -> None:
    """Check that a descriptor is valid.

    Args:
        scope: The AEP sandbox.
        body: The descriptor.
        key: The ``@id`` under which it will be stored.

    Raises:
        Problem: 400 if it is invalid.
    """
    kind = body.get("@type")
    if not isinstance(kind, str) or kind not in _REQUIRED:
        raise problem(400, f"The @type of the descriptor is not supported: {kind!r}.")
    for name in _REQUIRED[kind]:
        if body.get(name) in (None, "", []):
            raise problem(400, f"A descriptor of type {kind} requires {name}.")
    for name in ("xdm:sourceVersion", "xdm:destinationVersion"):
        # Only major version 1 exists.
        if type(body.get(name, 1)) is not int or body.get(name, 1) != 1:
            raise problem(400, f"{name} must be 1.")
    schema = _resolved(scope, body, "xdm:sourceSchema")
    paths = body["xdm:sourceProperty"]
    if isinstance(paths, list) and kind not in _SEVERAL_PATHS:
        raise problem(400, f"xdm:sourceProperty must be a single path for a descriptor of type {kind}.")
    fields = [_field(schema, path, "xdm:sourceProperty") for path in _listed(paths)]
    if kind in _CHECKS:
        _CHECKS[kind](scope, body, key, fields)


def _check_identity(scope: AepSandboxScope, body: JsonObject, key: str, fields: list[JsonObject]) -> None:
    path, by = body["xdm:sourceProperty"], body["xdm:property"]
    if fields[0].get("type") != "string":
        raise problem(400, f"An identity must be a string field; {path} is not.")
    if by not in ("xdm:code", "xdm:id"):
        raise problem(400, "xdm:property must be xdm:code or xdm:id.")
    if find_namespace(scope, body["xdm:namespace"], by_id=by == "xdm:id") is None:
        raise problem(400, f"Identity namespace {body['xdm:namespace']} does not exist.")
    if not isinstance(body.get("xdm:isPrimary", False), bool):
        raise problem(400, "xdm:isPrimary must be true or false.")
    for other_key, other in scope.items(DESCRIPTORS):
        if (
            other_key == key
            or other["@type"] != IDENTITY
            or other["xdm:sourceSchema"] != body["xdm:sourceSchema"]
        ):
            continue
        if other["xdm:sourceProperty"] == path:
            raise problem(400, f"Field {path} is already an identity, by descriptor {other_key}.")
        if body.get("xdm:isPrimary") and other.get("xdm:isPrimary"):
            raise problem(400, "A schema may contain only one primary identity.")


def _check_display(_scope: AepSandboxScope, body: JsonObject, _key: str, _fields: list[JsonObject]) -> None:
    """Check a descriptor of friendly names, which are shown in place of titles and descriptions."""
    if not any(name in body for name in _DISPLAYED):
        raise problem(400, f"A descriptor of friendly names requires one of {', '.join(_DISPLAYED)}.")
    for name in _DISPLAYED:
        if not isinstance(body.get(name, {}), dict):
            raise problem(400, f"{name} must be an object.")


def _check_relationship(
    scope: AepSandboxScope, body: JsonObject, _key: str, _fields: list[JsonObject]
) -> None:
    destination = _resolved(scope, body, "xdm:destinationSchema")
    if "xdm:destinationProperty" in body:
        _field(destination, body["xdm:destinationProperty"], "xdm:destinationProperty")
    if body.get("xdm:cardinality", "M:1") not in _CARDINALITIES:
        raise problem(400, f"xdm:cardinality must be one of {', '.join(_CARDINALITIES)}.")


def _check_reference(scope: AepSandboxScope, body: JsonObject, _key: str, _fields: list[JsonObject]) -> None:
    """Check that the namespace of a reference identity exists."""
    if find_namespace(scope, body["xdm:identityNamespace"], by_id=False) is None:
        raise problem(400, f"Identity namespace {body['xdm:identityNamespace']} does not exist.")


def _check_required(scope: AepSandboxScope, body: JsonObject, _key: str, _fields: list[JsonObject]) -> None:
    """Check that the descriptor's field is required in its schema."""
    schema, path = _resolved(scope, body, "xdm:sourceSchema"), body["xdm:sourceProperty"]
    above, _, name = path.rpartition("/")
    parent = schema if not above else _field(schema, above, "xdm:sourceProperty")
    if name.removeprefix("xdm:") not in parent.get("required", []):
        raise problem(400, f"The field {path} must be required.")


def _check_timestamp(scope: AepSandboxScope, body: JsonObject, key: str, fields: list[JsonObject]) -> None:
    if fields[0].get("format") != "date-time":
        raise problem(400, f"The field {body['xdm:sourceProperty']} must be of type date-time.")
    _check_required(scope, body, key, fields)


_CHECKS: dict[str, Callable[[AepSandboxScope, JsonObject, str, list[JsonObject]], None]] = {
    IDENTITY: _check_identity,
    "xdm:alternateDisplayInfo": _check_display,
    "xdm:descriptorOneToOne": _check_relationship,
    "xdm:descriptorRelationship": _check_relationship,
    "xdm:descriptorReferenceIdentity": _check_reference,
    "xdm:descriptorVersion": _check_required,
    "xdm:descriptorTimestamp": _check_timestamp,
}


def check_changeable(scope: AepSandboxScope, body: JsonObject) -> None:
    """Raise Problem 400 if a descriptor is the primary identity of a schema for which data was ingested.

    Source: EP:xdm/schema/composition.md#evolution. A setting decides whether the schema must also be enabled for
    Profile, because Adobe's documents disagree.
    """
    if not body.get("xdm:isPrimary"):
        return
    schema = scope.get(RESOURCES, body["xdm:sourceSchema"]) or {}
    enabled = "union" in schema.get("meta:immutableTags", [])
    used = {key for key, each in scope.items(DATASETS) if each["schemaRef"]["id"] == body["xdm:sourceSchema"]}
    ingested = any(
        batch["dataset"] in used and batch["state"] == "success" for _, batch in scope.items(BATCHES)
    )
    by_data_alone = AepSettings.of(scope.state).primary_identity_locked_by == "data"
    if ingested and (by_data_alone or enabled):
        raise problem(400, "The primary identity of a schema cannot be changed after data was ingested.")


def _resolved(scope: AepSandboxScope, body: JsonObject, name: str) -> JsonObject:
    """Return the resolved schema that a descriptor's key ``name`` refers to. Raises Problem 400."""
    schema = scope.get(RESOURCES, str(body[name]))
    if schema is None or schema["meta:resourceType"] != "schemas":
        raise problem(400, f"Schema {body[name]} does not exist.")
    return resolve(scope, schema)


def _field(schema: JsonObject, path: object, name: str) -> JsonObject:
    """Return the field of a schema at a path from the descriptor's key ``name``. Raises Problem 400."""
    if not isinstance(path, str) or not path.startswith("/") or path.endswith("/"):
        raise problem(400, f"{name} must begin with a slash and not end with one.")
    field = field_at(schema, path)
    if field is None:
        raise problem(400, f"The schema has no field {path}. Omit 'properties' from {name}.")
    return field


def _listed(paths: object) -> list[object]:
    return paths if isinstance(paths, list) else [paths]

"""Validation of the composition of classes and schemas (EP:xdm/schema/composition.md, EP:xdm/tutorials/ad-hoc.md)."""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.aep.registry.composition.references import references
from mixpanel_aep_sandbox.aep.registry.composition.resolve import find_resource
from mixpanel_aep_sandbox.core.json_types import JsonObject

_BEHAVIORS = "https://ns.adobe.com/xdm/data/"
_AD_HOC = _BEHAVIORS + "adhoc"


def check_class(body: JsonObject) -> JsonObject:
    """Validate the composition of a class, and return the class with ``meta:extends``, the references in its ``allOf``.

    For an ad-hoc class, a namespace of the class also replaces the field ``_adhoc``.

    Raises:
        Problem: 400 unless the class extends exactly one behavior.
    """
    extends = list(dict.fromkeys(references(body.get("allOf", []))))
    behaviors = [
        ref for ref in extends if ref in (_BEHAVIORS + "record", _BEHAVIORS + "time-series", _AD_HOC)
    ]
    if len(behaviors) != 1:
        raise problem(
            400, "A class must extend exactly one behavior, such as https://ns.adobe.com/xdm/data/record."
        )
    body = {**body, "meta:extends": extends}
    if behaviors != [_AD_HOC]:
        return body
    namespace = "_" + body["$id"].rpartition("/")[2]
    parts = [_rename_namespace(part, namespace) for part in body["allOf"]]
    return {**body, "allOf": parts, "meta:datasetNamespace": namespace}


def _rename_namespace(part: JsonObject, namespace: str) -> JsonObject:
    """Return a member of ``allOf`` with its field ``_adhoc`` renamed to ``namespace``."""
    if "_adhoc" not in part.get("properties", {}):
        return part
    fields = {namespace if name == "_adhoc" else name: field for name, field in part["properties"].items()}
    return {**part, "properties": fields}


def check_schema(scope: AepSandboxScope, body: JsonObject) -> JsonObject:
    """Validate the composition of a schema.

    Returns:
        The schema with ``meta:class`` and ``meta:extends``, which are derived from its ``allOf``.

    Raises:
        Problem: 400 unless the schema has exactly one class, and only compatible field groups.
    """
    refs = [part.get("$ref") for part in body.get("allOf", [])]
    if not refs:
        raise problem(400, "A schema requires allOf with exactly one class.")
    parts = [_find_part(scope, ref) for ref in refs]
    classes = [part for part in parts if part["meta:resourceType"] == "classes"]
    if len(classes) != 1:
        raise problem(400, f"A schema must have exactly one class in allOf; there are {len(classes)}.")
    (of,) = classes
    for part in parts:
        if part is not of:
            _check_compatible(part, of)
    groups = [part for part in parts if part is not of]
    extends = [key for part in (of, *groups) for key in (part["$id"], *part.get("meta:extends", []))]
    made = {**body, "meta:class": of["$id"], "meta:extends": list(dict.fromkeys(extends))}
    namespace = of.get("meta:datasetNamespace")
    return {**made, "meta:datasetNamespace": namespace} if namespace else made


def _find_part(scope: AepSandboxScope, ref: object) -> JsonObject:
    """Return the class or field group that a ``$ref`` names. Raises Problem 400."""
    if not isinstance(ref, str):
        raise problem(400, "Every member of a schema's allOf must be a $ref.")
    resource = find_resource(scope, ref)
    if resource is None or resource["meta:resourceType"] not in ("classes", "mixins"):
        raise problem(400, f"{ref} is not an existing class or field group.")
    return resource


def _check_compatible(part: JsonObject, of: JsonObject) -> None:
    """Raise Problem 400 if a field group extends neither a class nor the class's behavior.

    A field group without ``meta:intendedToExtend`` is compatible with all classes [I].

    Args:
        part: The field group.
        of: The class.
    """
    extensible = part.get("meta:intendedToExtend", [])
    if extensible and not set(extensible) & {of["$id"], *of.get("meta:extends", [])}:
        raise problem(
            400,
            f"Field group {part['$id']} is not compatible with class {of['$id']}:"
            f" its meta:intendedToExtend has {', '.join(extensible)}.",
        )

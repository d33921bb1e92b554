"""The representation of a resource that an Accept header requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mixpanel_aep_sandbox.aep.core.scope import DESCRIPTORS, AepSandboxScope
from mixpanel_aep_sandbox.aep.registry.accept import View
from mixpanel_aep_sandbox.aep.registry.composition.resolve import resolve
from mixpanel_aep_sandbox.aep.registry.composition.unions import add_union_fields
from mixpanel_aep_sandbox.core.json_types import JsonObject

_SUMMARY = ("$id", "meta:altId", "version", "title")
_TEXTS = ("title", "description")


def show(scope: AepSandboxScope, body: JsonObject, view: View) -> JsonObject:
    """Return the representation of a resource, a JSON object, that ``view`` describes."""
    if view.summary:
        return {key: body[key] for key in _SUMMARY}
    if view.resolved:
        body = resolve(scope, add_union_fields(body) if body["meta:resourceType"] == "unions" else body)
    if view.deprecated:
        body = _with_deprecated(scope, body)
    if view.descriptors:
        body = {**body, "meta:descriptors": _descriptors(scope, body["$id"])}
    if view.standard:
        body = _standard(body)
    return body if view.text else _rebuild(body, _without_texts)


def field_at(schema: JsonObject, path: str) -> JsonObject | None:
    """Return a field of a resolved schema by its path, such as ``/_acme/plan``; None if it does not exist.

    Names in the path may have the prefix ``xdm:`` and the suffix ``[*]``, which are ignored.
    """
    field = schema
    for part in path[1:].split("/"):
        while "properties" not in field and isinstance(field.get("items"), dict):
            field = field["items"]
        children = field.get("properties", {})
        # The documented samples write both /eventType and /xdm:eventType.
        name = part.removesuffix("[*]")
        name = name if name in children else name.removeprefix("xdm:")
        if name not in children:
            return None
        field = children[name]
    return field


def _descriptors(scope: AepSandboxScope, schema: str) -> list[JsonObject]:
    return [body for _, body in scope.items(DESCRIPTORS) if body["xdm:sourceSchema"] == schema]


def _with_deprecated(scope: AepSandboxScope, resolved: JsonObject) -> JsonObject:
    """Set ``meta:status`` of the fields that a descriptor deprecates (EP:xdm/tutorials/field-deprecation-api.md)."""
    for body in _descriptors(scope, resolved["$id"]):
        if body["@type"] == "xdm:descriptorDeprecated":
            paths = body["xdm:sourceProperty"]
            for path in paths if isinstance(paths, list) else [paths]:
                field = field_at(resolved, path)
                if field is not None:
                    field["meta:status"] = "deprecated"
    return resolved


def _without_texts(node: JsonObject) -> JsonObject:
    return {key: value for key, value in node.items() if key not in _TEXTS}


def _rebuild(node: JsonObject, change: Callable[[JsonObject], JsonObject]) -> JsonObject:
    """Return a copy of a node in which ``change`` was applied to the node and to every field in it, outermost first."""
    built = dict(change(node))
    for holder in ("properties", "definitions"):
        if holder in built:
            built[holder] = {name: _rebuild(field, change) for name, field in built[holder].items()}
    for holder in ("items", "additionalProperties"):
        if isinstance(built.get(holder), dict):
            built[holder] = _rebuild(built[holder], change)
    if "allOf" in built:
        built["allOf"] = [_rebuild(part, change) for part in built["allOf"]]
    return built


def _standard(body: JsonObject) -> JsonObject:
    """Convert a resource to standard XDM notation, with Adobe's standard names of fields (EP:xdm/api/appendix.md)."""

    def rename(node: JsonObject) -> JsonObject:
        fields = node.get("properties", {})
        changed = {key: value for key, value in node.items() if key != "meta:xdmField"}
        if "properties" in node:
            changed["properties"] = dict(_named(fields))
        if "required" in node:
            names = {name: field.get("meta:xdmField", name) for name, field in fields.items()}
            changed["required"] = [names.get(name, name) for name in node["required"]]
        return changed

    return _rebuild(body, rename)


def _named(fields: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    """Yield the standard name and the definition of each field.

    The object ``_repo`` with ``createDate`` becomes the field ``repo:createDate`` without an object.
    """
    for name, field in fields.items():
        inner = field.get("properties", {})
        prefix = name.removeprefix("_") + ":"
        if inner and all(str(each.get("meta:xdmField", "")).startswith(prefix) for each in inner.values()):
            yield from _named(inner)
        else:
            yield field.get("meta:xdmField", name), field

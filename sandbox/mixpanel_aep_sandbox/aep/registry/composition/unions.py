"""Unions, which have the fields of all Profile-enabled schemas of a class (EP:xdm/api/unions.md)."""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.core.scope import RESOURCES, AepSandboxScope
from mixpanel_aep_sandbox.aep.registry.composition.resolve import find_resource
from mixpanel_aep_sandbox.core.json_types import JsonObject

_IDENTITIES = "https://ns.adobe.com/xdm/context/identitymap"
_SEGMENTS = "https://ns.adobe.com/xdm/context/profile-segmentation"
_EVENT = "https://ns.adobe.com/xdm/context/experienceevent"


def unions(scope: AepSandboxScope) -> list[JsonObject]:
    """Return the union of each class that has a Profile-enabled schema, with unresolved references.

    The registry generates unions; clients cannot write them.
    """
    members: dict[str, list[JsonObject]] = {}
    for _, body in scope.items(RESOURCES):
        if "union" in body.get("meta:immutableTags", []):
            members.setdefault(body["meta:class"], []).append(body)
    return [_union(scope, key, schemas) for key, schemas in members.items()]


def summarize_union(scope: AepSandboxScope, union: JsonObject) -> JsonObject:
    """Return a union as lists show it: with the title of its class, and only the major version."""
    title = (find_resource(scope, union["meta:class"]) or union)["title"]
    return {**union, "title": title, "version": "1"}


def add_union_fields(union: JsonObject) -> JsonObject:
    """Return a union with the fields that every resolved union has: identities, segments and time-series events."""
    refs = [part["$ref"] for part in union["allOf"]]
    more = [{"$ref": ref} for ref in (_IDENTITIES, _SEGMENTS) if ref not in refs]
    events = {"type": "array", "title": "Time-series events", "items": {"$ref": _EVENT}}
    fields = {"timeSeriesEvents": {**events, "meta:xdmField": "xdm:timeSeriesEvents"}}
    return {**union, "allOf": [*union["allOf"], *more], "properties": fields}


def _union(scope: AepSandboxScope, key: str, schemas: list[JsonObject]) -> JsonObject:
    """Return the union of the class ``key`` and its Profile-enabled schemas, with unresolved references."""
    refs = dict.fromkeys([key, *(part["$ref"] for schema in schemas for part in schema["allOf"])])
    extends = dict.fromkeys(name for schema in schemas for name in schema["meta:extends"])
    return {
        "type": "object",
        "description": f"Union view of all schemas that extend {key}",
        "allOf": [{"$ref": ref} for ref in refs],
        "meta:extends": list(extends),
        "title": f"Union object for {key}",
        "$id": f"{key}__union",
        "meta:containerId": "tenant",
        "meta:class": key,
        "meta:altId": f"{(find_resource(scope, key) or {})['meta:altId']}__union",
        "version": "1.0",
        "meta:resourceType": "unions",
        "meta:registryMetadata": {},
    }

"""Resolve an XDM schema: replace each ``$ref`` by its target and merge each ``allOf``.

The Schema Registry returns unresolved schemas in its form ``xed``; the result is equal to its form ``xed-full``. The
target of a reference is always requested from the Schema Registry, never from the address in the reference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import unquote

from include.errors import SchemaError
from include.json_types import JsonObject, JsonValue
from include.xdm.schema.merge import merged

FetchResource = Callable[[str], JsonObject]
"""Takes an ``$id`` and returns the Schema Registry's unresolved resource; raises if the resource does not exist."""

_DEEPEST = 60
_RESOURCE_KEYWORDS = (
    "$id", "$schema", "definitions", "meta:altId", "meta:resourceType", "meta:intendedToExtend", "meta:extends",
    "meta:registryMetadata", "meta:extensible", "meta:abstract", "meta:containerId", "meta:sandboxId",
    "meta:sandboxType", "meta:tenantNamespace", "meta:license", "imsOrg", "version", "title", "description",
    "meta:immutableTags", "meta:class", "meta:status",
)  # fmt: skip
"""Keywords that describe a resource itself, not the fields of a schema that refers to it."""


def needs_resolving(document: JsonObject) -> bool:
    """Return whether a field description in the schema still has to be resolved by ``resolve``."""
    return any(_has_reference(node) for node in _nodes(document))


def resolve(document: JsonObject, fetch: FetchResource) -> JsonObject:
    """Return a copy of the schema ``document`` with all references replaced by their targets.

    Raises:
        SchemaError: a reference is circular or its target is missing, the schema nests too deep, or parts of it
            contradict each other.
    """
    resolved = _Resolver(fetch).node(document, document, (), "its root")
    resolved.pop("definitions", None)
    return resolved


class _Resolver:
    def __init__(self, fetch: FetchResource) -> None:
        self._fetch = fetch
        self._fetched: dict[str, JsonObject] = {}

    def node(self, node: JsonObject, home: JsonObject, way: tuple[str, ...], place: str) -> JsonObject:
        """Return the field description ``node`` with all references replaced by their targets.

        ``home``: the resource that contains ``node``, to which references without a resource id apply; ``way``: the
        references that were followed to reach ``node``, to detect circular ones; ``place``: the path of the field, for
        errors.
        """
        if place.count(".") > _DEEPEST:
            raise SchemaError(f"The schema nests deeper than {_DEEPEST} levels at {place[:60]}…")
        own = {key: value for key, value in node.items() if key not in ("$ref", "allOf")}
        if isinstance(own.get("properties"), dict):
            own["properties"] = {
                name: self._inner(child, home, way, f"{place}.{name}")
                for name, child in own["properties"].items()
            }
        for key in ("items", "additionalProperties"):
            if isinstance(own.get(key), dict):
                own[key] = self._inner(own[key], home, way, f"{place}.*")
        parts = []
        if "$ref" in node:
            target = self._target(str(node["$ref"]), home, way, place)
            if own.get("type") == "object" and target.get("type", "object") != "object":
                # The registry writes every reference as an object, even if its target is a scalar.
                own = {key: value for key, value in own.items() if key not in ("type", "meta:xdmType")}
            parts.append(target)
        for part in node.get("allOf") or ():
            parts.append(self._inner(part, home, way, place))
        for part in parts:
            own = merged(own, part, place)
        return own

    def _inner(self, node: JsonValue, home: JsonObject, way: tuple[str, ...], place: str) -> JsonObject:
        if not isinstance(node, dict):
            raise SchemaError(
                f"The schema has {type(node).__name__} at {place}, where a field description is expected."
            )
        return self.node(node, home, way, place)

    def _target(self, reference: str, home: JsonObject, way: tuple[str, ...], place: str) -> JsonObject:
        resource, _, pointer = reference.partition("#")
        known = resource or str(home.get("$id", ""))
        step = f"{known}#{pointer}"
        if step in way:
            raise SchemaError(
                f"The schema has a circular reference at {place}: {reference!r}.",
                "Correct the field group or data type that the reference names.",
            )
        there = self._resource(resource) if resource else home
        target = self.node(_node_at(there, pointer, reference, place), there, (*way, step), place)
        return {key: value for key, value in target.items() if key not in _RESOURCE_KEYWORDS}

    def _resource(self, resource: str) -> JsonObject:
        if resource not in self._fetched:
            self._fetched[resource] = self._fetch(resource)
        return self._fetched[resource]


def _node_at(document: JsonObject, pointer: str, reference: str, place: str) -> JsonObject:
    """Return the node of ``document`` at a JSON pointer in the form of a URI fragment (RFC 6901).

    ``reference``, ``place``: the complete reference and the path of the field that has it, for the error.
    """
    node: JsonValue = document
    for part in filter(None, unquote(pointer).split("/")):
        name = part.replace("~1", "/").replace("~0", "~")
        node = node.get(name) if isinstance(node, dict) else None
    if not isinstance(node, dict):
        raise SchemaError(f"The schema refers at {place} to {reference!r}, which does not exist.")
    return node


def _nodes(node: JsonValue) -> Iterator[JsonObject]:
    """Yield every field description in a schema: the root, properties, array items and map values, at any depth."""
    if not isinstance(node, dict):
        return
    yield node
    properties = node.get("properties")
    for child in properties.values() if isinstance(properties, dict) else ():
        yield from _nodes(child)
    for key in ("items", "additionalProperties"):
        yield from _nodes(node.get(key))


def _has_reference(node: JsonObject) -> bool:
    return "$ref" in node or any(
        isinstance(part, dict) and ("$ref" in part or "properties" in part)
        for part in node.get("allOf") or ()
    )

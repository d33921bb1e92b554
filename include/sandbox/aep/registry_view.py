"""A resource as an Accept header wants it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from include.sandbox.aep.accept import View
from include.sandbox.aep.place import DESCRIPTORS, Place
from include.sandbox.aep.registry_resolve import resolve

_SUMMARY = ("$id", "meta:altId", "version", "title")
_TEXTS = ("title", "description")


def show(place: Place, body: dict[str, Any], view: View) -> dict[str, Any]:
    if view.summary:
        return {key: body[key] for key in _SUMMARY}
    if view.resolved:
        body = resolve(place, body)
    if view.descriptors:
        body = {**body, "meta:descriptors": _descriptors(place, body["$id"])}
    if view.standard:
        body = _standard(body)
    return (
        body if view.text else _rebuild(body, lambda node: {k: v for k, v in node.items() if k not in _TEXTS})
    )


def _descriptors(place: Place, schema: str) -> list[dict[str, Any]]:
    return [body for _, body in place.items(DESCRIPTORS) if body["xdm:sourceSchema"] == schema]


def _rebuild(node: dict[str, Any], change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """``change`` for a node and for every field in it; names of fields are left alone."""
    built = dict(change(node))
    for holder in ("properties", "definitions"):
        if isinstance(built.get(holder), dict):
            built[holder] = {name: _rebuild(field, change) for name, field in built[holder].items()}
    for holder in ("items", "additionalProperties"):
        if isinstance(built.get(holder), dict):
            built[holder] = _rebuild(built[holder], change)
    return built


def _standard(body: dict[str, Any]) -> dict[str, Any]:
    """Standard XDM notation: Adobe's fields under their ``xdm:`` names (EP:xdm/api/appendix.md#compatibility)."""

    def rename(node: dict[str, Any]) -> dict[str, Any]:
        fields = node.get("properties", {})
        names = {name: field.get("meta:xdmField", name) for name, field in fields.items()}
        changed = {key: value for key, value in node.items() if key != "meta:xdmField"}
        if "properties" in node:
            changed["properties"] = {names[name]: field for name, field in fields.items()}
        if "required" in node:
            changed["required"] = [names.get(name, name) for name in node["required"]]
        return changed

    return _rebuild(body, rename)

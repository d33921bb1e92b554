"""What may change in a schema that is in use (EP:xdm/schema/composition.md#evolution)."""

from __future__ import annotations

from typing import Any

from include.sandbox.aep.place import DATASETS, RESOURCES, Place
from include.sandbox.aep.problems import problem
from include.sandbox.aep.registry_resolve import find, resolve

_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")


def in_use(place: Place) -> dict[str, dict[str, Any]]:
    """The resolved schemas, by ``$id``, that a dataset or Profile uses."""
    used = {body["schemaRef"]["id"] for _, body in place.items(DATASETS)}
    used |= {key for key, body in place.items(RESOURCES) if "union" in body.get("meta:immutableTags", [])}
    found = {key: find(place, key) for key in used}
    return {key: resolve(place, body) for key, body in found.items() if body}


def refuse_breaking(before: dict[str, dict[str, Any]], place: Place) -> None:
    """Raises Problem 400 when a schema in use is no longer what the data of its datasets was checked against."""
    for key, old in before.items():
        body = find(place, key)
        if body is None:
            raise problem(400, f"Schema {key} is in use and cannot be deleted.")
        _compare(old, resolve(place, body), "")


def _compare(old: dict[str, Any], new: dict[str, Any], path: str) -> None:
    for trait in ("type", "format", "meta:xdmType"):
        if old.get(trait) != new.get(trait):
            raise _breaking(path, "cannot be given another type")
    _compare_limits(old, new, path)
    fields, left = old.get("properties", {}), new.get("properties", {})
    for name, field in fields.items():
        if name not in left:
            raise _breaking(f"{path}/{name}", "cannot be removed or renamed")
        _compare(field, left[name], f"{path}/{name}")
    for name in new.get("required", []):
        # A new field may be required; a field that rows may lack today may not become so [I].
        if name in fields and name not in old.get("required", []):
            raise _breaking(f"{path}/{name}", "cannot become required")
    for holder in ("items", "additionalProperties"):
        if isinstance(old.get(holder), dict):
            _compare(old[holder], new.get(holder) or {}, path)


def _compare_limits(old: dict[str, Any], new: dict[str, Any], path: str) -> None:
    if "enum" in new and not set(map(str, old.get("enum", [None]))) <= set(map(str, new["enum"])):
        raise _breaking(path, "cannot be restricted to fewer values")
    if new.get("pattern") not in (None, old.get("pattern")):
        raise _breaking(path, "cannot be restricted by a pattern")
    for limit in _LOWER:
        if limit in new and (limit not in old or new[limit] > old[limit]):
            raise _breaking(path, f"cannot be restricted by {limit}")
    for limit in _UPPER:
        if limit in new and (limit not in old or new[limit] < old[limit]):
            raise _breaking(path, f"cannot be restricted by {limit}")


def _breaking(path: str, what: str) -> Exception:
    return problem(400, f"Only additive changes are allowed once a schema is in use: field {path} {what}.")

"""The rules for changes of schemas in use, which must be additive (EP:xdm/schema/composition.md#evolution)."""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.aep.core.scope import RESOURCES, USED_SCHEMAS, AepSandboxScope
from mixpanel_aep_sandbox.aep.registry.composition.references import dependents
from mixpanel_aep_sandbox.aep.registry.composition.resolve import find_resource, resolve
from mixpanel_aep_sandbox.core.json_types import JsonObject

_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")


def affected_schemas_in_use(scope: AepSandboxScope, key: str) -> dict[str, JsonObject]:
    """Return the schemas in use that a change of a resource affects, resolved, by ``$id``.

    A schema is in use if it is enabled for Profile, or a dataset was ever created with it, even if the dataset was
    deleted: "As long as it has never been used in the creation of a dataset" (EP:xdm/troubleshooting-guide.md).

    Args:
        scope: The AEP sandbox.
        key: The ``$id`` of the changed resource.
    """
    touched = {key, *(body["$id"] for body in dependents(scope, key))}
    used = {name for name, _ in scope.items(USED_SCHEMAS)}
    used |= {name for name, body in scope.items(RESOURCES) if "union" in body.get("meta:immutableTags", [])}
    found = {name: find_resource(scope, name) for name in used & touched}
    return {name: resolve(scope, body) for name, body in found.items() if body}


def check_no_breaking_changes(before: dict[str, JsonObject], scope: AepSandboxScope) -> None:
    """Check that data of a schema in use is still valid after a change of the schema.

    Args:
        before: The previous versions of the affected schemas, from ``affected_schemas_in_use``.
        scope: The AEP sandbox, whose store has the current versions.

    Raises:
        Problem: 400 if existing data may not match the current version.
    """
    for key, old in before.items():
        new = resolve(scope, find_resource(scope, key) or {})
        if new.get("meta:class") != old.get("meta:class"):
            raise problem(400, f"The class of schema {key} cannot be changed, because the schema is in use.")
        _compare(old, new, "")


def _compare(old: JsonObject, new: JsonObject, path: str) -> None:
    """Raise Problem 400 if the field at ``path``, or a field in it, was removed or restricted, or has another type."""
    for trait in ("type", "format", "meta:xdmType"):
        if old.get(trait) != new.get(trait):
            raise _breaking_change_problem(path, "cannot be given another type")
    _compare_limits(old, new, path)
    left = new.get("properties", {})
    for name, field in old.get("properties", {}).items():
        if name not in left:
            raise _breaking_change_problem(f"{path}/{name}", "cannot be removed, renamed or moved")
        _compare(field, left[name], f"{path}/{name}")
    for holder in ("items", "additionalProperties"):
        if isinstance(old.get(holder), dict):
            _compare(old[holder], new.get(holder) or {}, path)


def _compare_limits(old: JsonObject, new: JsonObject, path: str) -> None:
    """Raise Problem 400 if a field accepts fewer values than before."""
    if "enum" in new and not set(map(str, old.get("enum", [None]))) <= set(map(str, new["enum"])):
        raise _breaking_change_problem(path, "cannot be restricted to fewer values")
    if new.get("pattern") not in (None, old.get("pattern")):
        raise _breaking_change_problem(path, "cannot be restricted by a pattern")
    if new.get("uniqueItems") is True and old.get("uniqueItems") is not True:
        raise _breaking_change_problem(path, "cannot be restricted by uniqueItems")
    for limit in _LOWER:
        if limit in new and (limit not in old or new[limit] > old[limit]):
            raise _breaking_change_problem(path, f"cannot be restricted by {limit}")
    for limit in _UPPER:
        if limit in new and (limit not in old or new[limit] < old[limit]):
            raise _breaking_change_problem(path, f"cannot be restricted by {limit}")


def _breaking_change_problem(path: str, what: str) -> Exception:
    """Return the error for a change of a field that is not additive.

    Args:
        path: The path of the field.
        what: The end of the sentence whose subject is the field, such as "cannot be removed".
    """
    return problem(400, f"Only additive changes are allowed once a schema is in use: field {path} {what}.")

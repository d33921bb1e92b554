"""What a pipeline's field group file has beside AEP's: additions, sent as a patch; anything else is refused.

AEP lets schemas only grow once a dataset uses them (EP:xdm/schema/composition.md#evolution), and a field that was
changed before would still be another one to what is loaded: so all changes but additions are refused at any time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.aep.registry import Registry
from include.config.model import Pipeline
from include.errors import ConfigError, SchemaError
from include.xdm.schema import EXPERIENCE_EVENT, INTEGER_LIMITS, XdmField, XdmSchema

FIELD_GROUPS = Path(__file__).parents[1] / "pipelines" / "field_groups"
_CONSTRAINTS = ("minimum", "maximum", "minLength", "maxLength", "pattern", "enum", "format", "default")
_MOST_FAULTS = 5


@dataclass(frozen=True)
class FieldGroupPlan:
    """``group_id`` is None where AEP has no field group of the title, and ``body`` is then what to create.
    ``operations`` is JSON Patch of ``add`` alone, ``added`` the new fields with their types, one each."""

    title: str
    group_id: str | None
    body: Mapping[str, Any]
    operations: tuple[Mapping[str, Any], ...]
    added: tuple[tuple[str, str], ...]


def read_field_group(name: str) -> dict[str, Any]:
    """A field group file: ``title``, ``description`` and the ``properties`` below the tenant.

    Raises:
        ConfigError: there is no such file, or it is no field group.
    """
    path = FIELD_GROUPS / name
    if not path.is_file():
        raise ConfigError(
            f"There is no file {name} in include/pipelines/field_groups.",
            "Correct aep.field_group, or add the file.",
        )
    try:
        group = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{name} is no JSON: {error}.", "Correct the file.") from None
    if not isinstance(group, dict) or not group.get("title") or not isinstance(group.get("properties"), dict):
        raise ConfigError(f"{name} is no field group.", 'Expected {"title": …, "properties": {…}}.')
    return group


def plan_field_group(pipeline: Pipeline, registry: Registry) -> FieldGroupPlan | None:
    """Compares the pipeline's field group file with AEP's; None where the pipeline names none. Sends nothing.

    Raises:
        ConfigError: the file is not there, or is no field group.
        SchemaError: a change is no addition; every such field is named with the reason.
    """
    if pipeline.aep.field_group is None:
        return None
    file = read_field_group(pipeline.aep.field_group)
    title, tenant = str(file["title"]), f"_{registry.tenant_id()}"
    wanted = _tree(file["properties"])
    found = registry.find_by_title("fieldgroups", title)
    if found is None:
        added = tuple((field.dotted, _told(field)) for field in wanted.walk() if field.path)
        return FieldGroupPlan(title, None, _body(file, tenant), (), added)
    at, there = _tenant_part(found, tenant)
    faults = sorted(_faults(wanted, _tree(there)))
    if faults:
        more = f"; and {len(faults) - _MOST_FAULTS} more" if len(faults) > _MOST_FAULTS else ""
        raise SchemaError(
            f"Field group {title!r} can only grow in AEP, but {pipeline.aep.field_group} changes it: "
            f"{'; '.join(faults[:_MOST_FAULTS])}{more}.",
            "Give what has changed a field of a new name, and keep the old one in the file.",
        )
    new = list(_new(wanted, _tree(there)))
    operations = tuple(
        {"op": "add", "path": at + _pointer(field), "value": _definition(file["properties"], field)}
        for field in new
    )
    return FieldGroupPlan(title, str(found["$id"]), {}, operations, tuple((f.dotted, _told(f)) for f in new))


def apply_field_group(plan: FieldGroupPlan, registry: Registry) -> str:
    """Creates the field group, or sends the additions if there are any; returns its ``$id``."""
    if plan.group_id is None:
        return str(registry.create("fieldgroups", plan.body)["$id"])
    if plan.operations:
        registry.patch("fieldgroups", plan.group_id, plan.operations)
    return plan.group_id


def refers_to(schema: Mapping[str, Any], group_id: str) -> bool:
    """Whether a schema, as it was written, holds a field group."""
    return any(part.get("$ref") == group_id for part in schema.get("allOf") or [])


def _body(file: Mapping[str, Any], tenant: str) -> dict[str, Any]:
    custom = {tenant: {"type": "object", "properties": file["properties"]}}
    return {
        "title": file["title"],
        "description": file.get("description", ""),
        "type": "object",
        "meta:intendedToExtend": [EXPERIENCE_EVENT],
        "definitions": {"customFields": {"type": "object", "properties": custom}},
        "allOf": [{"$ref": "#/definitions/customFields", "type": "object", "meta:xdmType": "object"}],
    }


def _tenant_part(group: Mapping[str, Any], tenant: str) -> tuple[str, Mapping[str, Any]]:
    """Where in AEP's field group the tenant's fields are, as a JSON Pointer, and these fields."""
    for name, definition in (group.get("definitions") or {}).items():
        fields = (definition.get("properties") or {}).get(tenant)
        if isinstance(fields, dict):
            return f"/definitions/{name}/properties/{tenant}/properties", fields.get("properties") or {}
    raise SchemaError(
        f"Field group {group.get('title')!r} has no fields below {tenant} in AEP.",
        "Give the field group file another title.",
    )


def _tree(properties: Mapping[str, Any]) -> XdmField:
    return XdmSchema({"type": "object", "properties": properties}).root


def _inner(field: XdmField) -> dict[str, XdmField]:
    return {**field.children, **({"*": field.item} if field.item else {})}


def _new(wanted: XdmField, there: XdmField) -> Iterator[XdmField]:
    """The topmost fields that are not there."""
    known = _inner(there)
    for name, field in _inner(wanted).items():
        if name in known:
            yield from _new(field, known[name])
        else:
            yield field


def _faults(wanted: XdmField, there: XdmField) -> Iterator[str]:
    """What a file changes of a field that is there, one clause each."""
    where = wanted.dotted
    if wanted.kind is not there.kind and not _same_bounds(wanted, there):
        yield f"{where} is {_told(there)} in AEP and cannot become {_told(wanted)}"
        return
    ours, theirs = _constraints(wanted), _constraints(there)
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            yield f"{where} has {name} {theirs.get(name, 'unset')} in AEP and cannot get {ours.get(name, 'none')}"
    for name in sorted(wanted.required - there.required):
        yield f"{'.'.join((*wanted.path, name))} cannot become required: rows without it may be loaded"
    for name in sorted(there.required - wanted.required):
        yield f"{'.'.join((*wanted.path, name))} is required in AEP; to make it optional is no addition"
    mine, known = _inner(wanted), _inner(there)
    for name in sorted(known.keys() - mine.keys()):
        yield f"{known[name].dotted} is in AEP and cannot be removed, renamed or moved"
    for name in sorted(mine.keys() & known.keys()):
        yield from _faults(mine[name], known[name])


def _same_bounds(wanted: XdmField, there: XdmField) -> bool:
    """Of an integer with one bound the file does not tell the size; AEP's answer does, in ``meta:xdmType``."""
    both = wanted.kind.is_integer and there.kind.is_integer and "meta:xdmType" not in wanted.constraints
    bounds = ("minimum", "maximum")
    return both and all(wanted.constraints.get(name) == there.constraints.get(name) for name in bounds)


def _constraints(field: XdmField) -> dict[str, Any]:
    """What restricts a field's values; not the bounds that its type has anyhow, which AEP writes out."""
    found = {name: field.constraints[name] for name in _CONSTRAINTS if name in field.constraints}
    for name, own in zip(("minimum", "maximum"), INTEGER_LIMITS.get(field.kind, ()), strict=False):
        if (
            name in found and abs(abs(found[name]) - abs(own)) <= 1
        ):  # AEP's int goes to 2^31 (EP:xdm/schema/field-constraints.md)
            del found[name]
    return found


def _told(field: XdmField) -> str:
    return f"array of {_told(field.item)}" if field.item and field.kind.value == "array" else field.kind.value


def _pointer(field: XdmField) -> str:
    """A field's place below ``…/properties``, as a JSON Pointer."""
    return "".join(f"/{step}" for step in _steps(field))[len("/properties") :]


def _definition(properties: Mapping[str, Any], field: XdmField) -> Any:
    here: Any = {"properties": properties}
    for step in _steps(field):
        here = here[step]
    return here


def _steps(field: XdmField) -> Iterator[str]:
    for name in field.path:
        yield from ("items",) if name == "*" else ("properties", name)

"""Compares a pipeline's field group file with AEP's field group, and returns the difference as a patch.

Once a dataset uses a schema, AEP only allows additions (EP:xdm/schema/composition.md#evolution). Even before, a changed
field would not match the loaded data. So every change that is not an addition is refused at any time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from include.aep.setup.field_group_evolution import (
    RelaxedConstraint,
    compare_field_groups,
    field_tree,
    type_name,
)
from include.config.json_file import read_json
from include.errors import ConfigError, SchemaError
from include.json_types import JsonMapping, JsonObject
from include.xdm.schema.xdm_schema import EXPERIENCE_EVENT

FIELD_GROUPS = Path(__file__).parents[2] / "pipelines" / "field_groups"
_MOST_FAULTS = 5
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")  # EP:xdm/schema/field-constraints.md


@dataclass(frozen=True)
class FieldGroupPlan:
    """How setup creates or changes the pipeline's own field group.

    ``group_id``: the ``$id`` of AEP's field group with the title; None if AEP has none, and ``body`` is the field group
    to create. ``operations``: a JSON Patch of AEP's field group that removes no field. ``added``: the new fields with
    their types. ``relaxed``: the fields with a constraint that becomes less strict, and the change. ``kept``: the fields
    that AEP has and the file does not, with their types.
    """

    title: str
    group_id: str | None
    body: JsonMapping
    operations: tuple[JsonMapping, ...]
    added: tuple[tuple[str, str], ...]
    relaxed: tuple[tuple[str, str], ...] = ()
    kept: tuple[tuple[str, str], ...] = ()

    @property
    def notes(self) -> list[str]:
        """Notes for the user: one sentence for each field that AEP has and the field group file does not have."""
        return [
            f"AEP has a field {path} ({kind}) that is not in the file; it is kept."
            for path, kind in self.kept
        ]


def read_field_group(name: str) -> JsonObject:
    """Return a field group file: ``title``, ``description`` and the ``properties`` below the tenant.

    Raises:
        ConfigError: the file is missing, or is not a field group.
    """
    path = FIELD_GROUPS / name
    if not path.is_file():
        raise ConfigError(
            f"File {name} does not exist in include/pipelines/field_groups.",
            "Correct aep.field_group, or add the file.",
        )
    group = read_json(path)
    if not isinstance(group, dict) or not group.get("title") or not isinstance(group.get("properties"), dict):
        raise ConfigError(f"{name} is not a field group.", 'Use the form {"title": …, "properties": {…}}.')
    if wrong := [each for each in _names(group) if not _NAME.fullmatch(each)]:
        raise ConfigError(
            f"{name} has field names that AEP refuses: {', '.join(map(repr, wrong[:_MOST_FAULTS]))}.",
            "A name begins with a letter and contains letters, digits, dashes and underscores. The file's properties do not "
            "include the tenant or the title.",
        )
    return group


def _names(node: object) -> Iterator[str]:
    """Yield the names of all fields below ``node``, a part of a JSON Schema."""
    if not isinstance(node, Mapping):
        return
    fields = node.get("properties")
    for name, inner in fields.items() if isinstance(fields, Mapping) else ():
        yield str(name)
        yield from _names(inner)
    for key in ("items", "additionalProperties"):
        yield from _names(node.get(key))


def plan_field_group(
    file: JsonMapping,
    file_name: str,
    current: JsonMapping | None,
    tenant: str,
    schema_class: str = EXPERIENCE_EVENT,
) -> FieldGroupPlan:
    """Compare a field group file with AEP's ``current`` field group of the same title, None where AEP has none.

    ``tenant``: the tenant's field with its underscore, such as ``_acme``. ``schema_class``: the ``$id`` of the schema's
    class.

    Raises:
        SchemaError: a change is not an addition; the fields are named with the reasons.
    """
    title = str(file["title"])
    if current is None:
        new = field_tree(file["properties"]).walk()
        added = tuple((field.dotted, type_name(field)) for field in new if field.path)
        return FieldGroupPlan(title, None, _body(file, tenant, schema_class), (), added)
    at, there = _tenant_part(current, tenant)
    changes = compare_field_groups(file["properties"], there)
    if changes.faults:
        more = (
            f"; and {len(changes.faults) - _MOST_FAULTS} more" if len(changes.faults) > _MOST_FAULTS else ""
        )
        raise SchemaError(
            f"Field group {title!r} can only be extended in AEP, but {file_name} changes it: "
            f"{'; '.join(changes.faults[:_MOST_FAULTS])}{more}.",
            "Keep the old fields in the file, and add fields with new names for the changes.",
        )
    added_here = [_add(at, file["properties"], field.path) for field in changes.added]
    return FieldGroupPlan(
        title,
        str(current["$id"]),
        {},
        (*added_here, *(_relax(at, file["properties"], change) for change in changes.relaxed)),
        tuple((field.dotted, type_name(field)) for field in changes.added),
        tuple((change.field.dotted, change.summary) for change in changes.relaxed),
        changes.kept,
    )


def _body(file: JsonMapping, tenant: str, schema_class: str) -> JsonObject:
    custom = {tenant: {"type": "object", "properties": file["properties"]}}
    return {
        "title": file["title"],
        "description": file.get("description", ""),
        "type": "object",
        "meta:intendedToExtend": [schema_class],
        "definitions": {"customFields": {"type": "object", "properties": custom}},
        "allOf": [{"$ref": "#/definitions/customFields", "type": "object", "meta:xdmType": "object"}],
    }


def _tenant_part(group: JsonMapping, tenant: str) -> tuple[str, JsonMapping]:
    """Return the tenant's fields in AEP's field group, with their position as a JSON Pointer."""
    for name, definition in (group.get("definitions") or {}).items():
        fields = (definition.get("properties") or {}).get(tenant)
        if isinstance(fields, dict):
            return f"/definitions/{name}/properties/{tenant}/properties", fields.get("properties") or {}
    raise SchemaError(
        f"Field group {group.get('title')!r} has no fields below {tenant} in AEP, which a pipeline's own field group "
        "requires.",
        "Give the field group file another title: setup then creates a new field group. The existing one is not "
        "changed.",
    )


def _add(at: str, properties: JsonMapping, path: Sequence[str]) -> JsonObject:
    pointer, definition = _find_field(properties, path)
    return {"op": "add", "path": at + pointer, "value": definition}


def _relax(at: str, properties: JsonMapping, change: RelaxedConstraint) -> JsonObject:
    path = f"{at}{_find_field(properties, change.field.path)[0]}/{change.keyword}"
    if change.value is None:
        return {"op": "remove", "path": path}
    return {"op": "replace", "path": path, "value": change.value}


def _find_field(properties: JsonMapping, path: Sequence[str]) -> tuple[str, JsonMapping]:
    """Return a field's position below ``…/properties``, as a JSON Pointer, and its definition."""
    here: JsonMapping = {"properties": properties}
    pointer = ""
    for name in path:
        steps: tuple[str, ...] = ("properties", name)
        if name == "*":
            steps = ("items",) if "items" in here else ("additionalProperties",)
        for step in steps:
            here = here[step]
            pointer += f"/{step}"
    return pointer.removeprefix("/properties"), here

"""Reads a pipeline's field group file, and computes the changes that AEP's field group of the same title needs.

Once a dataset uses a schema, AEP only accepts additions and less strict constraints
(EP:xdm/schema/composition.md#evolution). Before that, another change could contradict rows that are already loaded.
Setup therefore refuses every other change at any time.
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

    Attributes:
        title: the title of the field group, by which setup finds it in AEP.
        group_id: the ``$id`` of the field group in AEP; None if it has to be created.
        body: the field group to create, as AEP's JSON; empty if it exists.
        operations: the JSON Patch for the existing field group, which removes no field; empty without changes.
        added: the path and the type of each new field.
        relaxed: the path of each field with a constraint that becomes less strict, and the change as text.
        kept: the path and the type of each field that AEP's field group has but the file does not.
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
        """A sentence for the user about each field that AEP's field group has but the file does not."""
        return [
            f"AEP has a field {path} ({kind}) that is not in the file; it is kept."
            for path, kind in self.kept
        ]


def read_field_group(name: str) -> JsonObject:
    """Return the JSON of a field group file: its ``title``, ``description`` and ``properties``.

    ``properties`` are the fields below the tenant's field, such as ``_acme``. ``name``: the name of the file.

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
    """Yield the names of all fields in a JSON Schema, at any depth."""
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
    """Return the changes that make AEP's field group contain what the field group file contains.

    Args:
        file: the JSON of the field group file.
        file_name: the name of the file, for messages.
        current: AEP's field group with the same title, with unresolved references; None if AEP does not have one.
        tenant: the name of the tenant's field, such as ``_acme``.
        schema_class: the ``$id`` of the class for which a new field group is intended.

    Raises:
        SchemaError: the file changes a field in a way that is not permitted; the message names such fields with
            reasons.
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
    """Return the JSON Pointer of the fields below the tenant's field in AEP's field group, and these fields."""
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
    """Return the JSON Pointer of a field, relative to ``properties``, and the field's definition.

    ``path``: the names on the way to the field; ``*`` stands for the entries of an array or a map.
    """
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

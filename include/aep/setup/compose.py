"""Computes the schema as it will be after the plan, so that the mapping is checked before the first change in AEP."""

from __future__ import annotations

from collections.abc import Sequence

from include.aep.setup.requirements import SetupRequirements
from include.aep.setup.state import IDENTITY_MAP, AepState
from include.errors import SchemaError
from include.json_types import JsonMapping, JsonObject
from include.xdm.schema.merge import merged
from include.xdm.schema.xdm_schema import EXPERIENCE_EVENT, XdmSchema

_BEHAVIOR = "https://ns.adobe.com/xdm/data/time-series"


def parts_of(state: AepState, requirements: SetupRequirements) -> tuple[str, ...]:
    """Return the ``$id``s of the class and field groups to add to the schema, in order.

    They are the field groups in ``aep.field_groups`` that the schema does not have yet and, for a new schema, first its
    class and the field group IdentityMap. The pipeline's own field group is not among them.

    Raises:
        SchemaError: a field group does not exist, has an ambiguous title, or is intended for another class.
    """
    there = state.references
    new = [] if state.schema is not None else [EXPERIENCE_EVENT, IDENTITY_MAP]
    for name in requirements.pipeline.aep.field_groups:
        found = _field_group_id(state, name)
        if found not in there and found not in new:
            new.append(found)
    return tuple(new)


def future_schema(state: AepState, requirements: SetupRequirements, parts: Sequence[str]) -> XdmSchema:
    """Return the schema as it will be once ``parts`` and the pipeline's own field group are added.

    ``parts``: the ``$id``s that ``parts_of`` returned.

    Raises:
        SchemaError: two of its parts define the same field differently.
    """
    document: JsonObject = dict(state.parts[str(state.schema["$id"])]) if state.schema is not None else {}
    own = str(state.group["$id"]) if state.group is not None else None
    for part in (*parts, *([own] if own is not None and own not in state.references else [])):
        document = _with_part(document, _fields(state.parts[part]), _title(state), _part_title(state, part))
    tenant = f"_{state.tenant}"
    if requirements.group is not None:
        fields = {"type": "object", "properties": requirements.group["properties"]}
        own_part = {"properties": {tenant: fields}}
        document = _with_part(own_part, document, _title(state), str(requirements.group_title))
    title = state.schema["title"] if state.schema is not None else requirements.pipeline.aep.schema_name
    return XdmSchema({**document, "type": "object", "title": title, "meta:tenantNamespace": tenant})


def _with_part(document: JsonObject, other: JsonObject, schema: str, part: str) -> JsonObject:
    """Return the resolved schema ``document`` with the fields of ``other``.

    ``schema``, ``part``: the names of the schema and of the field group, for the error message.
    """
    try:
        return merged(document, other, "its root")
    except SchemaError as clash:
        raise SchemaError(
            f"Field group {part!r} conflicts with the other parts of {schema}: {clash.sentence}",
            "Remove the field group from aep.field_groups or aep.field_group. A user with the permission Manage Schemas can correct the "
            "company's own field groups in AEP; Adobe's cannot be changed.",
        ) from None


def _part_title(state: AepState, part: str) -> str:
    return str(state.parts[part].get("title", part))


def _fields(part: JsonMapping) -> JsonObject:
    return {key: part[key] for key in ("properties", "required", "allOf", "anyOf", "oneOf") if key in part}


def _field_group_id(state: AepState, name: str) -> str:
    """Return the ``$id`` of the only field group with the title or ``$id`` ``name`` that fits the schema's class."""
    found = [each for each in state.field_group_ids[name] if each in state.parts or each in state.references]
    if not found:
        raise SchemaError(
            f"AEP has no field group {name!r}, which is in aep.field_groups.",
            "Write the title as shown in AEP's schema editor, or the $id. Adobe's own field groups are in every AEP sandbox; "
            "a company's own field group is created there by a user with the permission Manage Schemas.",
        )
    fitting = [each for each in found if each in state.references or _fits_class(state, each)]
    if not fitting:
        require_class(state, found[0], name)
    if len(fitting) > 1:
        raise SchemaError(
            f"AEP has {len(fitting)} field groups named {name!r}: {', '.join(fitting)}.",
            "Write the $id of the correct one in aep.field_groups.",
        )
    return fitting[0]


def require_class(state: AepState, part: str, name: str) -> None:
    """Check that the field group ``part``, whose title is ``name``, may be added to the schema's class.

    A field group that the schema already has is accepted.

    Raises:
        SchemaError: the field group is intended for other classes; the message names them and the schema's class.
    """
    if part in state.references or _fits_class(state, part):
        return
    raise SchemaError(
        f"Field group {name!r} is intended for {', '.join(_classes(state, part))}, but {_title(state)} has the class "
        f"{state.schema_class}.",
        "Write a field group for that class in aep.field_groups, or give the field group file of aep.field_group another "
        "title. A user with the permission Manage Schemas can also extend one of the company's own field groups to the "
        "class in AEP; Adobe's cannot be changed.",
    )


def _fits_class(state: AepState, part: str) -> bool:
    """Return whether the field group ``part`` may be added to a schema of this class or behavior.

    A field group without ``meta:intendedToExtend``, which Adobe does not document, is assumed to fit every class.
    """
    has = {EXPERIENCE_EVENT, _BEHAVIOR}
    if state.schema is not None:
        has = {str(state.schema.get("meta:class")), *map(str, state.schema.get("meta:extends") or ())}
    meant = _classes(state, part)
    return not meant or bool(has & set(meant))


def _classes(state: AepState, part: str) -> tuple[str, ...]:
    return tuple(map(str, state.parts.get(part, {}).get("meta:intendedToExtend") or ()))


def _title(state: AepState) -> str:
    return (
        f"schema {str(state.schema['title'])!r}" if state.schema is not None else "the schema to be created"
    )

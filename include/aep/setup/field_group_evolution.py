"""Compares a field group file with AEP's field group: which differences AEP accepts while a dataset uses the schema.

Accepted are new fields, fields that are no longer required (EP:xdm/schema/composition.md#evolution), and less strict
constraints: further values of an enum or among suggested values, or no enum (EP:xdm/ui/fields/enum.md#evolution).
Refused are other types, and constraints that loaded rows may violate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from include.json_types import JsonMapping, JsonObject
from include.xdm.schema.xdm_field import INTEGER_LIMITS, XdmField
from include.xdm.schema.xdm_schema import XdmSchema

_CONSTRAINTS = ("minimum", "maximum", "minLength", "maxLength", "pattern", "enum", "format", "default")
_LOWER_BOUNDS, _UPPER_BOUNDS = ("minimum", "minLength"), ("maximum", "maxLength")
_SUGGESTED = "meta:enum"


@dataclass(frozen=True)
class RelaxedConstraint:
    """A change that makes a constraint of a field less strict.

    Attributes:
        field: the field, as in the file.
        keyword: the constraint's keyword in the JSON Schema, such as ``maximum``.
        value: the new value of the keyword; None if the constraint is removed.
        summary: the change as a clause for the user.
    """

    field: XdmField
    keyword: str
    value: object
    summary: str


@dataclass(frozen=True)
class FieldGroupEvolution:
    """The differences between a field group file and AEP's field group.

    Attributes:
        added: the fields that only the file has; a new object is one field, without its inner fields.
        relaxed: the constraints that are less strict in the file.
        kept: the path and the type of each field that only AEP has.
        faults: a clause for each difference that AEP refuses, or that loaded rows may violate.
    """

    added: tuple[XdmField, ...]
    relaxed: tuple[RelaxedConstraint, ...]
    kept: tuple[tuple[str, str], ...]
    faults: tuple[str, ...]


def compare_field_groups(new: JsonMapping, old: JsonMapping) -> FieldGroupEvolution:
    """Compare the fields of the field group file (``new``) with those of AEP's field group (``old``).

    Both are the ``properties`` of a JSON Schema below the tenant's field.

    Raises:
        SchemaError: a field on both sides has a type that XDM does not have, or contains a reference.
    """
    kept: list[tuple[str, str]] = []
    known = _without_unknown_fields({"properties": new}, {"properties": old}, (), kept)
    in_file, in_aep = field_tree(new), field_tree(known["properties"])
    return FieldGroupEvolution(
        tuple(_added(in_file, in_aep)),
        tuple(_relaxed(in_file, in_aep)),
        tuple(kept),
        tuple(sorted(_faults(in_file, in_aep))),
    )


def field_tree(properties: JsonMapping) -> XdmField:
    """Return the fields in the ``properties`` of a JSON Schema as a tree; its root is an object without a name."""
    return XdmSchema({"type": "object", "properties": properties}).root


def type_name(field: XdmField) -> str:
    """Return the name of a field's type for the user, such as ``array of string``."""
    return (
        f"array of {type_name(field.item)}"
        if field.item and field.kind.value == "array"
        else field.kind.value
    )


def _without_unknown_fields(
    new: JsonMapping, old: JsonMapping, path: tuple[str, ...], kept: list[tuple[str, str]]
) -> JsonObject:
    """Return AEP's JSON Schema ``old`` without the fields that ``new`` does not have, and append these to ``kept``.

    Fields that only AEP has may have forms that cannot be compared, such as references. ``path``: the path of ``old``.
    """
    found = dict(old)
    if isinstance(new.get("properties"), Mapping) and isinstance(old.get("properties"), Mapping):
        found["properties"] = {}
        for name, node in old["properties"].items():
            if name in new["properties"]:
                found["properties"][name] = _inner_without_unknown_fields(
                    new["properties"][name], node, (*path, name), kept
                )
            else:
                required = ", required" if name in (old.get("required") or ()) else ""
                kept.append((".".join((*path, name)), _type_of(node) + required))
    for key in ("items", "additionalProperties"):
        if key in new and key in old:
            found[key] = _inner_without_unknown_fields(new[key], old[key], (*path, "*"), kept)
    return found


def _inner_without_unknown_fields(
    new: object, old: object, path: tuple[str, ...], kept: list[tuple[str, str]]
) -> object:
    if isinstance(new, Mapping) and isinstance(old, Mapping):
        return _without_unknown_fields(new, old, path, kept)
    return old


def _type_of(node: object) -> str:
    definition = node if isinstance(node, Mapping) else {}
    return str(definition.get("meta:xdmType") or definition.get("type") or "object")


def _inner(field: XdmField) -> dict[str, XdmField]:
    return {**field.children, **({"*": field.item} if field.item else {})}


def _fields_on_both_sides(in_file: XdmField, in_aep: XdmField) -> Iterator[tuple[XdmField, XdmField]]:
    """Yield each field that exists with the same type in the file and in AEP, as a pair (file, AEP)."""
    yield in_file, in_aep
    known = _inner(in_aep)
    for name, field in _inner(in_file).items():
        if name in known and _same_type(field, known[name]):
            yield from _fields_on_both_sides(field, known[name])


def _added(in_file: XdmField, in_aep: XdmField) -> Iterator[XdmField]:
    for field, known in _fields_on_both_sides(in_file, in_aep):
        yield from (inner for name, inner in _inner(field).items() if name not in _inner(known))


def _relaxed(in_file: XdmField, in_aep: XdmField) -> Iterator[RelaxedConstraint]:
    for field, known in _fields_on_both_sides(in_file, in_aep):
        new, old = _constraints(field), _constraints(known)
        for name in sorted(new.keys() | old.keys()):
            if _is_more_permissive(name, new, old):
                value = field.constraints.get(name)
                yield RelaxedConstraint(field, name, value, _describe_change(name, old[name], value))
        yield from _added_suggestions(field, known)
        if optional := (known.required - field.required) & field.children.keys():
            left = sorted(known.required - optional) or None
            yield RelaxedConstraint(
                field, "required", left, f"{', '.join(sorted(optional))} is no longer required"
            )


def _added_suggestions(in_file: XdmField, in_aep: XdmField) -> Iterator[RelaxedConstraint]:
    """Yield the change that adds suggested values, or labels of enum values, to a field that already has some."""
    new, old = in_file.constraints.get(_SUGGESTED), in_aep.constraints.get(_SUGGESTED)
    if not isinstance(new, Mapping) or not isinstance(old, Mapping) or not old:
        return
    added = [value for value in new if value not in old]
    if added:
        merged = {**old, **{value: new[value] for value in added}}
        yield RelaxedConstraint(in_file, _SUGGESTED, merged, f"{_SUGGESTED} adds {', '.join(added)}")


def _describe_change(name: str, before: object, after: object) -> str:
    return f"{name} {before} becomes {after}" if after is not None else f"{name} {before} is removed"


def _faults(in_file: XdmField, in_aep: XdmField) -> Iterator[str]:
    for field, known in _fields_on_both_sides(in_file, in_aep):
        where, new, old = field.dotted, _constraints(field), _constraints(known)
        for name, inner in _inner(field).items():
            if name in _inner(known) and not _same_type(inner, _inner(known)[name]):
                yield f"{inner.dotted} is {type_name(_inner(known)[name])} in AEP and cannot become {type_name(inner)}"
        for name in sorted(new.keys() | old.keys()):
            if new.get(name) != old.get(name) and not _is_more_permissive(name, new, old):
                yield f"{where} has {name} {old.get(name, 'unset')} in AEP and cannot become {new.get(name, 'unset')}"
        for name in sorted(field.required - known.required):
            yield f"{'.'.join((*field.path, name))} cannot become required: rows without it may be loaded"


def _is_more_permissive(name: str, new: JsonMapping, old: JsonMapping) -> bool:
    """Return whether the constraint ``name`` permits more values in the file (``new``) than in AEP (``old``).

    False also if it is the same, if AEP does not have the constraint, or if this cannot be determined.
    """
    new_value, old_value = new.get(name), old.get(name)
    if name not in (*_LOWER_BOUNDS, *_UPPER_BOUNDS, "enum", "pattern") or old_value is None:
        return False
    if new_value is None:
        return True
    if name in _LOWER_BOUNDS:
        return bool(new_value < old_value)
    if name in _UPPER_BOUNDS:
        return bool(new_value > old_value)
    # Whether one pattern accepts everything that another accepts cannot be determined.
    return name == "enum" and set(map(str, new_value)) > set(map(str, old_value))


def _same_type(in_file: XdmField, in_aep: XdmField) -> bool:
    """Return whether a field has the same type in the file and in AEP.

    An integer of the file without ``meta:xdmType`` has the type of AEP's integer if both have the same bounds.
    """
    if in_file.kind is in_aep.kind:
        return True
    both = in_file.kind.is_integer and in_aep.kind.is_integer and "meta:xdmType" not in in_file.constraints
    bounds = ("minimum", "maximum")
    return both and all(in_file.constraints.get(name) == in_aep.constraints.get(name) for name in bounds)


def _constraints(field: XdmField) -> JsonObject:
    """Return the constraints on a field's values, without the bounds that an integer type implies.

    AEP adds these bounds to the definition of the field, so they are not a difference.
    """
    found = {name: field.constraints[name] for name in _CONSTRAINTS if name in field.constraints}
    if isinstance(found.get("enum"), list):
        found["enum"] = sorted(found["enum"], key=str)
    for name, own in zip(("minimum", "maximum"), INTEGER_LIMITS.get(field.kind, ()), strict=False):
        # AEP's int ends at 2^31 (EP:xdm/schema/field-constraints.md).
        if name in found and abs(abs(found[name]) - abs(own)) <= 1:
            del found[name]
    return found

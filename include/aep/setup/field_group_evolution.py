"""Compares two versions of a field group: which fields are added, relaxed, only in AEP, or incompatible.

A schema in use accepts new fields, fields that are no longer required (EP:xdm/schema/composition.md#evolution), and
less restrictive fields: values added to an existing enum or to suggested values, or a removed enum
(EP:xdm/ui/fields/enum.md#evolution). It accepts no other type, and no restriction that existing rows may violate.
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
    """A change that makes a constraint less strict: ``keyword`` of a field gets the value ``value``, or is removed (None)."""

    field: XdmField
    keyword: str
    value: object
    summary: str


@dataclass(frozen=True)
class FieldGroupEvolution:
    """The differences between a field group file and AEP's field group.

    ``added``: the new fields; of a new object only the object itself. ``kept``: the fields that only AEP has, as path
    and type. ``faults``: changes that AEP or existing rows do not allow, one clause each.
    """

    added: tuple[XdmField, ...]
    relaxed: tuple[RelaxedConstraint, ...]
    kept: tuple[tuple[str, str], ...]
    faults: tuple[str, ...]


def compare_field_groups(ours: JsonMapping, theirs: JsonMapping) -> FieldGroupEvolution:
    """Compare the ``properties`` of the pipeline's field group file with those of AEP's field group.

    Raises:
        SchemaError: a common field is not an XDM field, or contains a reference.
    """
    kept: list[tuple[str, str]] = []
    known = _without_unknown_fields({"properties": ours}, {"properties": theirs}, (), kept)
    requirements, there = field_tree(ours), field_tree(known["properties"])
    return FieldGroupEvolution(
        tuple(_added(requirements, there)),
        tuple(_relaxed(requirements, there)),
        tuple(kept),
        tuple(sorted(_faults(requirements, there))),
    )


def field_tree(properties: JsonMapping) -> XdmField:
    """Return the fields as a tree, under a root without a name."""
    return XdmSchema({"type": "object", "properties": properties}).root


def type_name(field: XdmField) -> str:
    """Return a field's type for display."""
    return (
        f"array of {type_name(field.item)}"
        if field.item and field.kind.value == "array"
        else field.kind.value
    )


def _without_unknown_fields(
    ours: JsonMapping, theirs: JsonMapping, path: tuple[str, ...], kept: list[tuple[str, str]]
) -> JsonObject:
    """Return ``theirs`` without the fields that only AEP has, and add these to ``kept``.

    They are removed before the comparison, because they may have any form, including references.
    """
    found = dict(theirs)
    if isinstance(ours.get("properties"), Mapping) and isinstance(theirs.get("properties"), Mapping):
        found["properties"] = {}
        for name, node in theirs["properties"].items():
            if name in ours["properties"]:
                found["properties"][name] = _inner_without_unknown_fields(
                    ours["properties"][name], node, (*path, name), kept
                )
            else:
                required = ", required" if name in (theirs.get("required") or ()) else ""
                kept.append((".".join((*path, name)), _type_of(node) + required))
    for key in ("items", "additionalProperties"):
        if key in ours and key in theirs:
            found[key] = _inner_without_unknown_fields(ours[key], theirs[key], (*path, "*"), kept)
    return found


def _inner_without_unknown_fields(
    ours: object, theirs: object, path: tuple[str, ...], kept: list[tuple[str, str]]
) -> object:
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        return _without_unknown_fields(ours, theirs, path, kept)
    return theirs


def _type_of(node: object) -> str:
    definition = node if isinstance(node, Mapping) else {}
    return str(definition.get("meta:xdmType") or definition.get("type") or "object")


def _inner(field: XdmField) -> dict[str, XdmField]:
    return {**field.children, **({"*": field.item} if field.item else {})}


def _fields_on_both_sides(requirements: XdmField, there: XdmField) -> Iterator[tuple[XdmField, XdmField]]:
    """Yield every field that has the same type in the file and in AEP, with its counterpart in AEP."""
    yield requirements, there
    known = _inner(there)
    for name, field in _inner(requirements).items():
        if name in known and _same_type(field, known[name]):
            yield from _fields_on_both_sides(field, known[name])


def _added(requirements: XdmField, there: XdmField) -> Iterator[XdmField]:
    for field, known in _fields_on_both_sides(requirements, there):
        yield from (inner for name, inner in _inner(field).items() if name not in _inner(known))


def _relaxed(requirements: XdmField, there: XdmField) -> Iterator[RelaxedConstraint]:
    for field, known in _fields_on_both_sides(requirements, there):
        ours, theirs = _constraints(field), _constraints(known)
        for name in sorted(ours.keys() | theirs.keys()):
            if _is_more_permissive(name, ours, theirs):
                value = field.constraints.get(name)
                yield RelaxedConstraint(field, name, value, _describe_change(name, theirs[name], value))
        yield from _added_suggestions(field, known)
        if optional := (known.required - field.required) & field.children.keys():
            left = sorted(known.required - optional) or None
            yield RelaxedConstraint(
                field, "required", left, f"{', '.join(sorted(optional))} is no longer required"
            )


def _added_suggestions(requirements: XdmField, there: XdmField) -> Iterator[RelaxedConstraint]:
    """Yield the new suggested values, or enum labels, of a field that already has some."""
    ours, theirs = requirements.constraints.get(_SUGGESTED), there.constraints.get(_SUGGESTED)
    if not isinstance(ours, Mapping) or not isinstance(theirs, Mapping) or not theirs:
        return
    new = [value for value in ours if value not in theirs]
    if new:
        merged = {**theirs, **{value: ours[value] for value in new}}
        yield RelaxedConstraint(requirements, _SUGGESTED, merged, f"{_SUGGESTED} adds {', '.join(new)}")


def _describe_change(name: str, before: object, after: object) -> str:
    return f"{name} {before} becomes {after}" if after is not None else f"{name} {before} is removed"


def _faults(requirements: XdmField, there: XdmField) -> Iterator[str]:
    for field, known in _fields_on_both_sides(requirements, there):
        where, ours, theirs = field.dotted, _constraints(field), _constraints(known)
        for name, inner in _inner(field).items():
            if name in _inner(known) and not _same_type(inner, _inner(known)[name]):
                yield f"{inner.dotted} is {type_name(_inner(known)[name])} in AEP and cannot become {type_name(inner)}"
        for name in sorted(ours.keys() | theirs.keys()):
            if ours.get(name) != theirs.get(name) and not _is_more_permissive(name, ours, theirs):
                yield f"{where} has {name} {theirs.get(name, 'unset')} in AEP and cannot become {ours.get(name, 'unset')}"
        for name in sorted(field.required - known.required):
            yield f"{'.'.join((*field.path, name))} cannot become required: rows without it may be loaded"


def _is_more_permissive(name: str, ours: JsonMapping, theirs: JsonMapping) -> bool:
    """Return whether the file's value of a constraint, or its absence, permits more than AEP's value."""
    new, old = ours.get(name), theirs.get(name)
    if name not in (*_LOWER_BOUNDS, *_UPPER_BOUNDS, "enum", "pattern") or old is None:
        return False
    if new is None:
        return True
    if name in _LOWER_BOUNDS:
        return bool(new < old)
    if name in _UPPER_BOUNDS:
        return bool(new > old)
    # Whether one pattern accepts everything that another accepts cannot be determined.
    return name == "enum" and set(map(str, new)) > set(map(str, old))


def _same_type(requirements: XdmField, there: XdmField) -> bool:
    """Return whether two types are equal; for integers, AEP's ``meta:xdmType`` is more exact than the file's bounds."""
    if requirements.kind is there.kind:
        return True
    both = (
        requirements.kind.is_integer
        and there.kind.is_integer
        and "meta:xdmType" not in requirements.constraints
    )
    bounds = ("minimum", "maximum")
    return both and all(requirements.constraints.get(name) == there.constraints.get(name) for name in bounds)


def _constraints(field: XdmField) -> JsonObject:
    """Return the constraints on a field's values, without the implicit bounds of its type, which AEP writes out."""
    found = {name: field.constraints[name] for name in _CONSTRAINTS if name in field.constraints}
    if isinstance(found.get("enum"), list):
        found["enum"] = sorted(found["enum"], key=str)
    for name, own in zip(("minimum", "maximum"), INTEGER_LIMITS.get(field.kind, ()), strict=False):
        # AEP's int ends at 2^31 (EP:xdm/schema/field-constraints.md).
        if name in found and abs(abs(found[name]) - abs(own)) <= 1:
            del found[name]
    return found

"""Find the destination fields of mappings in the schema, and check whether values fit them and which are missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from include.xdm.dataprep.language.errors import LanguageError
from include.xdm.dataprep.language.paths import Path, parse_path, write_path
from include.xdm.dataprep.language.types import Type
from include.xdm.schema.xdm_field import INTEGER_LIMITS, Kind, XdmField
from include.xdm.schema.xdm_schema import XdmSchema

TENANT = "_{TENANT_ID}"
"""The placeholder for the tenant's name in Adobe's documentation, and in mapping files for any organization."""

GENERATED = ("_id", "timestamp", "identityMap")
"""Fields that the pipeline fills itself, by rules that a mapping cannot change."""

POSITION_LIMIT = 1000

Names = tuple[str, ...]


@dataclass(frozen=True)
class Destination:
    """The destination of a mapping in the schema.

    Attributes:
        names: the first part of the path, which leads through objects only.
        inside: the rest of the path, inside the first array or map; empty if the path enters neither.
        field: the field at the end of the path.
    """

    names: Names
    inside: Path
    field: XdmField

    def __str__(self) -> str:
        return write_path((*self.names, *self.inside))


def find_destination(text: str, schema: XdmSchema) -> Destination:
    """Parse the destination of a mapping and find its field in the schema.

    Raises:
        LanguageError: the text is not a path, the pipeline fills the field itself, or the schema does not have it.
    """
    steps = parse_path(text.replace(TENANT, schema.tenant))
    if steps[0] in GENERATED:
        raise LanguageError(f"{steps[0]} is built by the pipeline; remove this mapping")
    if any(isinstance(step, int) and step > POSITION_LIMIT for step in steps):
        raise LanguageError(f"{write_path(steps)} has a position above {POSITION_LIMIT}")
    here, names = schema.root, 0
    for number, step in enumerate(steps):
        if here.kind is Kind.OBJECT and isinstance(step, str) and step in here.children:
            here = here.children[step]
            names += names == number
        elif here.item is not None and isinstance(step, str) == (here.kind is Kind.MAP):
            here = here.item
        else:
            raise LanguageError(_unknown_field_fault(steps, number, here, schema))
    return Destination(tuple(map(str, steps[:names])), steps[names:], here)


def _unknown_field_fault(steps: Path, number: int, here: XdmField, schema: XdmSchema) -> str:
    path, before, step = write_path(steps), write_path(steps[:number]), steps[number]
    if here.kind is Kind.ARRAY and isinstance(step, str):
        return f"{before} is an array; write {before}[*].{step} or {before}[0].{step}"
    if not isinstance(step, str) and here.kind is not Kind.ARRAY:
        return f"{before} is not an array; remove {write_path(steps[number : number + 1])}"
    near = schema.names.nearest(path)
    is_built = near is not None and near.partition(".")[0] in GENERATED
    return f"the schema has no field {path}" + (f"; nearest is {near}" if near and not is_built else "")


_DATES = {Type.DATE, Type.STRING, Type.ANY}
_NUMBERS = {Type.INTEGER, Type.NUMBER, Type.STRING, Type.ANY}


def can_hold(field: XdmField, kind: Type) -> bool:
    """Return whether a field can store values of a type of expressions; for some types, single values may not fit."""
    if kind is Type.NULL or field.kind is Kind.STRING:
        return True
    if field.kind in INTEGER_LIMITS or field.kind is Kind.NUMBER:
        return kind in _NUMBERS
    if field.kind is Kind.BOOLEAN:
        return kind in (_NUMBERS | {Type.BOOLEAN})
    if field.kind is Kind.DATE:
        return kind in _DATES
    if field.kind is Kind.DATE_TIME:
        return kind in (_DATES | _NUMBERS)
    return kind in ({Type.ARRAY, Type.ANY} if field.kind is Kind.ARRAY else {Type.OBJECT, Type.ANY})


def collisions(taken: Mapping[Names, int]) -> Iterator[str]:
    """Yield an error sentence for each destination that is inside another one; ``taken``: mappings by destination."""
    for path, number in taken.items():
        for n in range(1, len(path)):
            if path[:n] in taken:
                yield f"mapping {number}: {'.'.join(path)} is inside the destination of mapping {taken[path[:n]]}"


def unfilled_required_fields(root: XdmField, filled: Iterable[Names]) -> Iterator[str]:
    """Yield an error sentence for each required field that no mapping fills; ``filled``: all destinations.

    A required member of an object matters only if a mapping fills another field inside the object.
    """
    paths = set(filled)
    inside = {path[:n] for path in paths for n in range(1, len(path))}

    def faults_in(field: XdmField) -> Iterator[str]:
        for name in sorted(field.required):
            path = (*field.path, name)
            if path not in paths and path not in inside and path[0] not in GENERATED:
                yield f"no mapping fills {'.'.join(path)}, which the schema requires; add a mapping to it"
        for child in field.children.values():
            if child.path in inside:
                yield from faults_in(child)

    return faults_in(root)

"""A Data Prep mapping set, checked against a schema: which property or expression fills which XDM field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal

from include.errors import ConfigError
from include.lake.manifest import digest_of
from include.xdm.dataprep.language.check import Typed, check, places, properties_in, property_of
from include.xdm.dataprep.language.errors import LanguageError
from include.xdm.dataprep.language.parser import parse
from include.xdm.dataprep.language.paths import EACH, Path, parse_path, write_path
from include.xdm.mapping.destinations import (
    Destination,
    Names,
    can_hold,
    collisions,
    find_destination,
    unfilled_required_fields,
)
from include.xdm.mapping.generated_fields import GeneratedFieldRules, require_same, require_same_identity
from include.xdm.mapping.mapping_file import SOURCE_TYPES
from include.xdm.mapping.set_errors import no_primary, whole_and_in_parts, without_items
from include.xdm.schema.xdm_schema import INTEGER_LIMITS, Kind, XdmField, XdmSchema

if TYPE_CHECKING:  # processes of a step do not read the pipeline file
    from include.config.model import Pipeline

_REBUILT = ("_id", "timestamp")
UNMAPPED = ("mixpanel", "unmapped")
"""Below the tenant: the field for the JSON text of every property that no mapping reads."""


@dataclass(frozen=True)
class FieldMapping:
    """One field and the source of its value.

    ATTRIBUTE: ``sources``, of which the first that exists counts. STATIC: ``constant``. EXPRESSION: ``expression``.
    ASSEMBLED: an array or map whose items several mappings fill, ``parts``.
    ``inside``: for a part, the steps from the field to the place of its value.
    """

    kind: Literal["ATTRIBUTE", "STATIC", "EXPRESSION", "ASSEMBLED"]
    destination: Names
    field: XdmField
    sources: tuple[Path, ...] = ()
    constant: str = ""
    expression: Typed | None = None
    parts: tuple[FieldMapping, ...] = ()
    inside: Path = ()
    number: int = 0

    def properties(self) -> set[str | None]:
        """Return the properties that the mapping reads; None stands for all of them."""
        found = {property_of(path) for path in self.sources if path[0] == "properties"}
        found |= properties_in(self.expression) if self.expression else set()
        return found.union(*(part.properties() for part in self.parts))


@dataclass(frozen=True)
class MappingSet:
    """A mapping set checked against a schema. ``digest`` identifies it."""

    mappings: tuple[FieldMapping, ...]
    digest: str
    unmapped: Names | None = None
    primary: Names | None = None
    """The primary identity field that every event of a Profile dataset needs; None: it is in ``identityMap``."""

    @cached_property
    def whole_properties(self) -> frozenset[str]:
        """The properties that a mapping stores as a whole, so that they are not kept a second time as unmapped."""
        return frozenset(
            str(s[1]) for m in self.mappings for s in m.sources if len(s) == 2 and s[0] == "properties"
        )

    @cached_property
    def named_properties(self) -> frozenset[str | None]:
        """The properties that a mapping reads, also in an expression or in part; None stands for all of them."""
        return frozenset().union(*(m.properties() for m in self.mappings))


def bind_for(pipeline: Pipeline, rows: Sequence[Mapping[str, Any]], schema: XdmSchema) -> MappingSet:
    """Check a pipeline's mappings against the schema with the rules for the fields that the pipeline builds itself."""
    source = pipeline.mixpanel
    identities = {name: pipeline.namespaces[name] for name in pipeline.identity_properties}
    rules = GeneratedFieldRules(identities, source.time_is == "project_local", source.time_in_ms)
    keep = pipeline.unmapped == "keep"
    return bind(pipeline.mapping, rows, schema, keep_unmapped=keep, built=rules)


def bind(
    name: str,
    rows: Sequence[Mapping[str, Any]],
    schema: XdmSchema,
    *,
    keep_unmapped: bool,
    built: GeneratedFieldRules | None = None,
) -> MappingSet:
    """Check the mappings of a file against the schema and report all faults together.

    ``built``: what the pipeline builds itself; mappings with the same meaning are accepted and ignored. None: they are
    refused.

    Raises:
        ConfigError: some mappings are wrong; the text names each of them, and the nearest existing path or function.
    """
    unmapped = (schema.tenant, *UNMAPPED) if keep_unmapped else None
    faults: list[str] = []
    bound: list[FieldMapping] = []
    taken: dict[tuple[Names, Path], int] = {}
    for number, row in enumerate(rows, 1):
        try:
            if built is not None and row.get("destination") in _REBUILT:
                require_same(row, row["destination"], built)
                continue
            mapping = replace(_mapping(row, schema, built), number=number)
            place = (mapping.destination, mapping.inside)
            if mapping.destination == unmapped:
                raise LanguageError(
                    f"{mapping.field.dotted} is filled by unmapped: keep; remove this mapping"
                )
            if place in taken:
                path = write_path((*mapping.destination, *mapping.inside))
                raise LanguageError(f"mapping {taken[place]} already fills {path}")
            taken[place] = number
            bound.append(mapping)
        except LanguageError as fault:
            faults.append(f"mapping {number}: {fault}")
    mappings = _expand_object_copies(bound, unmapped)
    faults += [*collisions({m.destination: m.number for m in mappings}), *whole_and_in_parts(taken)]
    faults += without_items(mappings)
    if not faults:  # otherwise a wrong mapping is also reported as a missing one
        faults += unfilled_required_fields(schema.root, (m.destination for m in mappings))
        faults += no_primary(schema, {m.destination for m in mappings})
    if unmapped and ((field := schema.find(unmapped)) is None or field.kind is not Kind.STRING):
        faults.append(f"unmapped: keep needs a string field {'.'.join(unmapped)} in the schema")
    if faults:
        raise ConfigError(f"Mapping {name} does not fit schema {schema.title!r}: {'; '.join(faults)}.")
    return MappingSet(
        tuple(_combine_parts(mappings, schema)),
        digest_of({"rows": [dict(row) for row in rows], "unmapped": unmapped}),
        unmapped,
        schema.profile.primary if schema.profile else None,
    )


def _mapping(row: Mapping[str, Any], schema: XdmSchema, built: GeneratedFieldRules | None) -> FieldMapping:
    kind = str(row.get("sourceType", "ATTRIBUTE")).upper()
    if kind not in SOURCE_TYPES:
        raise LanguageError(f"sourceType {kind} is not supported; write ATTRIBUTE, EXPRESSION or STATIC")
    source, text = row.get("source"), row.get("destination")
    if not isinstance(text, str) or source is None or (not isinstance(source, str) and kind != "STATIC"):
        raise LanguageError("it needs a source and a destination")
    if "identity" in row:
        require_same_identity(row, built)
    destination = find_destination(text, schema)
    plain = FieldMapping("ATTRIBUTE", destination.names, destination.field, inside=destination.inside)
    if kind == "ATTRIBUTE":
        return _attribute(plain, source, destination)
    plain = replace(plain, inside=_first_item(plain.inside))
    if kind == "STATIC":
        if destination.field.kind is Kind.ARRAY:
            raise LanguageError(
                f"{destination} is an array; write {destination}[*] for an array of one value"
            )
        if not _is_value(_constant_text(source), destination.field):
            field = destination.field
            raise LanguageError(
                f"{source!r} is not a valid value for {destination}, which is of type {field.kind.value}"
            )
        return replace(plain, kind="STATIC", constant=_constant_text(source))
    typed = check(parse(source))
    if not can_hold(destination.field, typed.type):
        raise LanguageError(
            f"{destination} is of type {destination.field.kind.value}, but the expression is of type {typed.type.value}"
        )
    return replace(plain, kind="EXPRESSION", expression=typed)


def _attribute(plain: FieldMapping, source: str, destination: Destination) -> FieldMapping:
    sources = places(parse_path(source))
    each, wanted = sources[0].count(EACH), destination.inside.count(EACH)
    inside = destination.inside
    if each == wanted + 1 and destination.field.kind is Kind.ARRAY and destination.field.item:
        inside, wanted = (*inside, EACH), each  # emails[*].email to an array of texts
        plain = replace(plain, field=destination.field.item)
    if each == 0 and wanted == 1 and inside[-1:] == (EACH,):
        sources, each = tuple((*path, EACH) for path in sources), 1  # a single value is an array of one
    if each not in (0, wanted):
        raise LanguageError(
            f"the source has {each} [*] and the destination {wanted}; use the same number in both, or none in the source to fill every item"
        )
    if each == 0 and inside[-1:] == (EACH,):
        raise LanguageError(
            f"{destination} would get one value in place of each item; map it to a member of the items"
        )
    return replace(plain, sources=sources, inside=inside)


def _first_item(inside: Path) -> Path:
    """Return the place of a single value in an array of values: the first item."""
    return (*inside[:-1], 0) if inside[-1:] == (EACH,) else inside


def _constant_text(source: object) -> str:
    return str(source).lower() if isinstance(source, bool) else str(source)


def _is_value(text: str, field: XdmField) -> bool:
    """Return whether a constant can be a value of the field; otherwise the field would be empty in every row."""
    try:
        if field.kind.is_integer:
            low, high = INTEGER_LIMITS[field.kind]
            return low <= int(text) <= high
        if field.kind is Kind.NUMBER:
            return isfinite(float(text))
        if field.kind in (Kind.DATE, Kind.DATE_TIME):
            return bool(datetime.fromisoformat(text))
    except ValueError:
        return False
    if field.kind is Kind.BOOLEAN:
        return text.lower() in ("true", "false")
    return field.kind is Kind.STRING and text != ""


def _is_copy(mapping: FieldMapping) -> bool:
    """Return whether an object is mapped to an object.

    Members with the same name are copied (EP:data-prep/functions.md#object-copy).
    """
    return mapping.kind == "ATTRIBUTE" and mapping.field.kind is Kind.OBJECT and not mapping.inside


def _expand_object_copies(bound: list[FieldMapping], unmapped: Names | None) -> list[FieldMapping]:
    """Replace object copies with one mapping for each field inside; an explicit mapping of a field has priority."""
    explicit = {m.destination for m in bound if not _is_copy(m)} | ({unmapped} if unmapped else set())
    made = [m for m in bound if not _is_copy(m)]
    for copy in sorted(filter(_is_copy, bound), key=lambda m: -len(m.destination)):
        for field in copy.field.walk():
            above = {field.path[:n] for n in range(len(copy.destination) + 1, len(field.path) + 1)}
            if field.kind is Kind.OBJECT or above & explicit:
                continue
            steps = field.path[len(copy.destination) :]
            explicit.add(field.path)
            made.append(
                replace(
                    copy,
                    destination=field.path,
                    field=field,
                    sources=tuple((*s, *steps) for s in copy.sources),
                )
            )
    return made


def _combine_parts(mappings: list[FieldMapping], schema: XdmSchema) -> list[FieldMapping]:
    """Combine the mappings into one array or map at the position of the first of them."""
    parts: dict[Names, list[FieldMapping]] = {}
    for mapping in mappings:
        if mapping.inside:
            parts.setdefault(mapping.destination, []).append(mapping)
    made: dict[Names, FieldMapping] = {}
    for mapping in mappings:
        names = mapping.destination
        if mapping.inside:
            field = schema.find(names)
            assert field is not None
            mapping = FieldMapping(
                "ASSEMBLED", names, field, parts=tuple(parts[names]), number=mapping.number
            )
        made[names] = mapping
    return list(made.values())

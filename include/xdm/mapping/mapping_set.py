"""Check a Data Prep mapping set against the schema: which property, expression or constant fills which XDM field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from include.errors import ConfigError
from include.json_types import JsonMapping
from include.lake.manifest import digest_of
from include.xdm.dataprep.language.errors import LanguageError
from include.xdm.dataprep.language.paths import Path, write_path
from include.xdm.mapping.destinations import Names, collisions, unfilled_required_fields
from include.xdm.mapping.field_mapping import FieldMapping, bind_row
from include.xdm.mapping.generated_fields import GeneratedFieldRules, require_same_meaning
from include.xdm.mapping.set_errors import (
    items_without_array,
    missing_primary_identity,
    whole_and_in_parts,
)
from include.xdm.schema.xdm_field import Kind
from include.xdm.schema.xdm_schema import XdmSchema

if TYPE_CHECKING:  # processes of a step do not read the pipeline file
    from include.config.model import Pipeline

_REBUILT = ("_id", "timestamp")
UNMAPPED = ("mixpanel", "unmapped")
"""The path, below the tenant, of the field for the JSON text of the properties that no field stores."""


@dataclass(frozen=True)
class MappingSet:
    """A mapping set that was checked against a schema.

    Attributes:
        mappings: the mappings; those to one array or map are combined into one.
        digest: a hash of the mappings and of ``unmapped``, which is part of the digest of outputs.
        unmapped: the path of the field for the JSON text of unmapped properties; None if they are not loaded.
    """

    mappings: tuple[FieldMapping, ...]
    digest: str
    unmapped: Names | None = None
    primary: Names | None = None
    """The primary identity field, if the dataset is enabled for Profile and has one; otherwise None."""

    @cached_property
    def whole_properties(self) -> frozenset[str]:
        """The properties whose complete value a field stores, so that they are not unmapped."""
        return frozenset(
            str(s[1]) for m in self.mappings for s in m.sources if len(s) == 2 and s[0] == "properties"
        )

    @cached_property
    def named_properties(self) -> frozenset[str | None]:
        """The properties that mappings and expressions read, at least in part; None in the set stands for all."""
        return frozenset().union(*(m.properties() for m in self.mappings))


def bind_for(pipeline: Pipeline, rows: Sequence[JsonMapping], schema: XdmSchema) -> MappingSet:
    """Check the mappings of a pipeline against the schema, with the settings of its pipeline file.

    ``rows``: the mappings as ``read_mapping_file`` returns them. Raises as ``bind``.
    """
    source = pipeline.mixpanel
    identities = {name: pipeline.namespaces[name] for name in pipeline.identity_properties}
    rules = GeneratedFieldRules(identities, source.time_is == "project_local", source.time_in_ms)
    keep = pipeline.unmapped == "keep"
    return bind(pipeline.mapping, rows, schema, keep_unmapped=keep, built=rules)


def bind(
    name: str,
    rows: Sequence[JsonMapping],
    schema: XdmSchema,
    *,
    keep_unmapped: bool,
    built: GeneratedFieldRules | None = None,
) -> MappingSet:
    """Check the mappings of a file against the schema, and report all faults together.

    Args:
        name: the name of the mapping file, for errors.
        rows: the mappings as ``read_mapping_file`` returns them.
        schema: the schema of the dataset.
        keep_unmapped: whether unmapped properties are loaded as JSON text.
        built: the settings of the fields that the pipeline fills itself; mappings to them with the same meaning are
            accepted and ignored. None: these mappings are refused.

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
                require_same_meaning(row, row["destination"], built)
                continue
            mapping = replace(bind_row(row, schema, built), number=number)
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
    faults += items_without_array(mappings)
    if not faults:  # otherwise a wrong mapping is also reported as a missing one
        faults += unfilled_required_fields(schema.root, (m.destination for m in mappings))
        faults += missing_primary_identity(schema, {m.destination for m in mappings})
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


def _is_copy(mapping: FieldMapping) -> bool:
    """Return whether a mapping copies an object to an object field.

    Only members of the same name are copied (EP:data-prep/functions.md#object-copy).
    """
    return mapping.kind == "ATTRIBUTE" and mapping.field.kind is Kind.OBJECT and not mapping.inside


def _expand_object_copies(bound: list[FieldMapping], unmapped: Names | None) -> list[FieldMapping]:
    """Replace object copies by one mapping for each field inside; another mapping to such a field has priority."""
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
    """Combine all mappings to places inside the same array or map into one, which replaces the first of them."""
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

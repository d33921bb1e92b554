"""Finds the schema field of each identity, and rejects fields whose type or position does not permit an identity."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from include.errors import SchemaError
from include.xdm.dataprep.language.paths import write_path
from include.xdm.mapping.destinations import Names
from include.xdm.mapping.field_mapping import FieldMapping
from include.xdm.mapping.mapping_set import MappingSet
from include.xdm.schema.xdm_field import Kind


def pointer_of(names: Names) -> str:
    """Return the path of a field as identity descriptors write it, such as ``/_tenant/userId``."""
    return "/" + "/".join(names)


def identity_fields(
    bound: MappingSet, identities: Iterable[str], marked: Mapping[Names, str]
) -> dict[str, Names]:
    """Return the field of each mapped identity, by property; a computed identity has none.

    ``marked``: the schema's identity fields. They come first, then the order of the mapping set decides.

    Raises:
        SchemaError: an identity is mapped only to fields that cannot hold an identity.
    """
    found: dict[str, Names] = {}
    for source in identities:
        placed = [each for each in _single_mappings(bound.mappings) if ("properties", source) in each.sources]
        able = [each.destination for each in placed if not each.inside and each.field.kind is Kind.STRING]
        if able:
            found[source] = min(able, key=lambda names: (names not in marked, able.index(names)))
        elif placed:
            raise SchemaError(_reason_against(source, placed[0]), _remedy(source, placed[0]))
    return found


def _single_mappings(mappings: tuple[FieldMapping, ...]) -> Iterator[FieldMapping]:
    for mapping in mappings:
        yield from mapping.parts or (mapping,)


def _reason_against(source: str, mapping: FieldMapping) -> str:
    where = write_path((*mapping.destination, *mapping.inside))
    if mapping.inside:
        why = "which is inside an array or a map; an identity needs a field that an event has exactly once"
    else:
        why = f"which is of type {mapping.field.kind.value}; AEP accepts identities in string fields only"
    return f"Mapping {mapping.number} maps the identity {source} to {where}, {why}."


def _remedy(source: str, mapping: FieldMapping) -> str:
    kept = "an array or a map" if mapping.inside else f"the {mapping.field.kind.value} field"
    return (
        f"Add a mapping of {source} to a string field outside arrays, which becomes the identity; the mapping to {kept} "
        f"can stay. Or remove {source} from identities."
    )

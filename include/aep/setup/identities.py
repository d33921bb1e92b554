"""Finds the schema field that is marked as an identity for each entry of ``identities`` in the pipeline file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from include.errors import SchemaError
from include.xdm.dataprep.language.paths import write_path
from include.xdm.mapping.destinations import Names
from include.xdm.mapping.field_mapping import FieldMapping
from include.xdm.mapping.mapping_set import MappingSet
from include.xdm.schema.xdm_field import Kind


def pointer_of(names: Names) -> str:
    """Return the path of a field in the form of identity descriptors, such as ``/_tenant/userId``."""
    return "/" + "/".join(names)


def identity_fields(
    bound: MappingSet, identities: Iterable[str], marked: Mapping[Names, str]
) -> dict[str, Names]:
    """Return the schema field to mark as an identity for each Mixpanel property in ``identities``.

    An identity that is computed, or is not mapped to a field, is left out: it is only in ``identityMap``. Of several
    fields, one that is already marked is preferred, then the first in the mapping set.

    Args:
        bound: the mapping set, checked against the schema.
        identities: the names of the Mixpanel properties.
        marked: the namespace of each field that the schema already marks as an identity.

    Raises:
        SchemaError: a property is mapped, but only to fields that are not strings or are inside an array or a map.
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

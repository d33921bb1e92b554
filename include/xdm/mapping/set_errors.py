"""Find faults of a mapping set as a whole: missing mappings, and valid mappings that contradict each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from include.xdm.dataprep.language.paths import EACH, Path, write_path
from include.xdm.mapping.destinations import Names
from include.xdm.schema.xdm_schema import XdmSchema

if TYPE_CHECKING:
    from include.xdm.mapping.field_mapping import FieldMapping


def missing_primary_identity(schema: XdmSchema, filled: set[Names]) -> Iterable[str]:
    """Yield an error sentence if Profile is enabled for the dataset, but no field contains the primary identity."""
    use = schema.profile
    if use is None:
        return
    if use.primary is None and "identityMap" not in schema.root.children:
        yield "the dataset is enabled for Profile, but the schema has neither a primary identity nor identityMap"
    if use.primary is not None and use.primary not in filled:
        yield (
            f"no mapping fills {'.'.join(use.primary)}, the schema's primary identity ({use.namespace}), which every event "
            "of a dataset enabled for Profile needs; add a mapping to it"
        )


def whole_and_in_parts(taken: Mapping[tuple[Names, Path], int]) -> Iterable[str]:
    """Yield an error sentence for each mapping to a place inside an array that another mapping fills completely.

    ``taken``: the number of each mapping by its destination and the path inside it.
    """
    for (names, inside), number in taken.items():
        for n in range(len(inside)):
            if (names, inside[:n]) in taken:
                yield f"mapping {number}: it is inside the destination of mapping {taken[names, inside[:n]]}"


def items_without_array(mappings: Sequence[FieldMapping]) -> Iterable[str]:
    """Yield an error sentence for each mapping that fills every item of an array whose items no mapping creates."""
    made = {
        (m.destination, m.inside[:n])
        for m in mappings
        for n, step in enumerate(m.inside)
        if isinstance(step, int) or (step is EACH and _creates_items(m))
    }
    for m in mappings:
        if (
            EACH in m.inside
            and not _creates_items(m)
            and (m.destination, m.inside[: m.inside.index(EACH)]) not in made
        ):
            path = write_path((*m.destination, *m.inside[: m.inside.index(EACH)]))
            yield (
                f"mapping {m.number}: it fills every item of {path}, but no mapping creates items; map an array with [*], "
                f"or write {path}[0]"
            )


def _creates_items(mapping: FieldMapping) -> bool:
    """Return whether a source of the mapping has ``[*]``: each item of the source array creates an item."""
    return any(EACH in source for source in mapping.sources)

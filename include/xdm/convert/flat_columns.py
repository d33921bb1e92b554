"""Convert properties of flat lines (``include.xdm.events.flat_lines``) to Arrow columns, a whole column at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from include.xdm.convert.arrow_arrays import booleans, numbers
from include.xdm.convert.column_converter import decode_values
from include.xdm.events.flat_kinds import FALSE, FRACTION, INTEGER, NULL, TRUE
from include.xdm.events.flat_properties import FlatProperties
from include.xdm.mapping.compile import CompiledMapping
from include.xdm.schema.xdm_field import INTEGER_LIMITS, Kind

if TYPE_CHECKING:
    import pyarrow as pa

_EXACT = 2**53
_KINDS = {
    Kind.NUMBER: [INTEGER, FRACTION],
    Kind.BOOLEAN: [TRUE, FALSE],
    **{kind: [INTEGER] for kind in INTEGER_LIMITS},
}
"""By kind of field, the kinds of JSON values that are converted without a check of each value."""


def flat_columns(compiled: CompiledMapping, properties: FlatProperties) -> dict[str, pa.Array]:
    """Return the columns of the spill file, by name, whose values are copied from one property.

    They belong to fields and to identities. Columns with a value that has to be converted or checked individually are
    left out.
    """
    texts: dict[str, str] = {}
    made: dict[str, pa.Array] = {}
    for leaf in compiled.leaves:
        name, kind, source = compiled.columns[leaf.number], leaf.converter.field.kind, leaf.property
        if source is None or source not in properties or name in made:
            continue
        if kind is Kind.STRING:
            texts[name] = source
        elif kind in _KINDS and (array := _number_column(properties, source, kind, leaf.converter.type)):
            made[name] = array
    for n, name in compiled.identity_columns.items():
        source = str(compiled.identities[n].property)
        if source in properties and properties.is_text(source):
            texts[name] = source
    arrays = _text_columns(properties, tuple(dict.fromkeys(texts.values())))
    return made | {name: arrays[source] for name, source in texts.items()}


def _text_columns(properties: FlatProperties, names: Sequence[str]) -> dict[str, pa.Array]:
    """Return a text column for each property in ``names``.

    It has the content of a string, and a number or boolean as written; null for null, an empty string, or no value.
    """
    import numpy as np

    members, rows = properties.lines.members, properties.rows
    texts, lengths = properties.value_texts
    if not names:
        return {}
    lots = [properties.members_by_name[name] for name in names]
    places = np.concatenate(lots)
    column = np.repeat(np.arange(len(names)), list(map(len, lots)))
    is_kept = (members.kind[places] != NULL) & (lengths[places] > 0)
    chosen = np.full(len(names) * rows, -1)
    chosen[column * rows + members.row[places]] = np.where(is_kept, places, -1)
    found = texts.take(numbers(2 * chosen, chosen >= 0))
    columns = {name: found.slice(n * rows, rows) for n, name in enumerate(names)}
    for n in np.unique(column[members.escaped[places]]).tolist():
        columns[names[n]] = _unescaped(properties, names[n], columns[names[n]])
    return columns


def _unescaped(properties: FlatProperties, name: str, column: pa.Array) -> pa.Array:
    """Return ``column``, the texts of a property, with JSON's escapes decoded."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    places = properties.members_by_name[name]
    members = properties.lines.members.only(places[properties.lines.members.escaped[places]])
    mask = np.zeros(properties.rows, bool)
    mask[members.row] = True
    values = decode_values(properties.raw(members))
    return pc.replace_with_mask(column, booleans(mask), pa.array(values, pa.string()))


def _number_column(
    properties: FlatProperties, name: str, kind: Kind, arrow_type: pa.DataType
) -> pa.Array | None:
    """Return a property as a column of numbers or booleans; None if a value has to be checked individually."""
    import numpy as np

    members, places = properties.lines.members, properties.members_by_name[name]
    rows, kinds = members.row[places], members.kind[places]
    counts = np.bincount(kinds, minlength=NULL + 1).tolist()
    if sum(counts[each] for each in (*_KINDS[kind], NULL)) < len(kinds):
        return None
    valid = np.zeros(properties.rows, bool)
    valid[rows] = kinds != NULL
    if kind is Kind.BOOLEAN:
        flags = np.zeros(properties.rows, bool)
        flags[rows] = kinds == TRUE
        return booleans(flags, valid)
    values = members.number[places]
    low, high = INTEGER_LIMITS.get(kind, (1 - _EXACT, _EXACT - 1))
    if values.min() < low or values.max() > high:
        return None
    if counts[FRACTION]:
        is_fraction = kinds == FRACTION
        parts = properties.value_texts[0].take(numbers(2 * places[is_fraction]))
        values = values.astype(np.float64)
        values[is_fraction] = parts.cast(arrow_type).to_numpy()
        if np.abs(values).max() >= _EXACT:
            return None
    found = np.zeros(properties.rows, arrow_type.to_pandas_dtype())
    found[rows] = values
    return numbers(found, valid)

"""Search for primary identities in the columns of a Parquet file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mixpanel_aep_sandbox.aep.ingestion.row_validation.rules import IDENTITY_MAP

if TYPE_CHECKING:
    import pyarrow as pa


def without_primary(batch: pa.RecordBatch) -> set[int]:
    """Return the indexes of rows whose ``identityMap`` has no primary identity.

    If the type of the column does not allow this check, return all indexes, so that ``RowChecker`` checks each row.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    everything = set(range(len(batch)))
    if IDENTITY_MAP not in batch.schema.names:
        return everything
    column = batch.column(IDENTITY_MAP)
    if not pa.types.is_map(column.type) or not _has_primary(column.type.item_type):
        return everything
    pairs = pa.struct([("key", column.type.key_type), ("value", column.type.item_type)])
    lists = column.cast(pa.list_(pairs))
    identities = pc.struct_field(lists.flatten(), "value")
    is_primary = pc.struct_field(identities.flatten(), "primary")
    entries = pc.list_parent_indices(identities).filter(is_primary)
    return everything - set(pc.list_parent_indices(lists).take(entries).to_pylist())


def _has_primary(kind: pa.DataType) -> bool:
    """Return whether an Arrow type is a list of structs with a boolean ``primary``."""
    import pyarrow as pa

    if not pa.types.is_list(kind) or not pa.types.is_struct(kind.value_type):
        return False
    at = kind.value_type.get_field_index("primary")
    return at >= 0 and bool(pa.types.is_boolean(kind.value_type.field(at).type))

"""The Arrow types of XDM fields, in the form that AEP reads as Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.xdm.schema.xdm_field import Kind, XdmField

if TYPE_CHECKING:
    import pyarrow as pa


def arrow_type(field: XdmField) -> pa.DataType | None:
    """Return the Arrow type of a field: instants in milliseconds UTC, list items named ``element``, all nullable.

    Return None for an object without members, because no row can fill it.
    """
    import pyarrow as pa

    if field.kind is Kind.OBJECT:
        members = [
            (name, kind) for name, child in field.children.items() if (kind := arrow_type(child)) is not None
        ]
        return pa.struct(members) if members else None
    if field.kind in (Kind.ARRAY, Kind.MAP):
        inner = arrow_type(field.item) if field.item else pa.string()
        if inner is None:
            inner = pa.string()
        return (
            pa.list_(pa.field("element", inner)) if field.kind is Kind.ARRAY else pa.map_(pa.string(), inner)
        )
    return _scalars()[field.kind]


def _scalars() -> dict[Kind, pa.DataType]:
    import pyarrow as pa

    return {
        Kind.STRING: pa.string(), Kind.NUMBER: pa.float64(), Kind.LONG: pa.int64(), Kind.INTEGER: pa.int32(),
        Kind.SHORT: pa.int16(), Kind.BYTE: pa.int8(), Kind.BOOLEAN: pa.bool_(), Kind.DATE: pa.date32(),
        Kind.DATE_TIME: pa.timestamp("ms", tz="UTC"),
    }  # fmt: skip


def identity_map_type() -> pa.DataType:
    """Return the Arrow type of ``identityMap``: a map from the code of a namespace to a list of identities."""
    import pyarrow as pa

    item = pa.struct([("id", pa.string()), ("authenticatedState", pa.string()), ("primary", pa.bool_())])
    return pa.map_(pa.string(), pa.list_(pa.field("element", item)))

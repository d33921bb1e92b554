"""Column-wise checks of a Parquet file, after which only rows that may be invalid are converted to Python objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mixpanel_aep_sandbox.aep.ingestion.row_validation.json_files import Unreadable
from mixpanel_aep_sandbox.aep.ingestion.row_validation.json_schema import kind_of, scalar_schema, validator_of
from mixpanel_aep_sandbox.core.json_types import JsonObject

if TYPE_CHECKING:
    import jsonschema_rs
    import pyarrow as pa


class ColumnCheck:
    """Finds the rows of an Arrow record batch that may be invalid, with checks of whole columns.

    Every other row is certainly valid, and need not be converted to Python objects.
    """

    def __init__(self, resolved: JsonObject) -> None:
        self._resolved = resolved
        self._validators: dict[int, jsonschema_rs.Draft201909Validator] = {}

    def possibly_invalid_rows(self, batch: pa.RecordBatch) -> set[int]:
        """Return the indexes of the rows of a record batch that may be invalid.

        Args:
            batch: The rows, whose times must be integers (epoch milliseconds).
        """
        import pyarrow as pa

        try:
            return self._invalid_structs(batch.to_struct_array(), self._resolved)
        except pa.ArrowException:
            return set(
                range(len(batch))
            )  # Arrow cannot compare some values, such as numbers above 2^63; Python can

    def _invalid_structs(self, array: pa.Array, schema: JsonObject) -> set[int]:
        """Return the indexes of structs that may be invalid by the schema of an object."""
        import pyarrow.compute as pc

        names = {array.type.field(n).name for n in range(array.type.num_fields)}
        required = set(schema.get("required", []))
        found: set[int] = set()
        if required - names:
            found |= set(range(len(array)))
        for name in names:
            child = pc.struct_field(array, name)
            found |= self._invalid_values(child, schema["properties"][name], nullable=name not in required)
        return found - _true_positions(pc.is_null(array)) if array.null_count else found

    def _invalid_values(self, array: pa.Array, field: JsonObject, *, nullable: bool) -> set[int]:
        """Return the indexes of values that may be invalid by the schema of a field of any kind."""
        import pyarrow as pa
        import pyarrow.compute as pc

        found = _true_positions(pc.is_null(array)) if array.null_count and not nullable else set()
        kind, types = kind_of(field), pa.types
        if types.is_struct(array.type) and not nullable:
            found |= _possibly_empty_structs(array)
        if types.is_null(array.type):
            return found
        if kind == "object" and types.is_map(array.type):  # only the rows show which keys exist
            return found | _true_positions(pc.is_valid(array))
        if kind == "object":
            return found | self._invalid_structs(array, field)
        if kind == "array":
            return (
                found
                | _lists_of_invalid_length(array, field)
                | self._invalid_lists(array, field.get("items", {}))
            )
        if kind == "map" and types.is_map(array.type):
            pairs = pa.struct([("key", array.type.key_type), ("value", array.type.item_type)])
            lists = array.cast(pa.list_(pairs))
            _require_unique_keys(lists)
            return (
                found
                | _lists_of_invalid_length(lists, {})
                | self._invalid_lists(lists, field["additionalProperties"], "value")
            )
        if kind == "map":  # a struct: each of its members is a key that may be missing
            for n in range(array.type.num_fields):
                found |= self._invalid_values(
                    pc.struct_field(array, n), field["additionalProperties"], nullable=True
                )
            return found - _true_positions(pc.is_null(array)) if nullable else found
        return found | self._invalid_scalars(array, field, kind)

    def _invalid_lists(self, array: pa.Array, field: JsonObject, member: str = "") -> set[int]:
        """Return the indexes of lists with an item that may be invalid.

        Args:
            array: The lists.
            field: The schema of an item, or of its member.
            member: The name of the member of an item to check; empty: the item itself.
        """
        import pyarrow.compute as pc

        found: set[int] = set()
        values = array.flatten()
        bad = self._invalid_values(
            pc.struct_field(values, member) if member else values, field, nullable=False
        )
        if bad:
            parents = pc.list_parent_indices(array)
            found |= {parents[position].as_py() for position in bad}
        return found

    def _invalid_scalars(self, array: pa.Array, field: JsonObject, kind: str) -> set[int]:
        """Return the indexes of plain values that may be invalid."""
        import pyarrow as pa
        import pyarrow.compute as pc

        schema, types = scalar_schema(field), pa.types
        number = types.is_integer(array.type) or types.is_floating(array.type)
        found = _true_positions(pc.invert(pc.is_finite(array))) if types.is_floating(array.type) else set()
        if kind == "boolean" or (
            number and kind in ("string", "number") and not set(schema) - {"type", "minLength"}
        ):
            return found
        if types.is_string(array.type) and set(schema) == {"type", "minLength"} and schema["minLength"] == 1:
            return _true_positions(pc.equal(pc.binary_length(array), 0))
        if (
            types.is_integer(array.type)
            and kind == "integer"
            and set(schema) == {"type", "minimum", "maximum"}
        ):
            outside = pc.or_(pc.less(array, schema["minimum"]), pc.greater(array, schema["maximum"]))
            return _true_positions(outside)
        return found | self._invalid_by_value(array, field, schema)

    def _invalid_by_value(self, array: pa.Array, field: JsonObject, schema: JsonObject) -> set[int]:
        """Validate every distinct value of a column, and return the indexes of the rows with an invalid value."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if id(field) not in self._validators:
            self._validators[id(field)] = validator_of(schema)
        is_valid = self._validators[id(field)].is_valid
        if pa.types.is_floating(
            array.type
        ):  # the caller has already found infinite values and NaN, which JSON cannot represent
            array = pc.if_else(pc.is_finite(array), array, pa.scalar(None, array.type))
        bad = [value for value in pc.unique(array).to_pylist() if value is not None and not is_valid(value)]
        return _true_positions(pc.is_in(array, value_set=pa.array(bad, array.type))) if bad else set()


def _true_positions(mask: pa.BooleanArray) -> set[int]:
    """Return the indexes at which a mask is true."""
    import pyarrow.compute as pc

    return set(pc.indices_nonzero(mask).to_pylist())


def _lists_of_invalid_length(array: pa.Array, field: JsonObject) -> set[int]:
    """Return the indexes of lists with too few or too many items; of every list if items must be unique."""
    import pyarrow.compute as pc

    lengths = pc.list_value_length(array)
    if field.get("uniqueItems"):
        return _true_positions(pc.is_valid(lengths))
    found = _true_positions(pc.less(lengths, max(1, field.get("minItems", 1))))
    return found | _true_positions(pc.greater(lengths, field["maxItems"])) if "maxItems" in field else found


def _possibly_empty_structs(array: pa.Array) -> set[int]:
    """Return the indexes of structs without a plain value, which the conversion may turn into empty objects."""
    import pyarrow as pa
    import pyarrow.compute as pc

    absent = pa.array([True] * len(array), pa.bool_())
    for n in range(array.type.num_fields):
        if not array.type.field(n).type.num_fields:
            absent = pc.and_(absent, pc.is_null(pc.struct_field(array, n)))
    return _true_positions(absent)


def _require_unique_keys(array: pa.Array) -> None:
    """Check that no map of a column has a key twice [I].

    Parquet allows this, but a JSON object cannot have both values.

    Raises:
        Unreadable: a map has a key twice.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    pairs = pa.table([pc.list_parent_indices(array), pc.struct_field(array.flatten(), "key")], ["row", "key"])
    if pairs.group_by(["row", "key"], use_threads=False).aggregate([]).num_rows < pairs.num_rows:
        raise Unreadable("a map has a key twice")

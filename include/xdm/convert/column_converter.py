"""Convert columns of JSON values to Arrow arrays of an XDM field; ordinary values are converted a column at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from include.xdm.convert.arrow_types import arrow_type
from include.xdm.convert.dates import parse_by_duckdb, parse_iso_milliseconds
from include.xdm.convert.nested import nested
from include.xdm.convert.scalars import Scalar, looks_like_a_number, looks_like_numbers, scalar
from include.xdm.convert.values import EMPTY_TEXTS, Value, count_values, decode_value, parse_text, text_of
from include.xdm.schema.xdm_field import INTEGER_LIMITS, Kind, XdmField

if TYPE_CHECKING:
    import pyarrow as pa

_NONE = type(None)
_EXACT = 2**53

_encode = msgspec.json.Encoder().encode
_plain = msgspec.json.Decoder().decode
_values = msgspec.json.Decoder(list[Any], float_hook=msgspec.Raw).decode


@dataclass(frozen=True)
class FailedConversion:
    """A row whose value was not converted completely.

    ``inexact``: whether the value is a number, or an array of numbers, that the field cannot represent exactly.
    """

    row: int
    inexact: bool


Converted: TypeAlias = "tuple[pa.Array, list[FailedConversion]]"
_Fast: TypeAlias = "Callable[[Sequence[Value], pa.DataType], pa.Array | None]"


def decode_values(column: Sequence[msgspec.Raw]) -> list[Value]:
    """Decode a column of JSON texts; numbers keep all their digits."""
    joined = b"[" + b",".join(column) + b"]"
    if b"-0" not in joined:
        try:
            return _values(joined)
        except msgspec.ValidationError:
            pass
    return list(map(decode_value, column))


@dataclass(frozen=True)
class ColumnConverter:
    """The converter of columns of JSON values to the Arrow type of one XDM field."""

    field: XdmField

    @cached_property
    def type(self) -> pa.DataType:
        """The Arrow type of the converted column."""
        import pyarrow as pa

        return arrow_type(self.field) or pa.string()

    def nulls(self, rows: int) -> pa.Array:
        """Return a converted column of ``rows`` nulls."""
        import pyarrow as pa

        return pa.nulls(rows, self.type)

    def from_values(self, values: Sequence[Value]) -> Converted:
        """Convert decoded JSON values; return the Arrow array and the conversions that failed, at least in part."""
        import pyarrow as pa

        fast = _FAST.get(self.field.kind)
        if fast is not None and (array := fast(values, self.type)) is not None:
            return array, []
        if self.field.kind is Kind.DATE_TIME:
            parse_by_duckdb(value for value in values if type(value) is str)
        convert, failures = self._convert, []
        made: list[object] = [None] * len(values)
        for row, value in enumerate(values):
            if value is not None and value != "":
                made[row], is_whole = convert(value)
                if not is_whole:
                    failures.append(FailedConversion(row, self._is_inexact(value)))
        return pa.array(made, self.type), failures

    @cached_property
    def _convert(self) -> Callable[[Value], tuple[object, bool]]:
        """A function that converts one value and returns the result and whether the result is complete."""
        if self.field.kind.is_scalar:
            return _whole_scalar(scalar(self.field.kind))
        return _whole_nested(self.field)

    def _is_inexact(self, value: Value) -> bool:
        field = self.field
        if field.kind is Kind.ARRAY and field.item and field.item.kind.is_numeric:
            return looks_like_numbers(text_of(value) or "")
        return field.kind.is_numeric and looks_like_a_number(text_of(value) or "")


def _whole_scalar(convert: Scalar) -> Callable[[Value], tuple[object, bool]]:
    def whole(value: Value) -> tuple[object, bool]:
        converted = convert(value)
        return converted, converted is not None or _is_nothing(value)

    return whole


def _is_nothing(value: Value) -> bool:
    return value in ("", "[]", "{}") if isinstance(value, str) else value == [] or value == {}


def _whole_nested(field: XdmField) -> Callable[[Value], tuple[object, bool]]:
    convert = nested(field, is_top=True)
    opening = "[" if field.kind is Kind.ARRAY else "{"

    def whole(value: Value) -> tuple[object, bool]:
        if isinstance(value, str):
            if value in EMPTY_TEXTS:
                return None, True
            if not value.startswith(opening):
                return None, False
            try:
                value = parse_text(value)
            except (ValueError, RecursionError):
                return None, False
        tally = [0]
        converted = convert(value, tally)
        if converted is None:
            return None, _is_nothing(value)
        # The value may have members that the schema does not have.
        return converted, tally[0] == count_values(value)

    return whole


def _fast_strings(values: Sequence[Value], kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    try:
        array = pa.array(values, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # a value of another kind
        return pa.array([text_of(value) or None for value in values], kind)
    return pa.array([value or None for value in values], kind) if _has_empty(array) else array


def _has_empty(array: pa.Array) -> bool:
    """Return whether an Arrow array of texts, not a slice, has an empty one; this is faster than a search in a list."""
    import numpy as np

    if not len(array):
        return False
    offsets = np.frombuffer(array.buffers()[1], np.int32, len(array) + 1)
    return bool(np.count_nonzero(offsets[1:] != offsets[:-1]) + array.null_count < len(array))


def _fast_integers(low: int, high: int) -> _Fast:
    def fast(values: Sequence[Value], kind: pa.DataType) -> pa.Array | None:
        import pyarrow as pa
        import pyarrow.compute as pc

        # Checked first: Arrow converts true and 1.5 to integers without an error.
        if not set(map(type, values)) <= {int, _NONE}:
            return None
        try:
            array = pa.array(values, pa.int64())
        except (OverflowError, pa.ArrowInvalid):
            return None
        least, most = pc.min_max(array).as_py().values()
        if least is not None and (least < low or most > high):
            return None
        return array if kind == array.type else array.cast(kind)

    return fast


def _fast_numbers(values: Sequence[Value], kind: pa.DataType) -> pa.Array | None:
    import pyarrow as pa

    types = set(map(type, values))
    if not types <= {int, msgspec.Raw, _NONE}:
        return None
    if msgspec.Raw in types:
        joined = _encode(values)
        if b"-0" in joined:
            return None
        try:
            values = _plain(joined)
        except msgspec.ValidationError:  # a number outside the range of a double
            return None
    if max(map(abs, filter(None, values)), default=0) >= _EXACT:
        return None
    return pa.array(values, kind)


def _fast_booleans(values: Sequence[Value], kind: pa.DataType) -> pa.Array | None:
    import pyarrow as pa

    return pa.array(values, kind) if set(map(type, values)) <= {bool, _NONE} else None


def _fast_instants(values: Sequence[Value], kind: pa.DataType) -> pa.Array | None:
    import pyarrow as pa

    if not set(map(type, values)) <= {str, _NONE}:
        return None
    made = list(map(parse_iso_milliseconds, values))
    return pa.array(made, kind) if made.count(None) == values.count(None) else None


_FAST: dict[Kind, _Fast] = {
    Kind.STRING: _fast_strings,
    Kind.NUMBER: _fast_numbers,
    Kind.BOOLEAN: _fast_booleans,
    Kind.DATE_TIME: _fast_instants,
    **{kind: _fast_integers(low, high) for kind, (low, high) in INTEGER_LIMITS.items()},
}

"""Convert arguments and results of functions in Python between the texts of the DuckDB query and Python values."""

from __future__ import annotations

from collections.abc import Callable

from include.xdm.dataprep.functions.java_dates.guess import date_from
from include.xdm.dataprep.functions.moments import write_moment
from include.xdm.dataprep.functions.values import (
    array,
    boolean,
    integer,
    json_array,
    json_number,
    json_object,
    members,
    number,
    text_of,
)
from include.xdm.dataprep.language.types import Type

_DECODERS: dict[Type, Callable[[str], object]] = {
    Type.DATE: date_from,
    Type.NUMBER: lambda value: number(text_of(value)),
    Type.INTEGER: integer,
    Type.BOOLEAN: boolean,
    Type.ARRAY: array,
    Type.OBJECT: members,
}
_ENCODERS: dict[Type, Callable[..., str]] = {
    Type.DATE: write_moment,
    Type.NUMBER: json_number,
    Type.ARRAY: json_array,
    Type.OBJECT: json_object,
}


def decode(kind: Type, value: str) -> object:
    """Decode the text of an argument in the DuckDB query to the Python value of a type; None for a JSON null.

    Raises:
        Failure: the text cannot be converted to the type.
    """
    if value == "null" and kind is not Type.STRING:
        return None
    return _DECODERS[kind](value) if kind in _DECODERS else value


def encode(kind: Type, value: object) -> object:
    """Encode the result of a function for the DuckDB query: integers and booleans unchanged, other types as text.

    Raises:
        Failure: the number is not finite.
    """
    if kind in _ENCODERS:
        return _ENCODERS[kind](value)
    return None if kind is Type.ANY and value == "null" else value

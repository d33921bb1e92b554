"""Convert between JSON texts and the Python values of functions; a text is decoded only as deep as a function needs."""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from include.xdm.dataprep.language.errors import Failure

Json = str
"""The JSON text of a value; ``null`` for a null value."""

_INTEGER = re.compile(r"[-+]?[0-9]{1,4000}")
_NUMBER = re.compile(r"[-+]?([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,5})?")
_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def number(text: str) -> int | float:
    """Convert a text to a number: an integer of any size, or a float.

    Raises:
        Failure: the text is not a number, or too large for a double.
    """
    text = text.strip()
    if _INTEGER.fullmatch(text):
        return int(text)
    if not _NUMBER.fullmatch(text):
        raise Failure("it is not a number")
    value = float(text)
    if math.isinf(value):
        raise Failure("it is too large")
    return value


def text_of(value: Json) -> str:
    """Return a JSON value as text: the content of a string, the digits of a number, an empty text for null.

    Raises:
        Failure: the value is an array or object.
    """
    if value.startswith('"'):
        return str(json.loads(value))
    if value[:1] in ("[", "{"):
        raise Failure("it is not a text")
    if is_number(value):
        return number_text(value)
    return "" if value == "null" else value


def number_text(value: Json) -> str:
    """Return a number in the form of DuckDB's JSON: 5.0, 0.000001, 1e-7, 1e21; an integer is unchanged."""
    if _INTEGER.fullmatch(value):
        return value
    decimal = Decimal(repr(float(value)))
    if not decimal.is_finite():
        return value
    if -7 < decimal.adjusted() < 21:
        return f"{decimal:.1f}" if decimal == decimal.to_integral_value() else f"{decimal:f}"
    sign, digits, _ = decimal.normalize().as_tuple()
    mantissa = f"{digits[0]}.{''.join(map(str, digits[1:]))}".rstrip(".")
    return f"{'-' * sign}{mantissa}e{decimal.adjusted()}"


def is_string(value: Json) -> bool:
    """Return whether a JSON text is a string."""
    return value.startswith('"')


def is_number(value: Json) -> bool:
    """Return whether a JSON text is a number."""
    return value[:1] in "-0123456789"


def array(value: Json) -> list[Json]:
    """Return the items of a JSON array as JSON texts.

    Raises:
        Failure: the value is not an array.
    """
    if not value.startswith("["):
        raise Failure("it is not an array")
    return [bytes(item).decode() for item in _items(value)]


def members(value: Json) -> dict[str, Json]:
    """Return the members of a JSON object as JSON texts by name.

    Raises:
        Failure: the value is not an object.
    """
    if not value.startswith("{"):
        raise Failure("it is not an object")
    return {name: bytes(member).decode() for name, member in _members(value).items()}


def json_text(text: str | None) -> Json:
    """Return a text as a JSON string; None gives ``null``."""
    return "null" if text is None else json.dumps(text, ensure_ascii=False)


def json_number(value: int | float) -> Json:
    """Return a number as JSON text.

    Raises:
        Failure: the number is not finite.
    """
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        raise Failure("it is not a finite number")
    return number_text(repr(value))


def json_array(items: Iterable[Json]) -> Json:
    """Return the JSON text of an array with these items."""
    return f"[{','.join(items)}]"


def json_object(pairs: Mapping[str, Json]) -> Json:
    """Return the JSON text of an object with these members."""
    return "{" + ",".join(f"{json_text(name)}:{value}" for name, value in pairs.items()) + "}"


def float32(value: float) -> float:
    """Round a number to single precision; the result has the fewest digits that identify it, as Java prints a Float."""
    try:
        wanted = struct.pack("f", value)
    except OverflowError:
        raise Failure("it is too large for a Float") from None
    digits = next(n for n in range(1, 10) if struct.pack("f", float(f"{value:.{n}g}")) == wanted)
    return float(f"{value:.{digits}g}")


TRUE = frozenset(("true", "TRUE", "y", "Y", "yes", "YES", "on", "ON"))
FALSE = frozenset(("false", "FALSE", "n", "N", "no", "NO", "off", "OFF"))
"""Words that Data Prep converts to booleans (EP:data-prep/data-handling.md)."""


def boolean(value: Json) -> bool:
    """Convert a JSON boolean, or a string in ``TRUE`` or ``FALSE``, to a Python boolean.

    Raises:
        Failure: the value is not a boolean and not one of the words.
    """
    word = text_of(value)
    if word not in TRUE and word not in FALSE:
        raise Failure("it is not a boolean")
    return word in TRUE


def integer(value: Json) -> int:
    """Convert a JSON number, or a string that contains one, to a Python integer.

    Raises:
        Failure: the value is not a number, or has a fraction.
    """
    found = number(text_of(value))
    if isinstance(found, float) and not found.is_integer():
        raise Failure("it is not a whole number")
    return int(found)

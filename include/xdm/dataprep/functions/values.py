"""Values as the functions written in Python see them: JSON texts are decoded no deeper than a function looks."""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from include.xdm.dataprep.functions.registry import Failure
from include.xdm.dataprep.language.types import Type

Json = str
"""The JSON text of a value; ``null`` for one that is null."""

_INTEGER = re.compile(r"[-+]?[0-9]{1,4000}")
_NUMBER = re.compile(r"[-+]?([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,5})?")
_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def number(text: str) -> int | float:
    """The number that a text is, whole ones to their last digit.

    Raises:
        Failure: it is none, or too large for a double.
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
    """A value as text: what a string says, the digits of a number; null is an empty one.

    Raises:
        Failure: an array or object is no text.
    """
    if value.startswith('"'):
        return str(json.loads(value))
    if value[:1] in ("[", "{"):
        raise Failure("it is not a text")
    if is_number(value):
        return number_text(value)
    return "" if value == "null" else value


def number_text(value: Json) -> str:
    """A number's text as DuckDB's JSON has it: 5.0, 0.000001, 1e-7, 1e21; of an integer its digits."""
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
    return value.startswith('"')


def is_number(value: Json) -> bool:
    return value[:1] in "-0123456789"


def array(value: Json) -> list[Json]:
    """
    Raises:
        Failure: the value is no array.
    """
    if not value.startswith("["):
        raise Failure("it is not an array")
    return [bytes(item).decode() for item in _items(value)]


def members(value: Json) -> dict[str, Json]:
    """
    Raises:
        Failure: the value is no object.
    """
    if not value.startswith("{"):
        raise Failure("it is not an object")
    return {name: bytes(member).decode() for name, member in _members(value).items()}


def json_text(text: str | None) -> Json:
    return "null" if text is None else json.dumps(text, ensure_ascii=False)


def json_number(value: int | float) -> Json:
    """
    Raises:
        Failure: JSON has no such number.
    """
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        raise Failure("it is not a finite number")
    return number_text(repr(value))


def json_array(items: Iterable[Json]) -> Json:
    return f"[{','.join(items)}]"


def json_object(pairs: Mapping[str, Json]) -> Json:
    return "{" + ",".join(f"{json_text(name)}:{value}" for name, value in pairs.items()) + "}"


def float32(value: float) -> float:
    """The shortest decimal that names the same single-precision number, as Java prints a Float."""
    try:
        wanted = struct.pack("f", value)
    except OverflowError:
        raise Failure("it is too large for a Float") from None
    digits = next(n for n in range(1, 10) if struct.pack("f", float(f"{value:.{n}g}")) == wanted)
    return float(f"{value:.{digits}g}")


TRUE = frozenset(("true", "TRUE", "y", "Y", "yes", "YES", "on", "ON"))
FALSE = frozenset(("false", "FALSE", "n", "N", "no", "NO", "off", "OFF"))
"""The words for booleans (EP:data-prep/data-handling.md)."""


def boolean(value: Json) -> bool:
    """
    Raises:
        Failure: it is none of the words.
    """
    word = text_of(value)
    if word not in TRUE and word not in FALSE:
        raise Failure("it is not a boolean")
    return word in TRUE


def whole(value: Json) -> int:
    """
    Raises:
        Failure: it is not a number without a fraction.
    """
    found = number(text_of(value))
    if isinstance(found, float) and not found.is_integer():
        raise Failure("it is not a whole number")
    return int(found)


def decode(kind: Type, value: str) -> Any:
    """An argument, from the text in which the query hands it over."""
    if kind is Type.STRING:
        return value
    if value == "null":
        return None
    match kind:
        case Type.DATE:
            from include.xdm.dataprep.functions.moments import moment

            return moment(value)
        case Type.NUMBER:
            return number(text_of(value))
        case Type.INTEGER:
            return whole(value)
        case Type.BOOLEAN:
            return boolean(value)
        case Type.ARRAY:
            return array(value)
        case Type.OBJECT:
            return members(value)
    return value


def encode(kind: Type, value: Any) -> Any:
    """A result, as the query takes it."""
    if kind is Type.STRING:
        return value
    match kind:
        case Type.DATE:
            return write_moment(value)
        case Type.NUMBER:
            return json_number(value)
        case Type.ARRAY:
            return json_array(value)
        case Type.OBJECT:
            return json_object(value)
    return None if kind is Type.ANY and value == "null" else value


def write_moment(moment: datetime) -> str:
    """ISO 8601, and in brackets the zone if it is more than an offset, as Java's ZonedDateTime writes it."""
    text = moment.isoformat(timespec="microseconds")
    day, rest = text[:19], text[26:]
    fraction = text[19:26].rstrip("0").rstrip(".")
    if fraction:
        fraction = fraction.ljust(4, "0") if len(fraction) <= 4 else fraction.ljust(7, "0")
    zone = getattr(moment.tzinfo, "key", "")
    offset = "Z" if rest == "+00:00" else rest
    return f"{day}{fraction}{offset}" + (f"[{zone}]" if zone and zone != "UTC" else "")

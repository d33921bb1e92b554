"""Decode and encode JSON values without losing a digit of a number.

A decoded value is None, a bool, str, int, list or dict, or a ``msgspec.Raw`` with the text of any other number.
"""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

import msgspec

# Any and not a union: the types of a column are tested as a set, and a type checker cannot draw a conclusion from that.
Value = Any

EMPTY_TEXTS = frozenset(("", "[]", "{}"))
"""Texts of empty values: they are converted to null, which does not count as a failed conversion."""

_MOST_PLACES = 400
_decode = msgspec.json.Decoder(float_hook=msgspec.Raw).decode
_encode = msgspec.json.Encoder().encode


def decode_value(raw: bytes | msgspec.Raw) -> Value:
    """Decode a JSON text that is known to be valid.

    Raises:
        msgspec.DecodeError: the text is not JSON.
        RecursionError: the text is nested too deeply.
    """
    body = bytes(raw)
    if b"-0" not in body:  # as an int, the number -0 would lose its sign
        try:
            return _decode(body)
        except msgspec.ValidationError:  # an integer with more digits than Python converts
            pass
    return json.loads(body, parse_int=_integer, parse_float=_digits)


def parse_text(text: str) -> Value:
    """Decode a text that may be JSON, such as the content of a string or the result of an expression.

    Raises:
        ValueError: the text is not JSON, or has a duplicate key.
        RecursionError: the text is nested too deeply.
    """
    return json.loads(
        text, parse_int=_integer, parse_float=_digits, object_pairs_hook=_unique, parse_constant=_not_json
    )


def encode_value(value: Value) -> str:
    """Return the compact JSON text of a value; numbers keep their digits."""
    return _encode(value).decode()


def text_of(value: Value) -> str | None:
    """Return a value as text: a string's content, a number as written, an array's or object's JSON; None for null."""
    if value is None or isinstance(value, str):
        return value
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, msgspec.Raw):
        return bytes(value).decode()
    return encode_value(value)


def text_without_exponent(value: Value) -> str | None:
    """Return a value as text, as ``text_of`` does, but a number with an exponent with the same digits and without it.

    ``1e2`` becomes ``100.0``. Numbers of more than 400 places keep their exponent: no integer and no double has as many.
    """
    text = text_of(value)
    if isinstance(value, msgspec.Raw) and text is not None and ("e" in text or "E" in text):
        return _without_exponent(text)
    return text


def _without_exponent(text: str) -> str:
    try:
        number = Decimal(text)
    except InvalidOperation:  # an exponent of more digits than Decimal supports
        return text
    if number and abs(number.adjusted()) >= _MOST_PLACES:
        return text
    plain = f"{number:f}" if number else f"{number:.1f}"
    return plain if "." in plain else f"{plain}.0"


def count_values(value: Value) -> int:
    """Return the number of scalar values in a JSON value, at any depth; null and empty strings do not count."""
    kind = type(value)
    if kind is not dict and kind is not list:
        return value is not None and value != ""
    count = 0
    for inner in value.values() if kind is dict else value:
        if isinstance(inner, (dict, list)):
            count += count_values(inner)
        elif inner is not None and inner != "":
            count += 1
    return count


def _digits(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())


def _integer(text: str) -> int | msgspec.Raw:
    return _digits(text) if text == "-0" or len(text) > 4000 else int(text)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate key")
    return found


def _not_json(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")

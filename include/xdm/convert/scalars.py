"""Convert single JSON values to values of scalar XDM fields; the result is None if it would not be exact."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import msgspec

from include.xdm.convert.dates import parse_day, parse_milliseconds
from include.xdm.convert.values import Value, text_of, text_without_exponent
from include.xdm.schema.xdm_field import INTEGER_LIMITS, Kind

Scalar = Callable[[Value], object]

_SPACE = r"[\t\n\f\r ]*"
_WHOLE = re.compile(rf"{_SPACE}([-+]?[0-9]{{1,19}})(?:\.0*)?{_SPACE}")
_NUMBER = re.compile(rf"{_SPACE}[+-]?([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?{_SPACE}")
_WHOLE_NUMBER = re.compile(rf"{_SPACE}([+-]?[0-9]+)(?:\.0*)?{_SPACE}")
_NUMBERS = re.compile(r"[\t\n\f\r ]*\[[-+0-9.eE,\t\n\f\r ]*\][\t\n\f\r ]*")
_EXACT = 2**53
_TRUE = frozenset(("true", "y", "yes", "on", "1"))
_FALSE = frozenset(("false", "n", "no", "off", "0"))


def scalar(kind: Kind) -> Scalar:
    """Return the function that converts a JSON value to a scalar kind; it returns None if that is not exact."""
    if kind is Kind.STRING:
        return to_string
    if kind in INTEGER_LIMITS:
        return _to_integer(*INTEGER_LIMITS[kind])
    return {
        Kind.NUMBER: to_number, Kind.BOOLEAN: to_boolean, Kind.DATE: to_date, Kind.DATE_TIME: to_milliseconds,
    }[kind]  # fmt: skip


def looks_like_a_number(text: str) -> bool:
    """Return whether a text is a number, of any size.

    If a number cannot be converted, the field cannot represent it; any other text suggests a wrong mapping.
    """
    return _NUMBER.fullmatch(text) is not None


def looks_like_numbers(text: str) -> bool:
    """Return whether a text is a JSON array of numbers, of any size."""
    return _NUMBERS.fullmatch(text) is not None


def to_string(value: Value) -> str | None:
    """Convert a JSON value to text; return None for null and an empty text."""
    return text_of(value) or None


def _to_integer(low: int, high: int) -> Scalar:
    def to_integer(value: Value) -> int | None:
        if type(value) is not int:
            text = text_without_exponent(value)
            match = _WHOLE.fullmatch(text) if text else None
            if match is None:
                return None
            value = int(match[1])
        return value if low <= value <= high else None

    return to_integer


def to_number(value: Value) -> float | None:
    """Convert a JSON value to a double; return None if it is not a number, or is an integer that a double rounds."""
    if type(value) is int:
        return float(value) if -_EXACT < value < _EXACT or _is_exact(str(value)) else None
    text = text_of(value)
    if not text or not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    if not math.isfinite(number) or (abs(number) >= _EXACT and not _keeps_digits(text, number)):
        return None
    return number


def _keeps_digits(text: str, number: float) -> bool:
    """Return whether ``number``, the double nearest to ``text``, has the digits of a whole number; a fraction is rounded."""
    if match := _WHOLE_NUMBER.fullmatch(text):
        return _is_exact(match[1])
    exact = Decimal(text)
    return exact != exact.to_integral_value() or exact == Decimal(repr(number))


def _is_exact(digits: str) -> bool:
    """Return whether a double represents a whole number exactly; a double has at most 309 digits."""
    return len(digits) < 320 and math.isfinite(float(digits)) and int(digits) == int(float(digits))


def to_boolean(value: Value) -> bool | None:
    """Convert a boolean, or a word or number for one, such as ``yes`` or ``0``; return None for other values."""
    if type(value) is bool:
        return value
    text = text_without_exponent(value)
    if not text or len(text) > 1000:
        return None
    word = text.strip(" ").lower()
    return True if word in _TRUE else False if word in _FALSE else None


def to_date(value: Value) -> date | None:
    """Convert a JSON value to a date; return None if the value is not a date."""
    text = text_without_exponent(value)
    return parse_day(text) if text else None


def to_milliseconds(value: Value) -> int | None:
    """Convert a date-time to milliseconds since 1970; return None for other values, also numbers (unknown unit)."""
    text = text_without_exponent(value)
    return parse_milliseconds(text) if text else None


def is_number(value: Value) -> bool:
    """Return whether a decoded JSON value is a number, not a string that contains one."""
    return type(value) is int or isinstance(value, msgspec.Raw)

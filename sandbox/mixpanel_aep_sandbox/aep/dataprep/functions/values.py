"""Values of expressions, and Data Prep's implicit conversions to text, number and boolean."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TypeAlias

from mixpanel_aep_sandbox.aep.dataprep.exact_numbers import (
    Number,
    is_number,
    number_of,
    number_text,
    whole,
)
from mixpanel_aep_sandbox.aep.dataprep.functions.moments import ZonedDateTime
from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError

Value: TypeAlias = object
"""A value of an expression: None, bool, int, float, Decimal, str, ZonedDateTime, list, dict, or a Callable (lambda)."""

LONGEST_TEXT = 100_000
MOST_ITEMS = 100_000
"""``LONGEST_TEXT`` (characters) and ``MOST_ITEMS`` limit the result of one function [I], so that a short expression
cannot fill the memory."""

_DEEPEST = 100

TRUE = frozenset(("y", "yes", "Y", "YES", "on", "ON", "true", "TRUE"))
FALSE = frozenset(("n", "N", "no", "NO", "off", "OFF", "false", "FALSE"))
"""Texts that Data Prep converts to booleans (EP:data-prep/data-handling.md#booleans); the documented lists contain
neither ``True`` nor ``Yes``."""

_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "boolean"),
    ((int, float, Decimal), "number"),
    (str, "string"),
    (ZonedDateTime, "date"),
    (list, "array"),
    (dict, "object"),
    (type(None), "null"),
)


def kind_of_value(value: Value) -> str:
    """Return the name of a value's type in the language, for messages: "string", "date", "lambda" and so on."""
    return next((name for types, name in _KINDS if isinstance(value, types)), "lambda")


def text_of(value: Value) -> str:
    """Convert a value to a string: "" for null, ISO 8601 for a date. Raises EvaluationError for an array or object."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if is_number(value):
        return number_text(value)
    if isinstance(value, ZonedDateTime):
        return value.iso()
    raise EvaluationError(f"A value of type {kind_of_value(value)} is not a string.")


def number_from(value: Value) -> Number:
    """Convert a number or a text to a number. Raises EvaluationError for any other value."""
    if is_number(value):
        return value
    found = number_of(value) if isinstance(value, str) else None
    if found is None:
        raise EvaluationError(f"A value of type {kind_of_value(value)} is not a number.")
    return found


def boolean_from(value: Value) -> bool:
    """Convert a boolean, or a text in ``TRUE`` or ``FALSE``, to a bool. Raises EvaluationError for any other value."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in TRUE:
        return True
    if isinstance(value, str) and value in FALSE:
        return False
    raise EvaluationError(f"A value of type {kind_of_value(value)} is not a boolean.")


def bounded(value: Value) -> Value:
    """Return a value unchanged, after a check of its size.

    Raises:
        EvaluationError: a text is longer than ``LONGEST_TEXT``, or an array or object has more than ``MOST_ITEMS``.
    """
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        raise EvaluationError(f"The text exceeds the limit of {LONGEST_TEXT} characters.")
    if isinstance(value, (list, dict)) and len(value) > MOST_ITEMS:
        raise EvaluationError(f"The result exceeds the limit of {MOST_ITEMS} items.")
    return value


def plain(value: Value, depth: int = 0) -> Value:
    """Convert a value to JSON data: dates are converted to ISO 8601 text, and decimals to numbers.

    Args:
        value: The value.
        depth: The depth of the recursion so far.

    Raises:
        EvaluationError: The value is a lambda or an infinite number, or is nested too deep.
    """
    if depth > _DEEPEST:
        raise EvaluationError(f"The value is nested more than {_DEEPEST} levels deep.")
    if isinstance(value, ZonedDateTime):
        return value.iso()
    if isinstance(value, list):
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {name: plain(item, depth + 1) for name, item in value.items()}
    if isinstance(value, Decimal):
        return _json_number(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise EvaluationError("JSON cannot represent the number.")
    if callable(value):
        raise EvaluationError("A lambda is not a value.")
    return value


def _json_number(value: Decimal) -> Value:
    """Convert a Decimal to an int, or else to a float."""
    number = whole(value)
    return plain(float(value)) if number is None else number

"""Values of expressions, and the conversions that Data Prep makes without being asked."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any, TypeAlias

from mixpanel_aep_sandbox.aep.dataprep.functions.moments import ZonedDateTime
from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError
from mixpanel_aep_sandbox.aep.dataprep.numbers import Number, is_number, number_of, number_text, whole

Value: TypeAlias = Any
"""None, bool, int, float, Decimal, str, ZonedDateTime, list, dict; a Callable where a lambda was written."""

LONGEST_TEXT = 100_000
MOST_ITEMS = 100_000
"""What one function may make [I], so that an expression of 4096 characters cannot fill the memory."""

_DEEPEST = 100

TRUE = frozenset(("y", "yes", "Y", "YES", "on", "ON", "true", "TRUE"))
FALSE = frozenset(("n", "N", "no", "NO", "off", "OFF", "false", "FALSE"))
"""EP:data-prep/data-handling.md#booleans; ``True`` and ``Yes`` are in neither list."""

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
    return next((name for types, name in _KINDS if isinstance(value, types)), "lambda")


def text_of(value: Value) -> str:
    """The value as a string; "" for null. Raises EvaluationError for what is no single value."""
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
    raise EvaluationError(f"A value of type {kind_of_value(value)} is no string.")


def number_from(value: Value) -> Number:
    """The value as a number. Raises EvaluationError."""
    if is_number(value):
        number: Number = value
        return number
    found = number_of(value) if isinstance(value, str) else None
    if found is None:
        raise EvaluationError(f"A value of type {kind_of_value(value)} is no number.")
    return found


def boolean_from(value: Value) -> bool:
    """The value as a boolean, by the words that Data Prep knows. Raises EvaluationError."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in TRUE:
        return True
    if isinstance(value, str) and value in FALSE:
        return False
    raise EvaluationError(f"A value of type {kind_of_value(value)} is no boolean.")


def bounded(value: Value) -> Value:
    """The value, if it is no larger than a function may make. Raises EvaluationError."""
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        raise EvaluationError(f"A text of more than {LONGEST_TEXT} characters was made.")
    if isinstance(value, (list, dict)) and len(value) > MOST_ITEMS:
        raise EvaluationError(f"More than {MOST_ITEMS} items were made.")
    return value


def plain(value: Value, depth: int = 0) -> Value:
    """The value as JSON can hold it: dates as ISO text, decimals as numbers.

    Raises:
        EvaluationError: It is a lambda, or nested deeper than anything in XDM.
    """
    if depth > _DEEPEST:
        raise EvaluationError(f"The value is nested more than {_DEEPEST} deep.")
    if isinstance(value, ZonedDateTime):
        return value.iso()
    if isinstance(value, list):
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {name: plain(item, depth + 1) for name, item in value.items()}
    if isinstance(value, Decimal):
        return _json_number(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise EvaluationError("JSON has no such number.")
    if callable(value):
        raise EvaluationError("A lambda is no value.")
    return value


def _json_number(value: Decimal) -> Value:
    number = whole(value)
    return plain(float(value)) if number is None else number

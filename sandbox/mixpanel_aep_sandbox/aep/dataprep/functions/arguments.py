"""Conversion of a function's argument to the type of its parameter."""

from __future__ import annotations

from collections.abc import Callable

from mixpanel_aep_sandbox.aep.dataprep.exact_numbers import whole
from mixpanel_aep_sandbox.aep.dataprep.functions.java_dates.guess import date_from
from mixpanel_aep_sandbox.aep.dataprep.functions.values import (
    Value,
    boolean_from,
    kind_of_value,
    number_from,
    text_of,
)
from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError


def coerce(value: Value, kind: str) -> Value:
    """Convert an argument that is not null to the type of its parameter.

    Args:
        value: The argument.
        kind: The type of the parameter, one of ``registry.Kind``.

    Raises:
        EvaluationError: it cannot be converted.
    """
    converted = _CONVERSIONS[kind](value)
    if callable(converted) is not (kind == "lambda"):
        raise EvaluationError("A lambda is required." if kind == "lambda" else "A lambda is not a value.")
    return converted


def _integer(value: Value) -> int:
    number = whole(number_from(value))
    if number is None:
        raise EvaluationError("The number is not an integer.")
    return number


def _require_type(types: type, name: str) -> Callable[[Value], Value]:
    """Return a function that returns a value of ``types`` unchanged, and raises EvaluationError for any other."""

    def check(value: Value) -> Value:
        if not isinstance(value, types):
            raise EvaluationError(f"A value of type {kind_of_value(value)} is not of type {name}.")
        return value

    return check


_CONVERSIONS: dict[str, Callable[[Value], Value]] = {
    "any": lambda value: value,
    "lambda": lambda value: value,
    "string": text_of,
    "number": number_from,
    "integer": _integer,
    "boolean": boolean_from,
    "date": date_from,
    "array": _require_type(list, "array"),
    "object": _require_type(dict, "object"),
    "map": _require_type(dict, "map"),
}

"""Filters and orders over JSON objects, as the Schema Registry and Catalog have them in their queries."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Any

from include.sandbox.aep.problems import problem

_FILTER = re.compile(r"^(.+?)(==|!=|<=|>=|~|<|>)(.*)$", re.DOTALL)


def keep(objects: Iterable[dict[str, Any]], properties: Iterable[str]) -> list[dict[str, Any]]:
    """The objects that pass every ``property`` filter, such as ``title==Foo``, ``version>1`` or ``title``."""
    tests = [_test(text) for text in properties]
    return [body for body in objects if all(test(body) for test in tests)]


def value_at(body: Any, name: str) -> Any:
    """The value of a top-level name, or along a path with dots; None where there is none."""
    if isinstance(body, dict) and name in body:
        return body[name]
    for part in name.split("."):
        if not isinstance(body, dict):
            return None
        body = body.get(part)
    return body


def sort_key(value: Any) -> tuple[int, float, str]:
    """Orders numbers before texts, and what is missing first."""
    if value is None:
        return (0, 0.0, "")
    number = _number(value)
    return (1, number, "") if number is not None else (2, 0.0, str(value))


def _test(text: str) -> Callable[[dict[str, Any]], bool]:
    if text.startswith("!"):
        return lambda body: value_at(body, text[1:]) is None
    match = _FILTER.match(text)
    if match is None:
        return lambda body: value_at(body, text) is not None
    name, operator, wanted = match.groups()
    if operator == "~":
        try:
            pattern = re.compile(wanted)
        except re.error as error:
            raise problem(400, f"Invalid expression in property filter: {text}") from error
        return lambda body: any(pattern.search(str(part)) for part in each(value_at(body, name)))
    if operator == "!=":
        return lambda body: wanted not in map(_text, each(value_at(body, name)))
    if operator == "==":
        return lambda body: wanted in map(_text, each(value_at(body, name)))
    return lambda body: any(_compare(part, operator, wanted) for part in each(value_at(body, name)))


def each(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _compare(value: Any, operator: str, wanted: str) -> bool:
    left, right = sort_key(value), sort_key(wanted)
    if left[0] != right[0]:
        left, right = (2, 0.0, str(value)), (2, 0.0, wanted)
    return {"<": left < right, ">": left > right, "<=": left <= right, ">=": left >= right}[operator]


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None  # "nan" is a text, which has a place in an order

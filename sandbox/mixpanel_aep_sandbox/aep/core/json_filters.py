"""Filters and sort keys for JSON objects, as in queries of the Schema Registry and Catalog."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable
from typing import Any

from mixpanel_aep_sandbox.aep.core.errors import problem
from mixpanel_aep_sandbox.core.json_types import JsonObject

SortKey = tuple[int, tuple[float, ...], str]
_FILTER = re.compile(r"^(.+?)(==|!=|<=|>=|~|<|>)(.*)$", re.DOTALL)
_VERSION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})+")
_SINGLE_STAR = re.compile(r"(?<!\*)\*(?!\*)")


def keep_matching(
    objects: Iterable[JsonObject], properties: Iterable[str], wild: Collection[str] = ()
) -> list[JsonObject]:
    """Return the objects that match all filters, in their order.

    Args:
        objects: JSON objects.
        properties: Values of the query parameter ``property``, such as ``title==Foo``, ``version>1``, or ``title``
            (the property exists).
        wild: Names of properties whose values in ``==`` and ``!=`` may contain wildcards.

    Raises:
        Problem: 400 for an invalid regular expression.
    """
    tests = [_make_test(text, wild) for text in properties]
    return [body for body in objects if all(test(body) for test in tests)]


def value_at(body: object, name: str) -> Any:
    """Return the value of a top-level key ``name``, or else of a dotted path; None if it is missing."""
    if isinstance(body, dict) and name in body:
        return body[name]
    for part in name.split("."):
        if not isinstance(body, dict):
            return None
        body = body.get(part)
    return body


def as_items(value: object) -> list[object]:
    """Return a value as a list: a list unchanged, an empty list for None, and any other value as the only item."""
    return [] if value is None else value if isinstance(value, list) else [value]


def as_text(value: object) -> str:
    """Return the text of a value in queries: ``true`` and ``false`` for booleans."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def matches_glob(pattern: str, text: str) -> bool:
    """Return whether ``text`` matches a pattern in which ``*`` means any text and ``**`` means an asterisk.

    Source: EP:catalog/api/filter-data.md. The pattern is not converted to a regular expression, which could be slow.
    """
    first, *rest = [part.replace("**", "*") for part in _SINGLE_STAR.split(pattern)]
    if not rest:
        return text == first
    *middle, last = rest
    if not (text.startswith(first) and text.endswith(last) and len(first) + len(last) <= len(text)):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def sort_key(value: object) -> SortKey:
    """Return the key by which lists are sorted by a value.

    Missing values are first, then numbers and versions such as 1.0.10 by their value, then texts.
    """
    if value is None:
        return (0, (), "")
    numbers = _numbers(value)
    return (1, numbers, "") if numbers is not None else (2, (), str(value))


def _make_test(text: str, wild: Collection[str]) -> Callable[[JsonObject], bool]:
    """Parse one ``property`` filter, and return the function that tests an object."""
    if text.startswith("!"):
        return lambda body: value_at(body, text[1:]) is None
    match = _FILTER.match(text)
    if match is None:
        return lambda body: value_at(body, text) is not None
    name, operator, operand = match.groups()
    if operator == "~":
        return _by_expression(name, operand)

    def fits(value: object) -> bool:
        return matches_glob(operand, as_text(value)) if name in wild else as_text(value) == operand

    if operator == "!=":
        return lambda body: not any(map(fits, as_items(value_at(body, name))))
    if operator == "==":
        return lambda body: any(map(fits, as_items(value_at(body, name))))
    return lambda body: any(_compare(part, operator, operand) for part in as_items(value_at(body, name)))


def _by_expression(name: str, pattern: str) -> Callable[[JsonObject], bool]:
    """Return the test of a filter by a regular expression (``name~pattern``).

    The expression is matched by Arrow, in linear time. Python could need exponential time.
    """
    import pyarrow as pa  # imported late, for a quick start
    import pyarrow.compute as pc

    def found(texts: list[str]) -> list[bool]:
        try:
            return list(pc.match_substring_regex(pa.array(texts, pa.string()), pattern).to_pylist())
        except (pa.ArrowInvalid, ValueError) as error:
            raise problem(400, f"Invalid expression in property filter: {name}~{pattern}") from error

    found([""])
    return lambda body: any(found([as_text(part) for part in as_items(value_at(body, name))]))


def _compare(value: object, operator: str, operand: str) -> bool:
    """Return whether a value is less or greater than the operand of a filter, as the operator requires.

    If both are numbers or versions, their values are compared, otherwise their texts.
    """
    left, right = sort_key(value), sort_key(operand)
    if left[0] != right[0]:
        left, right = (2, (), str(value)), (2, (), operand)
    return {"<": left < right, ">": left > right, "<=": left <= right, ">=": left >= right}[operator]


def _numbers(value: object) -> tuple[float, ...] | None:
    """Return the value of a number, or the parts of a version such as 1.0.10; None for any other value."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and _VERSION.fullmatch(value):
        return tuple(float(part) for part in value.split("."))
    if not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return (number,) if math.isfinite(number) else None  # "nan" is sorted as a text

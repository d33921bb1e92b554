"""Equality and order of values, and the comparison operators, by JEXL's rules [I], because Adobe only lists them."""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.dataprep.exact_numbers import is_number
from mixpanel_aep_sandbox.aep.dataprep.functions.java_regex import matches_whole_text
from mixpanel_aep_sandbox.aep.dataprep.functions.moments import ZonedDateTime
from mixpanel_aep_sandbox.aep.dataprep.functions.values import Value, boolean_from, number_from, text_of


def truth(value: Value) -> bool:
    """Convert a value to a condition, as JEXL's ``toBoolean``: null and 0 are false, other numbers are true.

    Texts are converted by ``boolean_from``, which raises EvaluationError for other words.
    """
    if value is None:
        return False
    return bool(value) if is_number(value) else boolean_from(value)


def equal(left: Value, right: Value) -> bool:
    """Return whether two values are equal after conversion.

    Null equals only null, and an object or array equals only one with equal content. Two dates are compared by instant.
    Other values are compared as booleans if one is a boolean, as numbers if one is a number, otherwise as texts.
    """
    if left is None or right is None:
        return left is right
    if isinstance(left, (list, dict)) or isinstance(right, (list, dict)):
        return bool(with_distinct_booleans(left) == with_distinct_booleans(right))
    if isinstance(left, ZonedDateTime) and isinstance(right, ZonedDateTime):
        return left.instant == right.instant
    if is_number(left) and is_number(right):
        return bool(left == right)
    if isinstance(left, bool) or isinstance(right, bool):
        return truth(left) == truth(right)
    if is_number(left) or is_number(right):
        return bool(number_from(left) == number_from(right))
    return text_of(left) == text_of(right)


def with_distinct_booleans(value: Value) -> Value:
    """Return a copy of a value for comparisons by Python's ``==``, in which true differs from 1 and false from 0.

    This applies to the items of arrays and objects at every depth.
    """
    if isinstance(value, list):
        return [with_distinct_booleans(item) for item in value]
    if isinstance(value, dict):
        return {name: with_distinct_booleans(item) for name, item in value.items()}
    return (isinstance(value, bool), value)


def order(left: Value, right: Value) -> int | None:
    """Return -1, 0 or 1 if ``left`` is less than, equal to or greater than ``right``; None if one of them is null.

    Two dates are compared by instant; if one value is a number, both as numbers; other values as texts.
    """
    if left is None or right is None:
        return None
    if isinstance(left, ZonedDateTime) and isinstance(right, ZonedDateTime):
        one, two = left.instant, right.instant
        return (one > two) - (one < two)
    if is_number(left) or is_number(right):
        first, second = number_from(left), number_from(right)
        return (first > second) - (first < second)
    before, after = text_of(left), text_of(right)
    return (before > after) - (before < after)


def not_equal(left: Value, right: Value) -> bool:
    """Return whether two values differ after conversion."""
    return not equal(left, right)


def less_than(left: Value, right: Value) -> bool:
    """Return whether ``left`` is less than ``right``; false if one of them is null."""
    return _is_ordered(left, right, (-1,))


def less_than_or_equal(left: Value, right: Value) -> bool:
    """Return whether ``left`` is less than or equal to ``right``; false if only one of them is null."""
    return _is_ordered(left, right, (-1, 0))


def greater_than(left: Value, right: Value) -> bool:
    """Return whether ``left`` is greater than ``right``; false if one of them is null."""
    return _is_ordered(left, right, (1,))


def greater_than_or_equal(left: Value, right: Value) -> bool:
    """Return whether ``left`` is greater than or equal to ``right``; false if only one of them is null."""
    return _is_ordered(left, right, (0, 1))


def _is_ordered(left: Value, right: Value, accepted: tuple[int, ...]) -> bool:
    """Return whether ``order`` of two values is in ``accepted``; two nulls count as equal."""
    found = order(left, right)
    return (0 in accepted and left is right) if found is None else found in accepted


def contains(left: Value, right: Value) -> bool:
    """Return the result of ``left =~ right``.

    True if ``left`` is an item of the array ``right``, is a key of the object ``right``, or is wholly matched by the
    regular expression ``right``.
    """
    if isinstance(right, list):
        return any(equal(left, item) for item in right)
    if isinstance(right, dict):
        return left in right if isinstance(left, str) else False
    return left is not None and right is not None and matches_whole_text(text_of(left), text_of(right))


def not_contains(left: Value, right: Value) -> bool:
    """Return the result of ``!~``, the opposite of ``=~``."""
    return not contains(left, right)


def starts_with(left: Value, right: Value) -> bool:
    """Return whether the text ``left`` begins with the text ``right``; false if one of them is null."""
    text, part = text_of(left), text_of(right)
    return left is not None and right is not None and text.startswith(part)


def not_starts_with(left: Value, right: Value) -> bool:
    """Return whether the text ``left`` does not begin with the text ``right``; true if one of them is null."""
    return not starts_with(left, right)


def ends_with(left: Value, right: Value) -> bool:
    """Return whether the text ``left`` ends with the text ``right``; false if one of them is null."""
    text, part = text_of(left), text_of(right)
    return left is not None and right is not None and text.endswith(part)


def not_ends_with(left: Value, right: Value) -> bool:
    """Return whether the text ``left`` does not end with the text ``right``; true if one of them is null."""
    return not ends_with(left, right)

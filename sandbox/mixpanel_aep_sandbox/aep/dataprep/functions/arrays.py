"""Data Prep functions that read or build arrays, and the minimum and maximum of several values."""

from __future__ import annotations

from collections.abc import Callable

from mixpanel_aep_sandbox.aep.dataprep.functions.comparisons import order, truth
from mixpanel_aep_sandbox.aep.dataprep.functions.moments import ZonedDateTime
from mixpanel_aep_sandbox.aep.dataprep.functions.registry import Parameter, function
from mixpanel_aep_sandbox.aep.dataprep.functions.values import MOST_ITEMS, Value, text_of
from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError

_OPTIONS = Parameter("OPTIONS", "any", "The values to compare.", repeated=True, nullable=True)

_ARRAYS = "Hierarchies - Arrays"
_ARRAY = Parameter("ARRAY", "array", "The array.")
_VALUES = Parameter("VALUES", "any", "Values.", required=False, repeated=True, nullable=True)
_INPUT = Parameter("INPUT", "any", "An array, or several values.", repeated=True, nullable=True)
_DEEPEST = 100


def items_of(given: tuple[Value, ...]) -> list[Value]:
    """Return the items of an array if it is the only argument, otherwise the list of all arguments."""
    return given[0] if len(given) == 1 and isinstance(given[0], list) else list(given)


@function(_ARRAYS, "The first item.", _INPUT, example=('first("1", "2", "3")', '"1"'))
def first(*given: Value) -> Value:
    """Return the first item of an array, or the first of several arguments; null for no items."""
    return next(iter(items_of(given)), None)


@function(_ARRAYS, "The last item.", _INPUT, example=('last("1", "2", "3")', '"3"'))
def last(*given: Value) -> Value:
    """Return the last item of an array, or the last of several arguments; null for no items."""
    return next(reversed(items_of(given)), None)


@function(
    _ARRAYS,
    "The array with values appended.",
    _ARRAY,
    _VALUES,
    returns="array",
    example=("add_to_array(['a', 'b'], 'c', 'd')", "['a', 'b', 'c', 'd']"),
)
def add_to_array(array: list[Value], *values: Value) -> list[Value]:
    """Return a new array with values appended."""
    return [*array, *values]


@function(
    _ARRAYS,
    "The concatenation of arrays.",
    _ARRAY,
    Parameter("VALUES", "array", "More arrays.", required=False, repeated=True, nullable=True),
    returns="array",
    example=("join_arrays(['a', 'b'], ['c'], ['d', 'e'])", "['a', 'b', 'c', 'd', 'e']"),
)
def join_arrays(*arrays: list[Value] | None) -> list[Value]:
    """Concatenate arrays; a null array counts as empty."""
    return [item for array in arrays for item in array or []]


@function(
    _ARRAYS,
    "An array of values.",
    Parameter("INCLUDE_NULLS", "boolean", "Whether the array contains the null values."),
    _VALUES,
    returns="array",
    example=("to_array(false, 1, null, 2, 3)", "[1, 2, 3]"),
)
def to_array(nulls: bool, *values: Value) -> list[Value]:
    """Return an array of the values; nulls are omitted unless ``nulls`` is true."""
    return [value for value in values if nulls or value is not None]


@function(
    _ARRAYS,
    "The number of items, properties or characters; 0 for null.",
    Parameter("INPUT", "any", "The value.", nullable=True),
    returns="integer",
    example=("size_of([1, 2, 3, 4])", "4"),
)
def size_of(value: Value) -> int:
    """Return how many items an array has, how many properties an object, or how many characters a text.

    Null has 0, any other value 1. A date counts as its ISO 8601 text.
    """
    if isinstance(value, ZonedDateTime):
        return len(text_of(value))
    return 0 if value is None else len(value) if isinstance(value, (list, dict, str)) else 1


@function(
    _ARRAYS,
    "The unchanged array; in an update of a profile, which the sandbox does not support, it would be appended.",
    _ARRAY,
    returns="array",
    example=("upsert_array_append([123, 456])", "[123, 456]"),
)
def upsert_array_append(array: list[Value]) -> list[Value]:
    """Return the array unchanged, because the sandbox does not update profiles."""
    return array


@function(
    _ARRAYS,
    "The unchanged array; in an update of a profile, which the sandbox does not support, it would replace an array.",
    _ARRAY,
    Parameter("INDEX", "integer", "Ignored; only Adobe's example contains it.", required=False),
    returns="array",
    example=("upsert_array_replace([123, 456], 1)", "[123, 456]"),
)
def upsert_array_replace(array: list[Value], _index: int = 0) -> list[Value]:
    """Return the array unchanged, because the sandbox does not update profiles."""
    return array


def empty(value: Value) -> bool:
    """Return whether a value is null, "", [], {}, or 0: JEXL's operator ``empty``."""
    return value is None or (not isinstance(value, bool) and value in ("", [], {}, 0))


def _flat(value: Value, depth: int = 0) -> list[Value]:
    """Return the items of an array and of all arrays in it, in order; any other value is the only item."""
    if depth > _DEEPEST:
        raise EvaluationError(f"The array is nested more than {_DEEPEST} levels deep.")
    if not isinstance(value, list):
        return [value]
    return [item for part in value for item in _flat(part, depth + 1)]


@function(
    _ARRAYS,
    "The items of an array and of the arrays in it, joined as one text.",
    Parameter("SEPARATOR", "string", "The separator."),
    _ARRAY,
    returns="string",
    for_destinations=True,
    example=('array_to_string(";", ["Hello", "world"])', '"Hello;world"'),
)
def array_to_string(separator: str, array: list[Value]) -> str:
    """Join the items of an array and of the arrays in it as one text; nulls are omitted."""
    items = [text_of(item) for item in _flat(array) if item is not None]
    if len(items) * len(separator) > 10 * MOST_ITEMS:
        raise EvaluationError("The text exceeds the maximum number of characters.")
    return separator.join(items)


@function(
    _ARRAYS,
    "The items for which a condition is true.",
    _ARRAY,
    Parameter("PREDICATE", "lambda", "x -> condition"),
    names=("filterArray",),
    returns="array",
    for_destinations=True,
    example=("filterArray([5, -6, 0, 7], x -> x > 0)", "[5, 7]"),
)
def filter_array(array: list[Value], condition: Callable[[Value], Value]) -> list[Value]:
    """Return the items for which a lambda returns true."""
    return [item for item in array if truth(condition(item))]


@function(
    _ARRAYS,
    "The result of an expression for each item.",
    _ARRAY,
    Parameter("PREDICATE", "lambda", "x -> value"),
    names=("transformArray",),
    returns="array",
    for_destinations=True,
    example=("transformArray([5, 6, 7], x -> x + 1)", "[6, 7, 8]"),
)
def transform_array(array: list[Value], change: Callable[[Value], Value]) -> list[Value]:
    """Return the results of a lambda for the items, in their order."""
    return [change(item) for item in array]


@function(
    _ARRAYS,
    "The items of nested arrays as one array.",
    Parameter("ARRAY", "array", "The array.", repeated=True),
    names=("flattenArray",),
    returns="array",
    for_destinations=True,
    example=(
        "flattenArray([['a', 'b'], ['c', 'd']], [['e'], ['f']])",
        "['a', 'b', 'c', 'd', 'e', 'f']",
    ),
)
def flatten_array(*arrays: list[Value]) -> list[Value]:
    """Return the items of nested arrays, at any depth, as one flat array."""
    return _flat(list(arrays))


def _extreme(options: tuple[Value, ...], target: int) -> Value:
    """Return the smallest or the largest of the values that are not null; None if all are null.

    Args:
        options: The values, or an array of them as the only argument.
        target: -1 for the smallest value, 1 for the largest.
    """
    values = options[0] if len(options) == 1 and isinstance(options[0], list) else options
    best = None
    for value in values:
        if value is not None and (best is None or order(value, best) == target):
            best = value
    return best


@function("Aggregation", "The smallest value.", _OPTIONS, names=("min",), example=("min(3, 1, 4)", "1"))
def minimum(*options: Value) -> Value:
    """Return the smallest of several values or of an array's items; nulls are ignored."""
    return _extreme(options, -1)


@function("Aggregation", "The largest value.", _OPTIONS, names=("max",), example=("max(3, 1, 4)", "4"))
def maximum(*options: Value) -> Value:
    """Return the largest of several values or of an array's items; nulls are ignored."""
    return _extreme(options, 1)

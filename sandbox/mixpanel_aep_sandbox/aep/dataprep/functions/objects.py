"""Data Prep functions that read or build objects, and one that parses JSON."""

from __future__ import annotations

import json
from decimal import Decimal, DecimalException
from typing import NoReturn

from mixpanel_aep_sandbox.aep.dataprep.exact_numbers import exact, is_number, whole
from mixpanel_aep_sandbox.aep.dataprep.functions.registry import Evaluate, Parameter, function, lazy_function
from mixpanel_aep_sandbox.aep.dataprep.functions.values import Value, text_of
from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError, SyntaxFault
from mixpanel_aep_sandbox.aep.dataprep.language.paths import exists, parse_path
from mixpanel_aep_sandbox.aep.dataprep.language.scope import Scope
from mixpanel_aep_sandbox.aep.dataprep.language.tree import Node, path_names

_OBJECTS = "Hierarchies - Objects"
_PAIRS = Parameter("INPUT", "any", "Alternating keys and values.", repeated=True, nullable=True)
_VALUE_DELIMITER = Parameter(
    "VALUE_DELIMITER", "string", "The text between key and value.", required=False, nullable=True
)
_FIELD_DELIMITER = Parameter(
    "FIELD_DELIMITER", "string", "The text between pairs.", required=False, nullable=True
)


@function(
    _OBJECTS,
    "Whether a value is null, or an empty text, array or object.",
    Parameter("INPUT", "any", "The value.", nullable=True),
    returns="boolean",
    example=("is_empty([1, null, 2, 3])", "false"),
)
def is_empty(value: Value) -> bool:
    """Return whether a value is null, "", [] or {}."""
    return value is None or (isinstance(value, (str, list, dict)) and not value)


def pairs_of(flat: tuple[Value, ...]) -> dict[str, Value]:
    """Build an object from alternating keys and values. Raises EvaluationError for a missing value or a null key."""
    if len(flat) % 2:
        raise EvaluationError("The last key has no value.")
    if any(key is None for key in flat[::2]):
        raise EvaluationError("A key is null.")
    return {text_of(key): value for key, value in zip(flat[::2], flat[1::2], strict=True)}


@function(
    _OBJECTS,
    "An array of objects from parallel arrays: the first object has each array's first item.",
    Parameter("INPUT", "any", "Alternating keys and arrays.", repeated=True, nullable=True),
    names=("arrays_to_object", "arrays_to_objects"),
    returns="array",
    example=(
        "arrays_to_objects('sku', explode(\"id1|id2\", '\\\\|'), 'price', [22.5,14.35])",
        '[{ "sku": "id1", "price": 22.5 }, { "sku": "id2", "price": 14.35 }]',
    ),
)
def arrays_to_objects(*flat: Value) -> list[dict[str, Value]]:
    """Build a list of objects from parallel arrays: object n has the n-th item of each array that has one.

    Adobe's list and Adobe's example use two names for the function. Raises EvaluationError if a value is not an array.
    """
    arrays: dict[str, list[Value]] = {}
    for key, items in pairs_of(flat).items():
        if items is not None and not isinstance(items, list):
            raise EvaluationError("Each key must be followed by an array.")
        arrays[key] = items or []
    longest = max((len(items) for items in arrays.values()), default=0)
    return [{key: items[n] for key, items in arrays.items() if n < len(items)} for n in range(longest)]


@function(
    _OBJECTS,
    "An object of keys and values.",
    _PAIRS,
    returns="object",
    example=('to_object("firstName", "John", "lastName", "Doe")', '{"firstName": "John", "lastName": "Doe"}'),
)
def to_object(*flat: Value) -> dict[str, Value]:
    """Build an object from alternating keys and values."""
    return pairs_of(flat)


def _pairs_in(text: str, value_delimiter: str | None, field_delimiter: str | None) -> dict[str, str]:
    """Split a text into keys and values; surrounding spaces are removed, and pairs without a key are omitted."""
    found: dict[str, str] = {}
    for pair in text.split(field_delimiter or ","):
        key, delimiter, value = pair.partition(value_delimiter or ":")
        if delimiter and key.strip():
            found[key.strip()] = value.strip()
    return found


@function(
    _OBJECTS,
    "Parses a text of keys and values with delimiters as an object.",
    Parameter("STRING", "string", "The text."),
    _VALUE_DELIMITER,
    _FIELD_DELIMITER,
    returns="object",
    example=(
        'str_to_object("firstName - John ; lastName - ; phone - 123 456 7890", "-", ";")',
        '{"firstName": "John", "lastName": "", "phone": "123 456 7890"}',
    ),
)
def str_to_object(text: str, value: str | None = None, field: str | None = None) -> dict[str, str]:
    """Parse a text of keys and values as an object.

    ``value`` is the delimiter after a key, by default a colon; ``field`` separates pairs, by default a comma.
    """
    return _pairs_in(text, value, field)


@function(
    _OBJECTS,
    "The value of one key in a text of keys and values with delimiters.",
    Parameter("STRING", "string", "The text."),
    Parameter("KEY", "string", "The key."),
    _VALUE_DELIMITER,
    _FIELD_DELIMITER,
    returns="string",
    example=(
        'get_values("firstName - John , lastName - Cena , phone - 555 420 8692", "firstName", "-", ",")',
        "John",
    ),
)
def get_values(text: str, key: str, value: str | None = None, field: str | None = None) -> str | None:
    """Return the value of one key in a text of keys and values, or null; the delimiters are as in ``str_to_object``."""
    return _pairs_in(text, value, field).get(key)


@function(
    _OBJECTS,
    "A property of an object.",
    Parameter("OBJECT", "object", "The object."),
    Parameter("KEY", "string", "The property's name."),
    example=(
        'str_to_object("firstName - John ; lastName - ; phone - 123 456 7890", "-", ";").get("firstName")',
        '"John"',
    ),
    method=True,
)
def get(value: dict[str, Value], key: str) -> Value:
    """Return the property ``key`` of an object; null if it is missing."""
    return value.get(key)


def item_or_member(value: Value, index: Value) -> Value:
    """Return ``value[index]``: an array's item by its index from 0, or an object's property; null if missing [I]."""
    if index is None:
        return None
    if isinstance(value, dict):
        return value.get(text_of(index))
    number = whole(index) if is_number(index) else None
    if isinstance(value, list) and number is not None and 0 <= number < len(value):
        return value[number]
    return None


@lazy_function(
    _OBJECTS,
    "Whether the source row has an attribute at a path.",
    Parameter("INPUT", "string", "The path, as a text."),
    names=("contains_key", "is_set"),
    returns="boolean",
    example=('contains_key("evars.evar.field1")', "true"),
)
def contains_key(arguments: tuple[Node, ...], scope: Scope, evaluate: Evaluate) -> bool:
    """Return whether the row has an attribute at a path; its value may be null. ``is_set`` is the older name.

    The argument is a field, or an expression whose text is a path [I]. Raises EvaluationError for an invalid path.
    """
    names = path_names(arguments[0])
    if names:
        return exists(scope.row, tuple(names))
    try:
        path = evaluate(arguments[0], scope)
        return path is not None and exists(scope.row, parse_path(text_of(path)))
    except SyntaxFault as error:
        raise EvaluationError(f"INPUT is not a path: {error.message}", arguments[0].at) from error


@function(_OBJECTS, "Null.", example=("nullify()", "null"))
def nullify() -> None:
    """Return null."""


@function(
    _OBJECTS,
    "The keys of an object.",
    Parameter("OBJECT", "object", "The object."),
    returns="array",
    example=('get_keys({"book1": "Pride and Prejudice", "book2": "1984"})', '["book1", "book2"]'),
)
def get_keys(value: dict[str, Value]) -> list[str]:
    """Return the keys of an object in their order."""
    return list(value)


@function(
    "JSON",
    "Parses a JSON text.",
    Parameter("STRING", "any", "The text; any other value is returned unchanged."),
    returns="object",
    example=(
        'json_to_object("{\\"info\\":{\\"firstName\\":\\"John\\",\\"lastName\\": \\"Doe\\"}}")',
        "An object representing the JSON.",
    ),
)
def json_to_object(text: Value) -> Value:
    """Parse a JSON text without rounding its numbers; return any other value unchanged.

    Raises EvaluationError if the text is not valid JSON.
    """
    if not isinstance(text, str):
        return text  # Adobe's example has no quotes, so that the argument is an object already
    try:
        value = json.loads(
            text, parse_float=lambda digits: exact(Decimal(digits)), parse_constant=_refuse_number
        )
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except (ValueError, RecursionError, DecimalException) as error:
        raise EvaluationError("json_to_object(): the text is not JSON.") from error
    return value


def _refuse_number(name: str) -> NoReturn:
    raise ValueError(name)

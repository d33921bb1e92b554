"""Data Prep functions that read or build maps. A map is an object with arbitrary keys."""

from __future__ import annotations

from mixpanel_aep_sandbox.aep.dataprep.functions.objects import pairs_of
from mixpanel_aep_sandbox.aep.dataprep.functions.registry import Evaluate, Parameter, function, lazy_function
from mixpanel_aep_sandbox.aep.dataprep.functions.values import Value, kind_of_value, text_of
from mixpanel_aep_sandbox.aep.dataprep.language.errors import EvaluationError
from mixpanel_aep_sandbox.aep.dataprep.language.scope import Scope
from mixpanel_aep_sandbox.aep.dataprep.language.tree import Member, Node, path_names

_MAPS = "Hierarchies - Map"
_MAP = Parameter("MAP", "map", "The map.")
_KEY = Parameter("KEY", "any", "A key, or an array of keys.")


@function(
    _MAPS,
    "The value of a key; for an array of keys, the array of their values without repetitions of a key.",
    _MAP,
    _KEY,
    example=('map_get_values(book_details,"author")', '{"author": "George R. R. Martin"}'),
)
def map_get_values(value: dict[str, Value], key: Value) -> Value:
    """Return the value of a key, or null; for an array of keys, the values of the distinct keys that exist.

    Adobe's sample result is a map, but its description and its use in ``lower(map_get_values(...))`` require the value.
    """
    if not isinstance(key, list):
        return value.get(text_of(key))
    return [value[name] for name in dict.fromkeys(text_of(one) for one in key) if name in value]


@function(
    _MAPS,
    "Whether a map has a key, or at least one of an array of keys.",
    _MAP,
    _KEY,
    returns="boolean",
    example=('map_has_keys(book_details,"author")', "true"),
)
def map_has_keys(value: dict[str, Value], key: Value) -> bool:
    """Return whether a map contains ``key`` or, if ``key`` is an array, at least one of its items."""
    return any(text_of(one) in value for one in (key if isinstance(key, list) else [key]))


@function(
    _MAPS,
    "Merged maps; if several maps have a key, the first value is used.",
    _MAP,
    Parameter("MAP", "map", "Another map.", repeated=True, nullable=True),
    returns="map",
    example=("add_to_map(book_details, book_details2)", "A new map with all elements from map and addends"),
)
def add_to_map(*maps: dict[str, Value] | None) -> dict[str, Value]:
    """Merge maps, in which null counts as an empty map; if several maps have a key, the first value is used."""
    together: dict[str, Value] = {}
    for one in maps:
        together = {**together, **{key: value for key, value in (one or {}).items() if key not in together}}
    return together


@function(
    _MAPS,
    "A map of keys and values.",
    Parameter("INPUT", "any", "Alternating keys and values, or an object.", repeated=True, nullable=True),
    returns="map",
    example=('to_map("firstName", "John", "lastName", "Doe")', '{"firstName" : "John", "lastName": "Doe"}'),
)
def to_map(*flat: Value) -> dict[str, Value] | None:
    """Build a map from alternating keys and values, or from an object; "null if input is null".

    Adobe's syntax has an object, and its example has keys and values (EP:data-prep/functions.md#map).
    """
    if len(flat) == 1 and (flat[0] is None or isinstance(flat[0], dict)):
        return None if flat[0] is None else dict(flat[0])
    return pairs_of(flat)


def _map_by_property(objects: Value, key: str) -> dict[str, Value] | None:
    """Return a map of objects whose keys are the texts of one of their properties; None for null.

    Args:
        objects: An array of objects, or one object.
        key: The name of the property; objects without it are omitted.
    """
    if objects is None:
        return None
    found: dict[str, Value] = {}
    for item in objects if isinstance(objects, list) else [objects]:
        if not isinstance(item, dict):
            raise EvaluationError(f"A value of type {kind_of_value(item)} is not an object.")
        if item.get(key) is not None:
            found.setdefault(text_of(item[key]), item)  # the first value is kept, as in add_to_map [I]
    return found


@function(
    _MAPS,
    "A map from the value of a property to the object that has it.",
    Parameter("INPUTS", "array", "The objects."),
    Parameter("KEY", "string", "The property's name."),
    returns="map",
    example=('array_to_map(addresses, "type")', "Returns a map with given field name and value pairs"),
)
def array_to_map(objects: list[Value], key: str) -> dict[str, Value] | None:
    """Build a map of an array's objects, whose keys are the values of the property ``key``.

    Objects without this property are omitted. If several objects have the same value, the first one is used [I].
    """
    return _map_by_property(objects, key)


@lazy_function(
    _MAPS,
    "A map of keys and values, of an object, or of objects by the value of one of their properties.",
    Parameter("INPUT", "any", "The first key, an object, or an array of objects.", nullable=True),
    Parameter(
        "MORE", "any", "Alternating values and keys, or a property's name.", required=False, repeated=True
    ),
    returns="map",
    example=(
        'object_to_map("firstName", "John", "lastName", "Doe")',
        '{"firstName" : "John", "lastName": "Doe"}',
    ),
)
def object_to_map(arguments: tuple[Node, ...], scope: Scope, evaluate: Evaluate) -> Value:
    """Build a map from keys and values, from an object, or from objects by the value of a property; null for null."""
    first, *more = (evaluate(node, scope) for node in arguments)
    if first is None:
        return None
    if len(arguments) == 2 and isinstance(first, (list, dict)):
        return _map_by_property(first, _property(arguments[1], scope, evaluate))
    if len(arguments) > 1:
        return pairs_of((first, *more))
    if not isinstance(first, dict):
        raise EvaluationError(f"A value of type {kind_of_value(first)} is not an object.")
    return dict(first)


def _property(node: Node, scope: Scope, evaluate: Evaluate) -> str:
    """Return the property's name from an argument: a bare name, as in ``object_to_map(addresses,type)``, or a text."""
    names = path_names(node)
    if len(names) == 1:
        return names[0]
    return node.name if isinstance(node, Member) else text_of(evaluate(node, scope))

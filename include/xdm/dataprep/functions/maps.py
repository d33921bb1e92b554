"""Map functions (EP:data-prep/functions.md#map). A map is a JSON object whose keys the schema does not define."""

from __future__ import annotations

from include.xdm.dataprep.functions.objects import BECAUSE, to_object
from include.xdm.dataprep.functions.registry import Function, required
from include.xdm.dataprep.functions.values import Json, array, json_array, members, text_of
from include.xdm.dataprep.language.types import Type

CATEGORY = "Hierarchies - Map"


def to_map(pairs: list[Json]) -> dict[str, Json] | None:
    """Build a map from alternating keys and values, or from one object; None if the only argument is null."""
    if len(pairs) == 1:
        return None if pairs[0] == "null" else members(pairs[0])
    return to_object(pairs)


def array_to_map(objects: list[Json], key: str) -> dict[str, Json]:
    """Return a map of ``objects`` by the value of their member ``key``.

    If several objects have the same value, the first one is kept; objects without the member are left out.
    """
    made: dict[str, Json] = {}
    for item in objects:
        value = members(item).get(key, "null")
        if value != "null":
            made.setdefault(text_of(value), item)
    return made


def object_to_map(pairs: list[Json]) -> dict[str, Json] | None:
    """Build a map from alternating keys and values, from one object, or from objects and their key member's name."""
    first = pairs[0]
    if first == "null":
        return None
    if len(pairs) == 2 and first[0] in "[{":
        return array_to_map(array(first) if first[0] == "[" else [first], text_of(pairs[1]))
    return to_map(pairs)


def map_get_values(value: dict[str, Json], key: Json) -> Json | None:
    """Return the value of one key, or None if it is missing; for an array of keys, an array of the existing values."""
    if key.startswith("["):
        names = dict.fromkeys(text_of(name) for name in array(key))
        return json_array(value[name] for name in names if name in value)
    return value.get(text_of(key))


def map_has_keys(value: dict[str, Json], key: Json) -> bool:
    """Return whether a map has the key, or at least one of an array of keys."""
    names = array(key) if key.startswith("[") else [key]
    return any(text_of(name) in value for name in names)


def add_to_map(first: dict[str, Json], maps: list[dict[str, Json] | None]) -> dict[str, Json]:
    """Return the maps merged into one; if a key occurs several times, the first value is kept."""
    made = dict(first)
    for one in maps:
        made = {**(one or {}), **made}
    return made


def _map_arguments(number: int) -> str | None:
    return (
        "takes one object, objects and a key, or keys and values in pairs"
        if number > 1 and number % 2
        else None
    )


_KEY = required("KEY", Type.ANY)
_MAP = required("MAP", Type.OBJECT)
_BARE = required("KEY", Type.ANY, names="also")

FUNCTIONS = [
    Function(
        "map_get_values", CATEGORY, (_MAP, _KEY), Type.ANY, python=map_get_values, because=BECAUSE,
        note="The value of one key; for an array of keys, an array of the existing values.",
        examples=(('map_get_values({"author": "George R. R. Martin", "price": 17.99}, "author")', "George R. R. Martin"),),
    ),
    Function(
        "map_has_keys", CATEGORY, (_MAP, _KEY), Type.BOOLEAN, python=map_has_keys, because=BECAUSE,
        examples=(('map_has_keys({"author": "George R. R. Martin", "price": 17.99}, "author")', True),),
    ),
    Function(
        "add_to_map", CATEGORY, (_MAP, _MAP), Type.OBJECT, python=add_to_map, many=1, because=BECAUSE,
        note="If a key occurs several times, the first value is kept.",
        examples=(
            ('add_to_map({"author": "George R. R. Martin"}, {"author": "Neil Gaiman", "publisher": "William Morrow"})',
             {"author": "George R. R. Martin", "publisher": "William Morrow"}),
        ),
    ),
    Function(
        "object_to_map", CATEGORY, (_BARE,), Type.OBJECT, python=object_to_map, many=1, because=BECAUSE, pairs=_map_arguments,
        examples=(
            ('object_to_map("firstName", "John", "lastName", "Doe")', {"firstName": "John", "lastName": "Doe"}),
            ('object_to_map({"line1": "345 park ave", "type": "office"})', {"line1": "345 park ave", "type": "office"}),
            ('object_to_map([{"line1": "345 park ave", "type": "home"}, {"line1": "345 park ave", "type": "work"}], type)',
             {"home": {"line1": "345 park ave", "type": "home"}, "work": {"line1": "345 park ave", "type": "work"}}),
        ),
    ),
    Function(
        "array_to_map", CATEGORY, (required("INPUTS", Type.ARRAY), required("KEY", Type.STRING, names="also")), Type.OBJECT,
        python=array_to_map, because=BECAUSE, note="If several objects have the same key, the first one is kept.",
        examples=(
            ('array_to_map([{"City": "san jose", "type": "home"}, {"City": "san jose", "type": "work"}], "type")',
             {"home": {"City": "san jose", "type": "home"}, "work": {"City": "san jose", "type": "work"}}),
        ),
    ),
    Function(
        "to_map", CATEGORY, (required("KEY", Type.ANY),), Type.OBJECT, python=to_map, many=1, because=BECAUSE, pairs=_map_arguments,
        examples=(('to_map("firstName", "John", "lastName", "Doe")', {"firstName": "John", "lastName": "Doe"}),),
    ),
]  # fmt: skip

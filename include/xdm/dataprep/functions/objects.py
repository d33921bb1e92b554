"""Object functions (EP:data-prep/functions.md#objects, #map); objects and maps are both JSON objects here."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from include.xdm.dataprep.functions.arrays import size_of
from include.xdm.dataprep.functions.registry import Function, in_pairs, optional, required
from include.xdm.dataprep.functions.values import (
    Json,
    array,
    is_number,
    is_string,
    json_object,
    json_text,
    members,
    number,
    text_of,
)
from include.xdm.dataprep.language.errors import Failure, LanguageError
from include.xdm.dataprep.language.types import Type
from include.xdm.dataprep.sql_values import EvaluationContext, SqlValue, any_of
from include.xdm.dataprep.sql_values import json_array as array_sql
from include.xdm.events.line_parser import DEPTH_LIMIT, deeper_than

CATEGORY = "Hierarchies - Objects"
BECAUSE = "objects are JSON with members that are known only at run time"


def is_empty(value: Json | None) -> bool:
    """Return whether an array, object or string is empty; null is empty, too."""
    return size_of(value) == 0


def nullify(_: EvaluationContext, __: Sequence[SqlValue]) -> tuple[str, str | None]:
    """Return SQL for ``nullify()``, which is always null."""
    return "NULL", None


def contains_key(around: EvaluationContext, cells: Sequence[SqlValue]) -> tuple[str, str | None]:
    """Return SQL that tests whether the event has a path, even with the value null; the path is a constant text."""
    assert cells[0].constant is not None
    return around.exists(cells[0].constant), None


def to_object(pairs: list[Json]) -> dict[str, Json]:
    """Build an object from alternating keys and values; the last value of a key is used, as in a Java map."""
    made = {}
    for name, value in zip(pairs[::2], pairs[1::2], strict=True):
        made[_name(name)] = value
    return made


def arrays_to_objects(pairs: list[Json]) -> list[Json]:
    """Build one object for each array index, from alternating keys and arrays.

    Object n has under each key the item n of its array; the member is left out if the array is shorter.
    """
    names = [_name(name) for name in pairs[::2]]
    columns = [[] if column == "null" else array(column) for column in pairs[1::2]]
    rows = range(max(map(len, columns), default=0))
    return [
        json_object({n: c[at] for n, c in zip(names, columns, strict=True) if at < len(c)}) for at in rows
    ]


def str_to_object(text: str, value_delimiter: str | None, field_delimiter: str | None) -> dict[str, Json]:
    """Parse a text of delimited names and values, such as ``a:1,b:2``, to an object of strings."""
    return {name: json_text(value) for name, value in _pairs(text, value_delimiter, field_delimiter)}


def get_values(text: str, key: str, value_delimiter: str | None, field_delimiter: str | None) -> str | None:
    """Return the value of ``key`` in a text of delimited names and values; None if the key is absent."""
    return dict(_pairs(text, value_delimiter, field_delimiter)).get(key)


def _pairs(text: str, value_delimiter: str | None, field_delimiter: str | None) -> list[tuple[str, str]]:
    """Split a text into names and values without surrounding blanks; parts without a name or delimiter are left out."""
    parts = [part.partition(value_delimiter or ":") for part in text.split(field_delimiter or ",")]
    return [(name.strip(), value.strip()) for name, delimiter, value in parts if delimiter and name.strip()]


def get_keys(value: dict[str, Json]) -> list[Json]:
    """Return the keys of an object as JSON strings."""
    return [json_text(name) for name in value]


def get(value: dict[str, Json], key: str) -> Json | None:
    """Return the value of a key in an object; None if the key is absent."""
    return value.get(key)


def item_or_member(container: Json, key: Json) -> Json | None:
    """Return the array item at index ``key`` or the object member ``key``; None if it does not exist."""
    if container.startswith("["):
        items = array(container)
        position = number(key) if is_number(key) else -1
        return items[int(position)] if position in range(len(items)) else None
    return members(container).get(text_of(key)) if container.startswith("{") else None


def json_to_object(value: Json) -> Json:
    """Return the JSON value in a text; a value that is not a text is returned unchanged, as in Adobe's example.

    Raises:
        Failure: the text is not JSON, or nests too deep for an event.
    """
    if not is_string(value):
        return value
    body = text_of(value).strip().encode()
    if not body or deeper_than(body, DEPTH_LIMIT):
        raise Failure("it is not JSON")
    msgspec.json.decode(body, type=msgspec.Raw)
    return body.decode()


def _read_type(given: Sequence[Type]) -> Type:
    """Check the type of the argument of json_to_object; return the type of the result.

    Raises:
        LanguageError: the argument is a date, which is not JSON.
    """
    if given[0] is Type.DATE:
        raise LanguageError("argument 1 of json_to_object, STRING, has to be a string, not of type date")
    return Type.ANY


def _name(value: Json) -> str:
    if value == "null":
        raise Failure("a key is null")
    return text_of(value)


def array_literal(_: EvaluationContext, cells: Sequence[SqlValue]) -> tuple[str, str | None]:
    """Return SQL for the array ``[item, ...]``."""
    fails = any_of(*(cell.fails for cell in cells))
    return array_sql(cells), fails


_KEY = required("KEY", Type.ANY)
_OBJECT = required("OBJECT", Type.OBJECT)
_PAIRS = (required("KEY", Type.ANY), required("VALUE", Type.ANY))
_DELIMITERS = (
    optional("VALUE_DELIMITER", Type.STRING, ":", nullable=True),
    optional("FIELD_DELIMITER", Type.STRING, ",", nullable=True),
)

FUNCTIONS = [
    Function(
        "is_empty", "Hierarchies - Objects", (required("INPUT", Type.ANY, nullable=True),), Type.BOOLEAN, python=is_empty, because=BECAUSE, note="null is empty.", examples=(("is_empty([1, null, 2, 3])", False),),
    ),
    Function("nullify", CATEGORY, (), Type.NULL, special=nullify, examples=(("nullify()", None),)),
    Function(
        "contains_key", CATEGORY, (required("INPUT", Type.STRING, names="only"),), Type.BOOLEAN,
        special=contains_key, other_names=("is_set",), note="True if the event has the path, also with a null value.",
    ),
    Function(
        "arrays_to_object", CATEGORY, (required("KEY", Type.STRING), required("ARRAY", Type.ARRAY)), Type.ARRAY,
        python=arrays_to_objects, many=2, because=BECAUSE, other_names=("arrays_to_objects",), pairs=in_pairs,
        note="If an array is shorter than another one, the member is left out.",
        examples=(
            (r"""arrays_to_objects('sku', explode("id1|id2", '\\|'), 'price', [22.5,14.35])""",
             [{"sku": "id1", "price": 22.5}, {"sku": "id2", "price": 14.35}]),
        ),
    ),
    Function(
        "to_object", CATEGORY, _PAIRS, Type.OBJECT, python=to_object, many=2, because=BECAUSE, pairs=in_pairs,
        examples=(('to_object("firstName", "John", "lastName", "Doe")', {"firstName": "John", "lastName": "Doe"}),),
    ),
    Function(
        "str_to_object", CATEGORY, (required("STRING", Type.STRING), *_DELIMITERS), Type.OBJECT,
        python=str_to_object, because=BECAUSE, note="A part without a name or a delimiter is left out.",
        examples=(
            ('str_to_object("firstName - John ; lastName - Doe ; phone - 123 456 7890", "-", ";")',
             {"firstName": "John", "lastName": "Doe", "phone": "123 456 7890"}),
            ('str_to_object("firstName - John ; lastName - ; phone - 123 456 7890", "-", ";").get("firstName")', "John"),
        ),
    ),
    Function(
        "get", CATEGORY, (_OBJECT, required("KEY", Type.STRING)), Type.ANY, python=get, method=True, because=BECAUSE,
    ),
    Function(
        "[]", "Operators", (required("CONTAINER", Type.ANY), _KEY), Type.ANY, python=item_or_member, because=BECAUSE,
        note="container[key]: a member of an object, an item of an array, or null.",
    ),
    Function(
        "get_keys", CATEGORY, (_OBJECT,), Type.ARRAY, python=get_keys, because=BECAUSE,
        examples=(('get_keys({"book1": "Pride and Prejudice", "book2": "1984"})', ["book1", "book2"]),),
    ),
    Function(
        "get_values", CATEGORY, (required("STRING", Type.STRING), required("KEY", Type.STRING), *_DELIMITERS), Type.STRING,
        python=get_values, because=BECAUSE,
        examples=(('get_values("firstName - John , lastName - Cena , phone - 555 420 8692", "firstName", "-", ",")', "John"),),
    ),
    Function(
        "json_to_object", "JSON", (required("STRING", Type.ANY),), _read_type, python=json_to_object,
        because="a text that is not JSON fails only for its row",
        examples=(('json_to_object(\'{"info":{"firstName":"John","lastName": "Doe"}}\')', {"info": {"firstName": "John", "lastName": "Doe"}}),),
    ),
    Function("[...]", "Operators", (required("ITEM", Type.ANY),), Type.ARRAY, special=array_literal, many=1, may_be_empty=True),
    Function("{...}", "Operators", _PAIRS, Type.OBJECT, python=to_object, many=2, may_be_empty=True,
             because=BECAUSE, pairs=in_pairs),
]  # fmt: skip

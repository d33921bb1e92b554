"""Expressions and arrays in the mapping query: a failing transform nulls only its column, and loses nothing."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from itertools import permutations
from typing import Any

import pytest

from tests.support.builders import (
    BOOLEAN,
    DATE,
    DATE_TIME,
    INT,
    LONG,
    NUMBER,
    STRING,
    TENANT,
    array_of,
    map_of,
    object_of,
    row,
    schema,
)
from tests.xdm.mapping.test_compile import ODD_NAMES, db, mapped, properties_line

pytestmark = pytest.mark.unit
__all__ = ["db"]
ITEM = object_of(sku=STRING, price=NUMBER, tags=array_of(STRING))


def formula(source: str, destination: str) -> dict[str, Any]:
    return {**row(source, destination), "sourceType": "EXPRESSION"}


def one(db: Any, xdm: Any, rows: list[dict[str, Any]], properties: str) -> dict[str, Any]:
    (made,) = mapped(db, xdm, rows, properties_line(properties))
    return made


VALUES: list[tuple[dict[str, Any], str, str, Any]] = [
    (STRING, "upper(properties.x)", '"å"', "Å"), (STRING, "properties.x", "5", "5"), (STRING, "properties.x * 2", "1.25", "2.5"),
    (STRING, "now()", "1", "1970-01-01T00:00:00Z"), (STRING, "[1, properties.x]", '"a"', '[1,"a"]'), (STRING, "nullify()", "1", None),
    (STRING, "lower(properties.x)", '"a\\u0000B"', "a\0b"), (STRING, "'a\\u0000b'", "1", "a\0b"), (STRING, "concat('', properties.x)", "null", None),
    (LONG, "properties.x * 1000", "1782907200", 1782907200000), (LONG, "properties.x + 1", "9007199254740991", 2**53),
    (NUMBER, "properties.x / 4", "10.0", 2.5), (NUMBER, "properties.x / 4", "10", 2.0), (INT, "size_of(properties.x)", "[1,2]", 2),
    (INT, "properties.x", '"12"', 12), (BOOLEAN, "properties.x > 3", "5", True), (BOOLEAN, "properties.x =~ ['a', 'b']", '"c"', False),
    (DATE, "date(properties.x, 'dd.MM.yyyy')", '"01.07.2026"', date(2026, 7, 1)), (DATE, "date(properties.x)", '"2026-07-01T23:30:00+02:00"', date(2026, 7, 1)),
    (DATE_TIME, "date(properties.x)", '"2026-07-01T23:30:00+02:00"', datetime(2026, 7, 1, 21, 30, tzinfo=UTC)),
    (DATE_TIME, "properties.x * 1000", "1782907200", datetime(2026, 7, 1, 12, tzinfo=UTC)), (DATE_TIME, "timestamp()", "1", datetime(1970, 1, 1, tzinfo=UTC)),
    (DATE_TIME, "zone_date_to_zone(date(properties.x), 'Europe/Berlin')", '"2026-07-01T12:00:00Z"', datetime(2026, 7, 1, 12, tzinfo=UTC)),
    (array_of(STRING), "explode(properties.x)", '"a,b"', ["a", "b"]), (array_of(INT), "to_array(false, properties.x, null, 2)", "1", [1, 2]),
    (array_of(ITEM), "arrays_to_objects('sku', properties.x)", '["a"]', [{"sku": "a", "price": None, "tags": None}]),
    (map_of(STRING), "object_to_map(properties.x)", '{"a":1}', {"a": "1"}), (map_of(STRING), "to_map('k', properties.x)", '"v"', {"k": "v"}),
    (ITEM, "to_object('sku', properties.x)", '"a"', {"sku": "a", "price": None, "tags": None}),
    (ITEM, "json_to_object(properties.x)", '"{\\"price\\": 1.5}"', {"sku": None, "price": 1.5, "tags": None}),
]  # fmt: skip


def test_the_result_of_an_expression(db: Any) -> None:
    for node, source, text, value in VALUES:
        made = one(db, schema(it=node), [formula(source, "it")], f'"x":{text}')
        assert (source, made["it"].get("it"), made["failed"]) == (source, value, [])


FAILING = [
    (INT, "to_integer(properties.x)", '"twelve"'), (INT, "properties.x / 0", "1"), (LONG, "properties.x * properties.x", "99999999999"),
    (DATE_TIME, "date(properties.x, 'yyyy-MM-dd')", '"July"'), (STRING, "upper(properties.x)", "[1]"), (NUMBER, "properties.x - 1", '"a"'),
    (STRING, "sha256('a', properties.x)", '"EBCDIC"'), (STRING, "json_to_object(properties.x)", '"{"'), (BOOLEAN, "properties.x && true", '"maybe"'),
    (STRING, "json_to_object(properties.x)", '"\\"\\\\ud800\\""'), (INT, "to_integer(properties.x)", "3000000000"), (DATE_TIME, "properties.x * 1", "1e30"),
    (STRING, "get_keys(properties.x)", '"a"'), (STRING, "lpad(properties.x, 100000000, 'a')", '"a"'), (NUMBER, "to_decimal(properties.x)", '"1e999"'),
    (array_of(INT), "to_array(false, 1, properties.x)", '"x"'), (STRING, "extract_regex('a', properties.x)", '"("'),
    (STRING, "zone_date_to_zone(now(), properties.x)", '"Mars"'), (STRING, "map_get_values(properties.x, 'a')", "[1]"),
]  # fmt: skip


def test_a_failing_transform_nulls_only_its_column_and_keeps_the_property(db: Any) -> None:
    for node, source, text in FAILING:
        rows = [formula(source, "it"), row("properties.y", "other")]
        made = one(db, schema(it=node, other=STRING), rows, f'"x":{text},"y":"there"')
        assert (source, made["it"]) == (source, {"other": "there"})
        assert made["failed"] == ["_acme.mixpanel.it"]
        assert json.loads(made["unmapped"]) == {"x": json.loads(text)}


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("iif(properties.x > 3, properties.x / 0, 'small')", "small"),
        ("coalesce(properties.x, properties.x / 0)", "1"),
        ("properties.x ?: properties.x / 0", "1"),
        ("decode(properties.x, 1, 'one', 2, to_integer('two'))", "one"),
        ("decode(properties.x, 1, 'one', to_integer('none'))", "one"),
        ("true || to_integer('a') > 0", "true"),
        ("false && to_integer('a') > 0", "false"),
    ],
)
def test_a_branch_that_is_not_chosen_does_not_fail(db: Any, source: str, value: str) -> None:
    made = one(db, schema(it=STRING), [formula(source, "it")], '"x":1')
    assert (made["it"], made["failed"]) == ({"it": value}, [])


@pytest.mark.parametrize(
    "source",
    [
        "iif(properties.x > 0, properties.x / 0, 'small')",
        "iif(properties.x / 0 > 0, 1, 2)",
        "coalesce(properties.none, properties.x / 0, 'there')",
        "decode(properties.x, 1, to_integer('one'), 2, 'two')",
        "to_integer('a') > 0 || true",
        "concat('a', properties.x / 0)",
        "is_empty(properties.x / 0)",
        "to_array(true, properties.x / 0)",
        "'a'.equals(properties.x / 0)",
        "contains_key('properties.x') && properties.x / 0 == 1",
    ],
)
def test_an_inner_failure_fails_the_whole_expression(db: Any, source: str) -> None:
    made = one(db, schema(it=STRING), [formula(source, "it")], '"x":1')
    assert (made["it"], made["failed"]) == ({}, ["_acme.mixpanel.it"])


def test_properties_in_an_expression_may_have_any_name(db: Any) -> None:
    fields = {f"it{number}": name for number, name in enumerate(ODD_NAMES)}
    rows = [formula(f"upper(properties.${{{name}}})", field) for field, name in fields.items()]
    text = ",".join(f"{json.dumps(name)}:{json.dumps('v' + field)}" for field, name in fields.items())
    made = one(db, schema(**dict.fromkeys(fields, STRING)), rows, text)
    assert made["it"] == {field: f"V{field.upper()}" for field in fields}


def test_a_text_and_a_number_are_distinguished(db: Any) -> None:
    rows = [formula("properties.a + properties.a", "a"), formula("properties.b + properties.b", "b")]
    assert one(db, schema(a=STRING, b=STRING), rows, '"a":5,"b":"5"')["it"] == {"a": "10", "b": "55"}


def test_a_key_exists_whatever_its_value(db: Any) -> None:
    rows = [formula(f"contains_key({path})", field) for field, path in
            {"a": "'properties.x.y'", "b": "properties.x.z", "c": "'data.os'", "d": "event"}.items()]  # fmt: skip
    made = one(db, schema(**dict.fromkeys("abcd", BOOLEAN)), rows, '"x":{"y":null},"$os":""')
    assert made["it"] == {"a": True, "b": False, "c": True, "d": True}


def test_a_random_id_is_the_same_in_every_run_and_different_in_every_field(db: Any) -> None:
    rows = [formula("uuid()", "a"), formula("uuid()", "b"), formula("concat(guid(), '-', guid())", "c")]
    first, again = (one(db, schema(a=STRING, b=STRING, c=STRING), rows, '"x":1')["it"] for _ in range(2))
    assert first == again
    ids = {first["a"], first["b"], first["c"][:36], first["c"][37:]}
    assert len(ids) == 4
    assert all(len(text) == 36 and text[14] == "4" for text in ids)


CART = '"Cart":[{"Brand":"Puma","Price":30,"Tags":["a","b"]},{"Brand":"Adidas","Price":15.5},{"Brand":"Nike","Price":"x"}]'


def test_the_items_of_an_array_are_mapped_individually(db: Any) -> None:
    rows = [row("properties.Cart[*].Brand", "items[*].sku"), row("properties.Cart[*].Price", "items[*].price"),
            row("properties.Cart[*].Tags", "items[*].tags"), row("properties.Cart[*].Brand", "brands"),
            row("properties.Cart[1].Brand", "second")]  # fmt: skip
    made = one(db, schema(items=array_of(ITEM), brands=array_of(STRING), second=STRING), rows, CART)
    assert made["it"]["items"] == [
        {"sku": "Puma", "price": 30.0, "tags": ["a", "b"]},
        {"sku": "Adidas", "price": 15.5, "tags": None},
        {"sku": "Nike", "price": None, "tags": None},
    ]
    assert (made["it"]["brands"], made["it"]["second"]) == (["Puma", "Adidas", "Nike"], "Adidas")
    assert made["failed"] == ["_acme.mixpanel.items"]
    assert json.loads(made["unmapped"]) == json.loads(f"{{{CART}}}")


STATIC = {"sourceType": "STATIC"}


@pytest.mark.parametrize(
    ("more", "given"),
    [
        (row("properties.currency", "items[*].tags[0]"), {"tags": ["EUR"]}),
        ({**row("shop", "items[*].tags[*]"), **STATIC}, {"tags": ["shop"]}),
        (formula("upper(properties.currency)", "items[*].sku"), {"sku": "EUR"}),
        ({**row("2.5", "items[*].price"), **STATIC}, {"price": 2.5}),
    ],
    ids=["a value", "a constant in a list", "an expression", "a constant"],
)
def test_one_value_is_copied_into_every_item(db: Any, more: dict[str, str], given: dict[str, Any]) -> None:
    """Whatever the order of mappings; an event without items gets none."""
    item = object_of(name=STRING, sku=STRING, price=NUMBER, tags=array_of(STRING))
    for rows in permutations([row("properties.Cart[*].Brand", "items[*].name"), more]):
        xdm = schema(items=array_of(item))
        made = one(db, xdm, list(rows), f'{CART},"currency":"EUR"')
        items = [
            {key: value for key, value in each.items() if value is not None} for each in made["it"]["items"]
        ]
        assert items == [{"name": name, **given} for name in ("Puma", "Adidas", "Nike")]
        assert one(db, xdm, list(rows), '"currency":"EUR"')["it"] == {}


def test_one_value_is_copied_into_the_items_of_items(db: Any) -> None:
    order = object_of(lines=array_of(object_of(sku=STRING, currency=STRING)))
    rows = [row("properties.currency", "orders[*].lines[*].currency"), row("properties.orders[*].lines[*].id", "orders[*].lines[*].sku")]  # fmt: skip
    text = '"currency":"EUR","orders":[{"lines":[{"id":1},{"id":2}]},{}]'
    made = one(db, schema(orders=array_of(order)), rows, text)
    assert made["it"]["orders"][0]["lines"] == [
        {"sku": "1", "currency": "EUR"},
        {"sku": "2", "currency": "EUR"},
    ]


@pytest.mark.parametrize(
    ("mapping", "text", "list_"),
    [
        (row("properties.a", "list[*]"), '"a":"x"', ["x"]),
        (row("properties.a", "list[*]"), '"a":["x","y"]', ["x", "y"]),
        (row("properties.a", "list[*]"), '"b":1', None),
        ({**row("x", "list[*]"), **STATIC}, '"b":1', ["x"]),
        (formula("upper(properties.a)", "list[*]"), '"a":"x"', ["X"]),
    ],
    ids=["a value", "a list", "nothing", "a constant", "an expression"],
)
def test_one_value_becomes_an_array_of_one(
    db: Any, mapping: dict[str, str], text: str, list_: list[str] | None
) -> None:
    assert one(db, schema(list=array_of(STRING)), [mapping], text)["it"].get("list") == list_


def test_arrays_inside_arrays_are_mapped_in_step(db: Any) -> None:
    order = object_of(lines=array_of(object_of(sku=STRING)))
    rows = [row("properties.orders[*].lines[*].id", "orders[*].lines[*].sku")]
    made = one(
        db,
        schema(orders=array_of(order)),
        rows,
        '"orders":[{"lines":[{"id":1},{"id":2}]},{},{"lines":[{"id":3}]}]',
    )
    assert made["it"]["orders"] == [{"lines": [{"sku": "1"}, {"sku": "2"}]}, {"lines": [{"sku": "3"}]}]


def test_positions_in_arrays_and_maps_are_filled(db: Any) -> None:
    rows = [row("properties.a", "list[1]"), {**row("first", "list[0]"), "sourceType": "STATIC"}, formula("upper(properties.a)", "list[2]"),
            row("properties.a", "map.key"), formula("size_of(properties.a)", "map.size"), row("properties.a", "objects[0].sku")]  # fmt: skip
    xdm = schema(list=array_of(STRING), map=map_of(STRING), objects=array_of(ITEM))
    made = one(db, xdm, rows, '"a":"x"')
    assert made["it"] == {
        "list": ["first", "x", "X"],
        "map": {"key": "x", "size": "1"},
        "objects": [{"sku": "x"}],
    }
    assert one(db, xdm, [rows[0], rows[3]], '"b":1')["it"] == {}


def test_a_single_value_is_treated_as_an_array_of_one(db: Any) -> None:
    """A property that is a list in some events is a single object in others."""
    rows = [row("properties.Cart[*].Brand", "items[*].sku")]
    for text, items in {
        '{"Brand":"a"}': [{"sku": "a"}],
        '"x"': None,
        "5": None,
        "null": None,
    }.items():
        made = one(db, schema(items=array_of(ITEM)), rows, f'"Cart":{text}')
        assert (made["it"].get("items"), made["failed"]) == (items, [])


def test_adobes_sample_of_a_value_that_becomes_an_object(db: Any) -> None:
    """EP:data-prep/mapping-set.md, iterative operations on arrays."""
    rows = [row("properties.emails[*].name", "pi[*].names")]
    xdm = schema(pi=array_of(object_of(names=object_of(name=STRING))))
    made = one(db, xdm, rows, '"emails":[{"name":"John Smith"},{"name":"Jane Smith"}]')
    assert made["it"]["pi"] == [{"names": {"name": "John Smith"}}, {"names": {"name": "Jane Smith"}}]


def test_an_object_is_copied_by_names_and_explicit_mappings_win(db: Any) -> None:
    """EP:data-prep/functions.md#object-copy has this example."""
    place = object_of(addrLine1=STRING, city=STRING, state=STRING, geo=object_of(lat=NUMBER))
    rows = [row("properties.address", "addr"), row("properties.address.line1", "addr.addrLine1")]
    text = '"address":{"line1":"4191 Ridgebrook Way","city":"San Jose","state":"California","addrLine1":"no","geo":{"lat":37.3},"more":1}'
    made = one(db, schema(addr=place), rows, text)
    assert made["it"]["addr"] == {
        "addrLine1": "4191 Ridgebrook Way",
        "city": "San Jose",
        "state": "California",
        "geo": {"lat": 37.3},
    }
    assert json.loads(made["unmapped"]) == json.loads(f"{{{text}}}")


@pytest.mark.parametrize("source", ["properties.nowhere", "nullify()", "properties.address * 2"])
def test_a_field_with_its_own_mapping_is_never_copied(db: Any, source: str) -> None:
    """nullify() marks a field that must not be copied (EP:data-prep/functions.md); the unmapped JSON keeps it."""
    rows = [row("properties.address", "addr"), formula(source, "addr.state")]
    text = '"address":{"city":"San Jose","state":false}'
    made = one(db, schema(addr=object_of(city=STRING, state=STRING)), rows, text)
    assert made["it"]["addr"] == {"city": "San Jose", "state": None}
    assert json.loads(made["unmapped"]) == json.loads(f"{{{text}}}")


SCALARS = [STRING, LONG, INT, NUMBER, BOOLEAN, DATE, DATE_TIME]
INNER = [
    "false",
    "true",
    "0",
    "1",
    "5",
    "1.5",
    '"a"',
    '"5"',
    '"off"',
    '"2026-07-01"',
    '""',
    "null",
    "[1]",
    '{"b":1}',
]


@pytest.mark.parametrize("node", SCALARS, ids=json.dumps)
def test_a_value_converts_alike_alone_and_within_a_copied_object(db: Any, node: dict[str, Any]) -> None:
    xdm = schema(alone=object_of(a=node), whole=object_of(a=node))
    rows = [row("properties.obj.a", "alone.a"), row("properties.obj", "whole")]
    lines = [properties_line(f'"obj":{{"a":{text}}}') for text in INNER]
    for text, made in zip(INNER, mapped(db, xdm, rows, *lines), strict=True):
        assert made["it"].get("alone") == made["it"].get("whole"), text
        assert len(made["failed"]) in (0, 2), (text, made["failed"])
        assert json.loads(made["unmapped"]) == {"obj": {"a": json.loads(text)}}


def test_all_properties_together_can_be_mapped(db: Any) -> None:
    rows = [row("properties", "all"), formula("size_of(get_keys(properties))", "count")]
    made = one(db, schema(all=map_of(STRING), count=INT), rows, '"x":1')
    assert made["it"]["all"]["x"] == "1"
    assert made["it"]["count"] == len(made["it"]["all"]) == 5
    assert made[TENANT] is not None

"""Conversion loses nothing: a value is in its field exactly, or is counted and stays in the unmapped JSON."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.steps.duckdb_connection import open_duckdb
from include.xdm.dataprep.sql import ident, quote
from include.xdm.mapping.compile import compile_mapping
from include.xdm.mapping.mapping_set import bind
from include.xdm.schema.xdm_schema import XdmSchema
from tests.support.builders import (
    BOOLEAN,
    BYTE,
    DATE,
    DATE_TIME,
    INT,
    LONG,
    NUMBER,
    SHORT,
    STRING,
    TENANT,
    array_of,
    event,
    line,
    map_of,
    object_of,
    row,
    schema,
)
from tests.support.builders import identities as bound
from tests.support.mapped_rows import mapped_rows

pytestmark = pytest.mark.unit
IDENTITIES = {"$user_id": "User", "$device_id": "Device", "distinct_id": "User"}
BASE = {"time", "distinct_id", "$insert_id", "$user_id", "$device_id"}
FAILS = object()


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with open_duckdb(tmp_path_factory.mktemp("duckdb")) as connection:
        connection.execute("SET threads = 1")
        yield connection


def mapped(
    db: Any,
    xdm: XdmSchema,
    rows: list[dict[str, str]],
    *lines: bytes,
    identities: dict[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Return the rows that a mapping set makes of lines; each with ``it``: the tenant's fields, unmapped JSON parsed."""
    mapping = bind("test.json", rows, xdm, keep_unmapped=True)
    compiled = compile_mapping(mapping, bound(**(identities or IDENTITIES)))
    made = mapped_rows(db, compiled, lines, sorted(BASE))
    assert len(made) == len(lines)
    for made_row in made:
        inside = (made_row[TENANT] or {}).get("mixpanel") or {}
        made_row["it"] = {name: value for name, value in inside.items() if value is not None}
        made_row["unmapped"] = made_row["it"].pop("unmapped", None)
    return made


def properties_line(raw: str) -> bytes:
    return line(event()).replace(b'"distinct_id"', f'{raw},"distinct_id"'.encode())


# Type, JSON text of the property, value of the field (FAILS: counted and kept as unmapped; None: missing).
LONGEST = "9007199254740992"
CONVERSIONS: list[tuple[dict[str, Any], str, Any]] = [
    (STRING, '"a"', "a"), (STRING, '""', None), (STRING, "null", None), (STRING, "5", "5"), (STRING, "1.5", "1.5"),
    (STRING, "1e-07", "1e-07"), (array_of(STRING), "[1e-07,1.5]", ["1e-07", "1.5"]), (map_of(STRING), '{"a":1e-07}', {"a": "1e-07"}),
    (STRING, "true", "true"), (STRING, "3928097563762691601", "3928097563762691601"),
    (STRING, "123456789012345678901234567890", "123456789012345678901234567890"), (STRING, '" a "', " a "),
    (STRING, r'"a\u0000b"', "a\0b"), (STRING, '"Sing\u008599\u0085Luft"', "Sing\u008599\u0085Luft"),
    (STRING, '"A\u2028B"', "A\u2028B"), (STRING, '{"a":1}', '{"a":1}'), (STRING, "[1,2]", "[1,2]"),
    (STRING, '"\'; DROP TABLE events; --"', "'; DROP TABLE events; --"), (STRING, r'"\ud83d\ude00"', "😀"),
    (LONG, LONGEST, 2**53), (LONG, f"-{LONGEST}", -(2**53)), (LONG, '"12"', 12), (LONG, "12.0", 12), (LONG, "-0", 0),
    (LONG, '" 7 "', 7), (LONG, "1e3", 1000), (LONG, '""', None), (LONG, "null", None),
    (LONG, "9007199254740993", FAILS), (LONG, "3928097563762691601", FAILS), (LONG, "12.5", FAILS), (LONG, '"abc"', FAILS),
    (LONG, "true", FAILS), (LONG, "[1]", FAILS), (LONG, "1e30", FAILS), (LONG, "99999999999999999999", FAILS),
    (LONG, '"0x1F"', FAILS), (LONG, '"1_000"', FAILS), (LONG, '"1,000"', FAILS), (LONG, '"٣"', FAILS),
    (INT, "2147483647", 2**31 - 1), (INT, "-2147483648", -(2**31)), (INT, "2147483648", FAILS),
    (SHORT, "32767", 32767), (SHORT, "32768", FAILS), (BYTE, "-128", -128), (BYTE, "128", FAILS),
    (NUMBER, "1.5", 1.5), (NUMBER, '"1.5"', 1.5), (NUMBER, "-2e-7", -2e-7), (NUMBER, "30", 30.0), (NUMBER, LONGEST, 2.0**53),
    (NUMBER, "1e300", 1e300), (NUMBER, str(2**60), 2.0**60), (NUMBER, '"+5"', 5.0), (NUMBER, '".5"', 0.5), (NUMBER, '""', None),
    (NUMBER, "9007199254740993", FAILS), (NUMBER, "123456789012345678901234567890", FAILS), (NUMBER, "1e400", FAILS),
    (NUMBER, '"nan"', FAILS), (NUMBER, '"Infinity"', FAILS), (NUMBER, '"1_000"', FAILS), (NUMBER, '"1,5"', FAILS),
    (NUMBER, "true", FAILS), (NUMBER, "{}", None), (NUMBER, '{"a":1}', FAILS), (NUMBER, "1" + "0" * 40 + "7", FAILS),
    (BOOLEAN, "true", True), (BOOLEAN, "false", False), (BOOLEAN, '"Yes"', True), (BOOLEAN, '"off"', False), (BOOLEAN, "1", True),
    (BOOLEAN, "0", False), (BOOLEAN, "2", FAILS), (BOOLEAN, '"maybe"', FAILS), (BOOLEAN, "[true]", FAILS), (BOOLEAN, '""', None),
    (DATE, '"2026-07-01"', date(2026, 7, 1)), (DATE, '"2026-7-1"', date(2026, 7, 1)), (DATE, '"2026-07-01T00:00:00"', date(2026, 7, 1)),
    (DATE, '"2026-07-01T00:00:00.000Z"', date(2026, 7, 1)), (DATE, '"2026-07-01T12:01:40"', FAILS), (DATE, '"2026-02-30"', FAILS),
    (DATE, '"infinity"', FAILS), (DATE, '"epoch"', FAILS), (DATE, '"99999-01-01"', FAILS), (DATE, '"0000-01-01"', FAILS),
    (DATE, '"2026-07-01 (BC)"', FAILS), (DATE, "20260701", date(2026, 7, 1)), (DATE, '"1 July"', FAILS), (DATE, '"2026/07/01"', date(2026, 7, 1)), (DATE, '"01-Jul-2026"', date(2026, 7, 1)),
    (DATE, '"7/01/2026"', date(2026, 7, 1)), (DATE, '"7/01/2026 11:30:00 PM"', FAILS), (DATE, '"13/01/2026"', FAILS), (DATE, '""', None),
    (DATE_TIME, '"2026-07-01T12:01:40"', datetime(2026, 7, 1, 12, 1, 40, tzinfo=UTC)),
    (DATE_TIME, '"2026-07-01T12:01:40.125Z"', datetime(2026, 7, 1, 12, 1, 40, 125000, tzinfo=UTC)),
    (DATE_TIME, '"2026-07-01T14:01:40+02:00"', datetime(2026, 7, 1, 12, 1, 40, tzinfo=UTC)),
    (DATE_TIME, '"2026-07-01"', datetime(2026, 7, 1, tzinfo=UTC)), (DATE_TIME, '"infinity"', FAILS), (DATE_TIME, '"epoch"', FAILS),
    (DATE_TIME, '"99999-01-01"', FAILS), (DATE_TIME, '"2026-07-01 (BC)"', FAILS), (DATE_TIME, "1782907300", FAILS),
    (DATE_TIME, '"7/01/2026 11:30:00 PM"', datetime(2026, 7, 1, 23, 30, tzinfo=UTC)), (DATE_TIME, '"01.7.2026"', datetime(2026, 7, 1, tzinfo=UTC)),
    (array_of(DATE), '["2026/07/01"]', [date(2026, 7, 1)]),
    (DATE_TIME, '"9999-12-31T23:59:59-12:00"', FAILS), (DATE_TIME, '"yesterday"', FAILS), (DATE_TIME, '"2026-02-30T00:00:00Z"', FAILS),
    (array_of(STRING), '["a","b",3,true]', ["a", "b", "3", "true"]), (array_of(STRING), "[]", None), (array_of(STRING), "null", None),
    (array_of(STRING), '[null,"a"]', ["a"]), (array_of(STRING), '["a","","b"]', ["a", "b"]), (array_of(STRING), '["",null]', FAILS),
    (array_of(INT), '[1,"",[],{},2]', [1, 2]), (array_of(array_of(INT)), '[[1],[],[""],[[2]]]', FAILS), (array_of(array_of(INT)), '[[],[1],[""]]', [[1]]),
    (array_of(object_of(a=INT)), '[{"a":1},{},{"a":null},{"a":""},null,""]', [{"a": 1}]), (array_of(object_of(a=INT)), '[{"a":1},{"a":"x"}]', FAILS),
    (array_of(object_of(a=INT)), '[{"a":1},[]]', FAILS), (array_of(object_of(a=INT)), '[{"a":1},"x",{}]', FAILS),
    (array_of(object_of(a=array_of(INT), b=object_of(c=INT))), '[{"a":[],"b":{}},{"a":[""],"b":{"c":2}}]', [{"a": None, "b": {"c": 2}}]), (array_of(STRING), '"[\\"a\\"]"', ["a"]), (array_of(STRING), '"[abc"', FAILS),
    (array_of(STRING), '"a"', FAILS), (array_of(STRING), '{"a":1}', FAILS), (array_of(STRING), "5", FAILS),
    ({"type": "array"}, '["a",1]', ["a", "1"]),
    (array_of(INT), "[1,2.0]", [1, 2]), (array_of(INT), '[1,"x"]', FAILS), (array_of(INT), "[[1]]", FAILS), (array_of(INT), "[2147483648]", FAILS),
    (array_of(array_of(INT)), "[[1],[2,3]]", [[1], [2, 3]]),
    (array_of(DATE), '["2026-07-01","infinity"]', FAILS),
    (array_of(object_of(a=INT, b=STRING)), '[{"a":1,"b":"x"},{"a":2}]', [{"a": 1, "b": "x"}, {"a": 2, "b": None}]),
    (array_of(object_of(a=INT)), '[{"a":1},5]', FAILS), (array_of(object_of(a=INT)), '["[abc"]', FAILS),
    (array_of({"type": "object"}), '[{"a":1}]', FAILS),
    (map_of(STRING), '{"a":"x","b":2}', {"a": "x", "b": "2"}), (map_of(STRING), "{}", None), (map_of(STRING), "[1]", FAILS),
    (map_of(STRING), '"{abc"', FAILS), (map_of(INT), '{"a":1}', {"a": 1}), (map_of(INT), '{"a":"x"}', FAILS),
    (map_of(STRING), '"{\\"a\\":1,\\"a\\":2}"', FAILS),
]  # fmt: skip


TYPES = list(dict.fromkeys(json.dumps(node) for node, _, _ in CONVERSIONS))


@pytest.mark.parametrize("kind", TYPES)
def test_the_result_of_a_value(db: Any, kind: str) -> None:
    node = json.loads(kind)
    cases = [(text, value) for other, text, value in CONVERSIONS if other == node]
    lines = [properties_line(f'"x":{text}') for text, _ in cases]
    expected, found = {}, {}
    for (text, value), made in zip(
        cases, mapped(db, schema(it=node), [row("properties.x", "it")], *lines), strict=True
    ):
        it, kept = made["it"].get("it"), made["unmapped"]
        kept = json.loads(kept, parse_int=str, parse_float=str) if kept else None
        found[text] = (it, type(it), kept, made["failed"])
        whole = {"x": json.loads(text, parse_int=str, parse_float=str)}
        gone = (None, type(None), whole, ["_acme.mixpanel.it"])
        expected[text] = gone if value is FAILS else (value, type(value), None, [])
    assert found == expected


# Values inside an array or a map that the schema does not allow: the field holds the rest, the unmapped JSON all of it.
PARTIAL: list[tuple[dict[str, Any], str, Any]] = [
    (array_of(object_of(a=INT)), '[{"a":1,"more":"x"}]', [{"a": 1}]),
    (array_of(object_of(a=INT, b=STRING)), '[{"a":"not","b":"x"}]', [{"a": None, "b": "x"}]),
    (map_of(INT), '{"a":1,"b":"x"}', {"a": 1}),
    (array_of(array_of(INT)), "[[1],2]", [[1]]),
    (array_of(object_of(a=INT)), '[{"more":1},{"a":1}]', [{"a": 1}]),
    (array_of(object_of(a=array_of(INT), b=INT)), '[{"a":[1,"x"],"b":2}]', [{"a": None, "b": 2}]),
]


@pytest.mark.parametrize(("node", "text", "value"), PARTIAL)
def test_inner_values_that_do_not_fit_are_counted_and_kept(
    db: Any, node: dict[str, Any], text: str, value: Any
) -> None:
    (made,) = mapped(db, schema(it=node), [row("properties.x", "it")], properties_line(f'"x":{text}'))
    assert made["it"] == {"it": value}
    assert json.loads(made["unmapped"]) == {"x": json.loads(text)}
    assert made["failed"] == ["_acme.mixpanel.it"]


@pytest.mark.parametrize(
    "text", ['[{"a":1,"b":null}]', '[{"a":1,"b":""},{}]', '[{"a":1,"more":null}]', '[{"a":1,"more":{}}]']
)
def test_inner_nulls_and_empty_values_are_not_losses(db: Any, text: str) -> None:
    node = array_of(object_of(a=INT, b=STRING))
    (made,) = mapped(db, schema(it=node), [row("properties.x", "it")], properties_line(f'"x":{text}'))
    assert made["it"] == {"it": [{"a": 1, "b": None}]}
    assert (made["failed"], made["unmapped"]) == ([], None)


def test_a_deeply_nested_property_is_found_and_the_rest_is_kept(db: Any) -> None:
    rows = [
        row("properties.shipping.address.city", "it"),
        row(r"properties.shipping.a\.b", "dot"),
        row("properties.list.1", "item"),
    ]
    text = '"shipping":{"address":{"city":"Oslo","no":5},"a.b":"x"},"list":["p","q"]'
    (made,) = mapped(db, schema(it=STRING, dot=STRING, item=STRING), rows, properties_line(text))
    assert made["it"] == {"it": "Oslo", "dot": "x", "item": "q"}
    assert json.loads(made["unmapped"]) == json.loads(f"{{{text}}}")


@pytest.mark.parametrize("text", ['"{abc"', '"[abc"', '"{}"', "5", "[]", '{"b":1}', '{"a":null}'])
def test_a_missing_nested_property_is_missing(db: Any, text: str) -> None:
    (made,) = mapped(db, schema(it=STRING), [row("properties.x.a", "it")], properties_line(f'"x":{text}'))
    assert (made["it"], made["failed"]) == ({}, [])
    assert json.loads(made["unmapped"]) == {"x": json.loads(text)}


def test_names_that_differ_only_in_case_are_two_properties(db: Any) -> None:
    """A real project has both userName and username, and both Id and id."""
    rows = [row("properties.userName", "a"), row("properties.username", "b"), row("properties.USERNAME", "c")]
    xdm = schema(a=STRING, b=STRING, c=INT)
    (made,) = mapped(
        db, xdm, rows, properties_line('"userName":"Kari","username":"kari","USERNAME":"5","Username":"K"')
    )
    assert made["it"] == {"a": "Kari", "b": "kari", "c": 5}
    assert json.loads(made["unmapped"]) == {"Username": "K"}


@pytest.mark.parametrize(
    ("text", "it", "kept"),
    [
        ('"browser":"A"', "A", None),
        ('"$browser":"B"', "B", None),
        ('"browser":"A","$browser":"B"', "A", {"$browser": "B"}),
        ('"browser":"","$browser":"B"', "B", None),
        ('"browser":null,"$browser":"B"', "B", None),
        ('"browser":"A","$browser":null', "A", None),
    ],
)
def test_the_first_of_two_sources_is_used_and_the_other_is_kept(
    db: Any, text: str, it: str, kept: Any
) -> None:
    """`data.browser` of Adobe's tutorial is `browser` or `$browser`."""
    (made,) = mapped(db, schema(it=STRING), [row("data.browser", "it")], properties_line(text))
    assert made["it"] == {"it": it}
    assert (json.loads(made["unmapped"]) if made["unmapped"] else None) == kept


def test_the_source_that_did_not_convert_is_kept(db: Any) -> None:
    (made,) = mapped(db, schema(it=INT), [row("data.width", "it")], properties_line('"$width":"wide"'))
    assert (json.loads(made["unmapped"]), made["failed"]) == ({"$width": "wide"}, ["_acme.mixpanel.it"])


def test_a_property_named_event_name_is_not_hidden_by_the_event(db: Any) -> None:
    (made,) = mapped(
        db, schema(it=STRING), [row("data.event_name", "it")], properties_line('"event_name":"mine"')
    )
    assert made["it"] == {"it": "Purchase"}
    assert json.loads(made["unmapped"]) == {"event_name": "mine"}


def test_a_property_used_in_one_field_only_is_not_kept_twice(db: Any) -> None:
    rows = [row("data.os", "a"), row("properties.$os", "b")]
    (made,) = mapped(db, schema(a=STRING, b=STRING), rows, properties_line('"os":"A","$os":"B"'))
    assert (made["it"], made["unmapped"]) == ({"a": "A", "b": "B"}, None)


def test_a_property_that_fails_in_two_fields_is_kept_once(db: Any) -> None:
    rows = [row("properties.x", "a"), row("properties.x", "b")]
    (made,) = mapped(db, schema(a=INT, b=BOOLEAN), rows, properties_line('"x":"neither","y":1'))
    assert made["unmapped"] == '{"y":1,"x":"neither"}'
    assert sorted(made["failed"]) == ["_acme.mixpanel.a", "_acme.mixpanel.b"]


def test_constants_and_the_event_are_mapped(db: Any) -> None:
    rows = [
        row("event", "eventType"),
        {**row("5", "it"), "sourceType": "STATIC"},
        {**row("it's", "b"), "sourceType": "STATIC"},
    ]
    (made,) = mapped(db, schema(it=INT, b=STRING), rows, line(event('O\'Hare\u2028"x"')))
    assert made["eventType"] == 'O\'Hare\u2028"x"'
    assert made["it"] == {"it": 5, "b": "it's"}


def test_an_event_without_mapped_fields_has_no_empty_object(db: Any) -> None:
    (made,) = mapped(db, schema(it=INT), [row("properties.x", "it")], line(event()))
    assert made[TENANT] is None


ODD_NAMES = [
    'it\'s "quoted"',
    "Total (€)",
    "Call To Action\n",
    "a/b~c",
    "$",
    "длинное имя",
    "p0",
    "x.y",
    "*",
    "insert_id\ufffd",
    "\0",
    " ",
]


def test_a_property_may_have_any_name(db: Any) -> None:
    fields = {f"it{number}": name for number, name in enumerate(ODD_NAMES)}
    rows = [row(f"properties.${{{name}}}", field) for field, name in fields.items()]
    good, bad = (line(event(**dict.fromkeys(ODD_NAMES, value))) for value in (7, "seven"))
    first, second = mapped(db, schema(**dict.fromkeys(fields, INT)), rows, good, bad)
    assert (first["it"], first["unmapped"]) == (dict.fromkeys(fields, 7), None)
    assert (second["it"], json.loads(second["unmapped"])) == ({}, dict.fromkeys(ODD_NAMES, "seven"))


def identity_map(db: Any, identities: dict[str, Any] | None = None, **properties: Any) -> Any:
    made = mapped(db, schema(), [], line(event(**{"$user_id": None, **properties})), identities=identities)
    return made[0]["identityMap"]


def item(identity: str, primary: bool = True) -> dict[str, Any]:
    return {"id": identity, "authenticatedState": "ambiguous", "primary": primary}


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"$user_id": "u", "$device_id": "d", "distinct_id": "u"}, {"User": [item("u")], "Device": [item("d", False)]}),
        ({"$device_id": "d", "distinct_id": "v"}, {"Device": [item("d")], "User": [item("v", False)]}),
        ({"distinct_id": "$device:abc"}, {"User": [item("abc")]}),
        ({"$device_id": " d ", "distinct_id": "NULL"}, {"Device": [item("d")]}),
        ({"$user_id": 1002, "distinct_id": "anonymous"}, {"User": [item("1002")]}),
        ({"$user_id": "", "distinct_id": "Invalid"}, None),
        ({"$user_id": "$device:", "distinct_id": "x" * 1025}, None),
        ({"distinct_id": "x" * 1024}, {"User": [item("x" * 1024)]}),
        ({"$user_id": "$device:anonymous", "distinct_id": "u"}, {"User": [item("u")]}),
        ({"distinct_id": "device:abc"}, {"User": [item("device:abc")]}),
    ],
)  # fmt: skip
def test_the_identity_map(db: Any, properties: dict[str, Any], expected: Any) -> None:
    """The first existing identity is primary; AEP blocks null, anonymous, invalid and longer than 1024."""
    assert identity_map(db, **properties) == expected


def test_exactly_one_identity_is_primary(db: Any) -> None:
    found = identity_map(db, {"a": "N", "b": "M", "c": "N"}, a="1", b="2", c="3")
    assert sum(entry["primary"] for entries in found.values() for entry in entries) == 1


@given(st.text(), st.text())
def test_no_text_becomes_code(text: str, name: str) -> None:
    assert quote(text)[1:-1].replace("''", "").count("'") == 0
    assert ident(name)[1:-1].replace('""', "").count('"') == 0


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(
        [
            "[abc",
            "{",
            "[",
            "{}",
            "2026-07-01",
            "infinity",
            "true",
            "1e999",
            "[1,2]",
            '{"a":1}',
            "\0",
            "'",
            2**63,
            2**64,
            10**30,
        ]
    )
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "A", "", "x'y"]) | st.text(), inner, max_size=3)
    ),
    max_leaves=6,
)
KINDS = {
    "s": STRING, "l": LONG, "n": NUMBER, "b": BOOLEAN, "d": DATE, "t": DATE_TIME, "as": array_of(STRING), "ai": array_of(INT),
    "ao": array_of(object_of(a=INT, b=STRING, c=array_of(NUMBER))), "ms": map_of(STRING), "mi": map_of(INT), "deep": STRING,
}  # fmt: skip
ANY_ROWS = [row(f"properties.{name}", name) for name in KINDS if name != "deep"] + [
    row("properties.ao.a", "deep")
]


def nonempty(value: Any) -> bool:
    return value not in (None, "", "[]", "{}") and value != [] and value != {}


@settings(max_examples=15)
@given(st.lists(st.tuples(st.sampled_from([*KINDS, "other"]), JSON), min_size=1, max_size=60))
def test_any_property_of_any_type_is_mapped_or_kept(db: Any, values: list[tuple[str, Any]]) -> None:
    """No value breaks a day, and each is in its field or in the unmapped JSON."""
    made = mapped(db, schema(**KINDS), ANY_ROWS, *(line(event(**{name: value})) for name, value in values))
    for (name, value), found in zip(values, made, strict=True):
        carried = name in found["it"] and f"_acme.mixpanel.{name}" not in found["failed"]
        if nonempty(value) and not carried:
            assert json.loads(found["unmapped"]) == {name: value}

"""A schema of the registry becomes a tree of typed fields, or an error with one sentence."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from include.errors import SchemaError
from include.xdm.schema.xdm_field import INTEGER_LIMITS, Kind
from include.xdm.schema.xdm_schema import XdmSchema, parse_schema
from mixpanel_aep_sandbox.aep.registry.composition.xdm_types import xdm_type
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
    document,
    map_of,
    object_of,
    schema,
)  # fmt: skip

pytestmark = pytest.mark.unit

# Source: XDM field types, Adobe's field-constraints page.
TYPES: list[tuple[dict[str, Any], Kind]] = [
    (STRING, Kind.STRING),
    ({"type": "string", "pattern": "^a", "minLength": 1, "maxLength": 9}, Kind.STRING),
    ({"type": "string", "format": "uri"}, Kind.STRING),
    ({"type": "string", "enum": ["a"], "meta:enum": {"a": "A"}, "default": "a"}, Kind.STRING),
    (NUMBER, Kind.NUMBER),
    (LONG, Kind.LONG),
    (INT, Kind.INTEGER),
    ({"type": "integer"}, Kind.INTEGER),
    (SHORT, Kind.SHORT),
    (BYTE, Kind.BYTE),
    ({"type": "integer", "meta:xdmType": "long"}, Kind.LONG),
    ({"type": "integer", "meta:xdmType": "int", "minimum": 0, "maximum": 9}, Kind.INTEGER),
    ({"type": "integer", "meta:xdmType": "short"}, Kind.SHORT),
    ({"type": "integer", "meta:xdmType": "byte"}, Kind.BYTE),
    ({"type": "integer", "minimum": 0}, Kind.INTEGER),
    ({"type": "integer", "maximum": 100}, Kind.INTEGER),
    ({"type": "integer", "minimum": 5_000_000_000}, Kind.LONG),
    ({"type": "integer", "minimum": -5_000_000_000}, Kind.LONG),
    ({"type": "integer", "minimum": 0, "maximum": 5_000_000_000}, Kind.LONG),
    ({"type": "integer", "minimum": 1, "maximum": 32767}, Kind.SHORT),
    (BOOLEAN, Kind.BOOLEAN),
    (DATE, Kind.DATE),
    (DATE_TIME, Kind.DATE_TIME),
    (array_of(STRING), Kind.ARRAY),
    ({"type": "array"}, Kind.ARRAY),
    (map_of(STRING), Kind.MAP),
    ({"type": "object", "additionalProperties": {"type": "string"}}, Kind.MAP),
    (object_of(a=STRING), Kind.OBJECT),
    ({"properties": {"a": STRING}}, Kind.OBJECT),
]


@pytest.mark.parametrize(("node", "kind"), TYPES)
def test_every_xdm_type_is_known(node: dict[str, Any], kind: Kind) -> None:
    field = schema(it=node).find((TENANT, "mixpanel", "it"))
    assert field is not None
    assert field.kind is kind
    assert field.dotted == "_acme.mixpanel.it"


def test_integers_have_the_limits_of_their_type_and_longs_those_of_a_double() -> None:
    assert INTEGER_LIMITS[Kind.LONG] == (-(2**53), 2**53)
    assert INTEGER_LIMITS[Kind.INTEGER] == (-(2**31), 2**31 - 1)
    assert INTEGER_LIMITS[Kind.BYTE] == (-128, 127)


BOUNDS = [0, 1, -128, 128, 129, -32768, 32768, 2**31 - 1, 2**31, -(2**31), 2**31 + 1, 2**53, -(2**53)]


@pytest.mark.parametrize("low", [None, *BOUNDS])
def test_an_integer_has_the_registrys_type(low: int | None) -> None:
    """The sandbox derives it from the bounds with its own code."""
    for high in [None, *BOUNDS]:
        reported = {"minimum": low, "maximum": high}
        node = {"type": "integer", **{name: bound for name, bound in reported.items() if bound is not None}}
        field = schema(it=node).find((TENANT, "mixpanel", "it"))
        assert field.kind.value == xdm_type(node), node


def test_arrays_and_maps_know_their_contents() -> None:
    xdm = schema(tags=array_of(object_of(a=INT)), prices=map_of(NUMBER))
    tags, prices = (xdm.find((TENANT, "mixpanel", name)) for name in ("tags", "prices"))
    assert tags.item.children["a"].kind is Kind.INTEGER
    assert prices.item.kind is Kind.NUMBER


def test_required_fields_are_kept_with_the_object_that_requires_them() -> None:
    xdm = schema(required=["a"], a=STRING)
    assert xdm.root.required == {"_id", "timestamp"}
    assert xdm.find((TENANT, "mixpanel")).required == {"a"}


def test_a_missing_path_gives_none() -> None:
    xdm = schema(tags=array_of(STRING))
    for path in [
        ("nowhere",),
        (TENANT, "nowhere", "deep"),
        ("eventType", "inside"),
        (TENANT, "mixpanel", "tags", "*"),
    ]:
        assert xdm.find(path) is None


def broken(at: str, node: Any) -> XdmSchema:
    return schema(**{at: node})


@pytest.mark.parametrize(
    ("node", "sentence"),
    [
        (
            {"$ref": "https://evil.example/x"},
            r"refers to 'https://evil\.example/x' at _acme\.mixpanel\.it instead",
        ),
        ({"type": "array", "items": {"$ref": "#/x"}}, r"refers to '#/x' at _acme\.mixpanel\.it\.\* instead"),
        (map_of({"$ref": "#/x"}), r"refers to '#/x' at _acme\.mixpanel\.it\.\* instead"),
        ({"allOf": [{"$ref": "#/x"}], "type": "string"}, r"refers to '#/x' at _acme\.mixpanel\.it instead"),
        (
            array_of({"type": "string", "anyOf": [{"not": {"$ref": "#/x"}}]}),
            r"refers to '#/x' at _acme\.mixpanel\.it\.\* instead",
        ),
        (
            {"type": "decimal"},
            r"_acme\.mixpanel\.it of the schema has type 'decimal', which XDM does not have",
        ),
        (
            {"type": ["string", "null"]},
            r"_acme\.mixpanel\.it of the schema has type \['string', 'null'\], which",
        ),
        ({}, r"_acme\.mixpanel\.it of the schema has type None, which"),
        (array_of({"type": "file"}), r"_acme\.mixpanel\.it\.\* of the schema has type 'file', which"),
        (True, r"_acme\.mixpanel\.it"),
        ("string", r"_acme\.mixpanel\.it"),
    ],
)
def test_what_xdm_does_not_support_is_named_with_its_path(node: Any, sentence: str) -> None:
    with pytest.raises(SchemaError, match=sentence):
        _ = schema(it=node).root


def test_a_schema_that_contains_itself_is_refused() -> None:
    node: dict[str, Any] = {"type": "object", "properties": {}}
    node["properties"]["again"] = node
    with pytest.raises(SchemaError, match=r"nests deeper than 60 levels at _acme\.mixpanel\.it"):
        _ = schema(it=node).root


@pytest.mark.parametrize("name", ["_id", "timestamp"])
def test_a_schema_that_is_not_for_events_is_refused(name: str) -> None:
    body = document()
    del body["properties"][name]
    with pytest.raises(SchemaError, match=rf"Schema 'Events' has no field '{name}', .*XDM ExperienceEvent"):
        XdmSchema(body).require_event()
    assert XdmSchema(body).root.children, "a schema of another class can be read"


@pytest.mark.parametrize("body", [{}, {"title": "Events", "type": "object"}])
def test_a_schema_without_fields_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(SchemaError, match="has no field '_id'"):
        XdmSchema(body).require_event()


def test_titles_and_dates_of_a_schema_do_not_change_its_digest() -> None:
    one, other = document(a=STRING), copy.deepcopy(document(a=STRING))
    other |= {"description": "in other words", "meta:registryMetadata": {"eTag": "2"}}
    other["properties"]["_id"] |= {"description": "the id"}
    assert XdmSchema(one).digest == XdmSchema(other).digest


@pytest.mark.parametrize(
    "change", [{"required": ["a"]}, {"b": STRING}, {"a": {"type": "string", "enum": ["x"]}}]
)
def test_changes_that_affect_rows_change_the_digest(change: dict[str, Any]) -> None:
    assert schema(**{"a": STRING, **change}).digest != schema(a=STRING).digest


def test_a_field_called_description_is_a_field() -> None:
    assert schema(description=STRING).digest != schema().digest
    assert schema(description=STRING).digest != schema(description=NUMBER).digest


def test_a_snapshot_has_the_same_bytes_and_the_same_schema() -> None:
    xdm = schema(a=STRING)
    again = parse_schema(xdm.to_json())
    assert (again.digest, again.to_json(), again.root) == (xdm.digest, xdm.to_json(), xdm.root)

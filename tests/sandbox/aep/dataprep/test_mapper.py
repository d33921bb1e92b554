"""Rows through mapping sets: the samples of EP:data-prep/mapping-set.md, and the documented errors."""

from __future__ import annotations

from typing import Any

import pytest

from mixpanel_aep_sandbox.aep.dataprep.mapper import REQUIRED_MISSING, TRANSFORM_ERROR, Mapped, Mapper
from mixpanel_aep_sandbox.aep.dataprep.models import InvalidMappingSet

pytestmark = pytest.mark.unit

EMAILS = [
    {"name": "John Smith", "email": "js@example.com"},
    {"name": "Jane Smith", "email": "jane@example.com"},
]
CUSTOMER = {"customerInfo": {"name": "John Smith", "email": "js@example.com", "emails": EMAILS}}
TEXT = {"type": "string"}
NAME = {"type": "object", "properties": {"name": TEXT, "email": TEXT}}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "_id": TEXT,
        "timestamp": {"type": "string", "format": "date-time"},
        "day": {"type": "string", "format": "date"},
        "paid": {"type": "boolean"},
        "count": {"type": "integer"},
        "long": {"type": "integer", "minimum": -9007199254740992, "maximum": 9007199254740992},
        "price": {"type": "number"},
        "name": TEXT,
        "tags": {"type": "array", "items": TEXT},
        "pi": {"type": "array", "items": {"type": "object", "properties": {"names": NAME, "label": TEXT}}},
        "emailList": {"type": "array", "items": NAME},
        "addr": {
            "type": "object",
            "properties": {"addrLine1": TEXT, "city": TEXT, "state": TEXT},
            "required": ["city"],
        },
        "identityMap": {
            "type": "object",
            "additionalProperties": {
                "type": "array",
                "items": {"type": "object", "properties": {"id": TEXT, "primary": {"type": "boolean"}}},
            },
        },
    },
}


def mapped(
    row: dict[str, Any], *mappings: tuple[str, Any, str], schema: dict[str, Any] = SCHEMA, **body: Any
) -> Mapped:
    listed = [{"sourceType": kind, "source": source, "destination": to} for kind, source, to in mappings]
    return Mapper({"mappings": listed, **body}, schema, now_milliseconds=lambda: 1571829875000).map(row)


@pytest.mark.parametrize(
    ("row", "kind", "source", "destination", "data"),
    [
        ({"Full.Name": "John Smith"}, "ATTRIBUTE", "Full.Name", "pi.name", {"pi": {"name": "John Smith"}}),
        ({"Full.Name": "John Smith"}, "ATTRIBUTE", r"Full\.Name", "pi.name", {"pi": {"name": "John Smith"}}),
        (CUSTOMER, "ATTRIBUTE", "customerInfo.name", "pi.name", {"pi": {"name": "John Smith"}}),
        (
            CUSTOMER,
            "ATTRIBUTE",
            "customerInfo.emails[0].email",
            "pi.email",
            {"pi": {"email": "js@example.com"}},
        ),
        (CUSTOMER, "ATTRIBUTE", "customerInfo.emails", "pi.emailList", {"pi": {"emailList": EMAILS}}),
        ({}, "STATIC", "CUSTOMER", "userType", {"userType": "CUSTOMER"}),
        (
            {"firstName": "John", "lastName": "Smith"},
            "EXPRESSION",
            "concat(upper(lastName), upper(firstName))",
            "pi.created",
            {"pi": {"created": "SMITHJOHN"}},
        ),
        (CUSTOMER, "ATTRIBUTE", "customerInfo.name", "piList[0]", {"piList": ["John Smith"]}),
        ({"$os": "iOS", "My Property": 1}, "attribute", "${My Property}", "x", {"x": 1}),
        ({"a": {"street.name": "High"}}, "text/x.schema-path", r"a.street\.name", "x", {"x": "High"}),
    ],
)
def test_adobes_samples_without_a_schema(
    row: dict[str, Any], kind: str, source: str, destination: str, data: dict[str, Any]
) -> None:
    assert mapped(row, (kind, source, destination), schema={}) == Mapped(data)


def test_iterating_wraps_a_value_under_its_name_where_the_schema_has_an_object() -> None:
    wrapped = mapped(CUSTOMER, ("ATTRIBUTE", "customerInfo.emails[*].name", "pi[*].names"))
    assert wrapped.data == {"pi": [{"names": {"name": "John Smith"}}, {"names": {"name": "Jane Smith"}}]}


def test_mappings_into_one_array_are_joined_item_by_item() -> None:
    done = mapped(
        CUSTOMER,
        ("ATTRIBUTE", "customerInfo.emails[*].name", "emailList[*].name"),
        ("ATTRIBUTE", "customerInfo.emails[*].email", "emailList[*].email"),
        ("ATTRIBUTE", "customerInfo.emails[*].email", "tags"),
    )
    assert done == Mapped({"emailList": EMAILS, "tags": ["js@example.com", "jane@example.com"]})


def test_object_copy_copies_equal_names_and_single_mappings_win() -> None:
    row = {"address": {"line1": "4191 Ridgebrook Way", "city": "San Jose", "state": "California", "other": 1}}
    done = mapped(
        row,
        ("ATTRIBUTE", "address.line1", "addr.addrLine1"),
        ("STATIC", "CA", "addr.state"),
        ("ATTRIBUTE", "address", "addr"),
    )
    expected = {"addrLine1": "4191 Ridgebrook Way", "city": "San Jose", "state": "CA"}
    assert done == Mapped({"addr": expected})


@pytest.mark.parametrize(
    ("kind", "source"),
    [
        ("ATTRIBUTE", "nowhere"),
        ("ATTRIBUTE", "address"),
        ("EXPRESSION", "nullify()"),
        ("EXPRESSION", "city * 2"),
    ],
)
def test_a_field_with_its_own_mapping_is_not_copied_even_if_it_is_null(kind: str, source: str) -> None:
    """A failing column is null; nullify() marks a field that must not be copied (EP:data-prep/functions.md)."""
    row = {"address": {"city": "San Jose", "state": False}, "city": "x"}
    done = mapped(row, ("ATTRIBUTE", "address", "addr"), (kind, source, "addr.state"))
    assert done.data == {"addr": {"city": "San Jose"}}
    assert bool(done.errors) is (source in ("address", "city * 2"))


def test_items_may_have_their_own_mappings() -> None:
    one = {"names": {"name": "n", "email": "e"}, "label": "l"}
    row = {"list": [one, one, {}], "other": ["x"]}
    done = mapped(row, ("ATTRIBUTE", "list", "pi"), ("ATTRIBUTE", "other[*]", "pi[*].label"))
    assert done.data == {"pi": [{**one, "label": "x"}, {"names": one["names"]}]}
    done = mapped(row, ("ATTRIBUTE", "list", "pi"), ("ATTRIBUTE", "no", "pi[1].names"))
    assert done.data == {"pi": [one, {"label": "l"}]}


def test_two_objects_in_one_field_are_merged() -> None:
    row = {"one": {"city": "San Jose", "state": "CA"}, "two": {"addrLine1": "High", "state": "NY"}}
    done = mapped(row, ("ATTRIBUTE", "one", "addr"), ("ATTRIBUTE", "two", "addr"))
    assert done == Mapped({"addr": {"city": "San Jose", "addrLine1": "High", "state": "NY"}})


def test_a_map_accepts_any_key() -> None:
    done = mapped(
        {"id": 7},
        ("ATTRIBUTE", "id", "identityMap.MIXPANELID[0].id"),
        ("STATIC", "true", "identityMap.MIXPANELID[0].primary"),
    )
    assert done == Mapped({"identityMap": {"MIXPANELID": [{"id": "7", "primary": True}]}})


@pytest.mark.parametrize(
    ("value", "destination", "expected"),
    [
        (1234, "_id", "1234"),
        (True, "name", "true"),
        (1.0, "name", "1.0"),
        ("yes", "paid", True),
        ("OFF", "paid", False),
        ("12", "count", 12),
        ("12.0", "count", 12),
        (3928097563762691601, "long", 3928097563762691601),
        ("12.5", "price", 12.5),
        (1571829875000, "timestamp", "2019-10-23T11:24:35Z"),
        ("2019-10-23T13:24:35.5+02:00", "timestamp", "2019-10-23T13:24:35.500+02:00"),
        ("12112020", "day", "2020-12-11"),
        ("M", "tags", None),
        ("True", "paid", None),
        (1, "paid", None),
        (2147483648, "count", None),
        (12.5, "count", None),
        ("yesterday", "timestamp", None),
        ({"a": 1}, "name", None),
    ],
)
def test_values_are_converted_to_the_fields_type_or_null(value: Any, destination: str, expected: Any) -> None:
    done = mapped({"value": value, "kept": "k"}, ("ATTRIBUTE", "value", destination), ("STATIC", "k", "name"))
    if destination == "name":
        done = mapped({"value": value}, ("ATTRIBUTE", "value", destination))
    if expected is not None:
        assert done.data[destination] == expected and not done.errors
        return
    assert destination not in done.data and not done.rejected
    assert [error.code for error in done.errors] == [TRANSFORM_ERROR]
    assert done.errors[0].destination == destination


def test_a_failing_column_is_null_and_the_rest_of_the_row_is_kept() -> None:
    done = mapped(
        {"a": "x", "b": 1},
        ("EXPRESSION", "a * 2", "count"),
        ("EXPRESSION", "nothing_of_the_kind(a)", "price"),
        ("ATTRIBUTE", "b", "no.such.field"),
        ("ATTRIBUTE", "b", "long"),
    )
    assert done.data == {"long": 1} and not done.rejected
    assert sorted(error.destination for error in done.errors) == ["count", "no.such.field", "price"]


def test_a_row_without_a_required_column_is_rejected() -> None:
    schema = {**SCHEMA, "required": ["_id", "timestamp"]}
    done = mapped(
        {"id": 1, "t": "never"}, ("ATTRIBUTE", "id", "_id"), ("ATTRIBUTE", "t", "timestamp"), schema=schema
    )
    assert done.rejected
    assert [error.code for error in done.errors] == [TRANSFORM_ERROR, REQUIRED_MISSING]
    inside = mapped({"s": "CA"}, ("ATTRIBUTE", "s", "addr.state"))
    assert inside.rejected and inside.errors[0].destination == "addr.city"
    assert not mapped({"s": "CA"}, ("ATTRIBUTE", "s", "name")).rejected


def test_nulls_and_empty_values_are_omitted_unless_allowed() -> None:
    mappings = [
        ("ATTRIBUTE", name, to) for name, to in (("n", "name"), ("e", "_id"), ("l", "tags"), ("m", "day"))
    ]
    row = {"n": None, "e": "", "l": ["a", None, ""]}
    assert mapped(row, *mappings) == Mapped({"tags": ["a"]})
    kept = mapped(row, *mappings, allowNullValues=True)
    assert kept.data == {"name": None, "_id": "", "tags": ["a", None, ""], "day": None}


def test_the_older_form_is_supported() -> None:
    body = {
        "version": 0,
        "xdmSchema": "https://ns.adobe.com/acme/schemas/1",
        "xdmVersion": "1.0",
        "mappings": [{"sourceAttribute": "id", "destinationXdmPath": "_id", "identity": True, "version": 0}],
    }
    assert Mapper(body, SCHEMA).map({"id": 5}) == Mapped({"_id": "5"})


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"mappings": {}},
        {"mappings": [1]},
        {"mappings": [{"source": "a", "destination": "b", "sourceType": "COPY"}]},
        {"mappings": [{"source": "a"}]},
        {"mappings": [{"destination": "a"}]},
        {"mappings": [{"source": 1, "destination": "a"}]},
        {"status": "LOST"},
        {"name": 5},
        {"outputSchema": {"schemaRef": 1}},
    ],
)
def test_a_body_that_is_not_a_mapping_set_is_refused(body: Any) -> None:
    with pytest.raises(InvalidMappingSet):
        Mapper(body, {})

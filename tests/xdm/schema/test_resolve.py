"""An unresolved schema becomes the tree that the registry would return, without requests to other services."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.errors import SchemaError
from include.xdm.schema.resolve import needs_resolving, resolve
from include.xdm.schema.xdm_schema import XdmSchema
from tests.support.builders import DATE_TIME, INT, NUMBER, STRING, array_of, map_of, object_of

pytestmark = pytest.mark.unit

CLASS = "https://ns.adobe.com/xdm/context/experienceevent"
GROUP = "https://ns.adobe.com/acme/mixins/1"
ADDRESS = "https://ns.adobe.com/xdm/common/address"
REGISTRY: dict[str, dict[str, Any]] = {
    CLASS: {
        "$id": CLASS,
        "title": "XDM ExperienceEvent",
        "meta:extends": ["https://ns.adobe.com/xdm/data/time-series"],
        "allOf": [{"$ref": "https://ns.adobe.com/xdm/data/time-series"}],
    },
    "https://ns.adobe.com/xdm/data/time-series": {
        "title": "Time-series",
        "definitions": {"own": {"properties": {"_id": STRING, "timestamp": DATE_TIME}, "required": ["_id"]}},
        "allOf": [{"$ref": "#/definitions/own"}, {"required": ["timestamp"]}],
    },
    GROUP: {
        "$id": GROUP,
        "title": "Shop",
        "definitions": {
            "customFields": {
                "properties": {
                    "_acme": object_of(
                        home={"$ref": ADDRESS, "title": "Home"},
                        others=array_of({"$ref": ADDRESS}),
                        byName=map_of({"$ref": ADDRESS}),
                        count=INT,
                    )
                }
            }
        },
        "allOf": [{"$ref": "#/definitions/customFields", "type": "object", "meta:xdmType": "object"}],
    },
    ADDRESS: {"$id": ADDRESS, "title": "Address", "type": "object", "properties": {"city": STRING}},
}
SCHEMA: dict[str, Any] = {
    "$id": "https://ns.adobe.com/acme/schemas/1",
    "title": "Events",
    "version": "1.0",
    "type": "object",
    "meta:tenantNamespace": "_acme",
    "allOf": [{"$ref": CLASS}, {"$ref": GROUP}],
}


def fetch(resource: str) -> Mapping[str, Any]:
    try:
        return REGISTRY[resource]
    except KeyError:
        raise SchemaError(f"{resource} is not there") from None


def test_class_field_groups_and_data_types_become_one_tree() -> None:
    before = copy.deepcopy((SCHEMA, REGISTRY))
    document = resolve(SCHEMA, fetch)
    assert not needs_resolving(document)
    assert document["required"] == ["_id", "timestamp"]
    assert document["title"] == "Events", "the title of a part does not become that of the whole"
    tenant = document["properties"]["_acme"]["properties"]
    assert tenant["home"] == {"type": "object", "title": "Home", "properties": {"city": STRING}}
    assert tenant["others"]["items"]["properties"] == {"city": STRING}
    assert tenant["byName"]["additionalProperties"]["properties"] == {"city": STRING}
    xdm = XdmSchema(document)
    xdm.require_event()
    assert {field.dotted for field in xdm.root.walk()} >= {"_acme.home.city", "_acme.count", "_id"}
    assert before == (SCHEMA, REGISTRY), "nothing that was handed in is changed"


def test_fields_of_one_object_from_several_groups_are_merged() -> None:
    groups = {
        f"https://ns.adobe.com/acme/mixins/{name}": {
            "properties": {"_acme": object_of([name], **{name: STRING, "shared": object_of(**{name: INT})})}
        }
        for name in "ab"
    }
    document = resolve({"allOf": [{"$ref": name} for name in groups]}, groups.__getitem__)
    acme = document["properties"]["_acme"]
    assert sorted(acme["properties"]) == ["a", "b", "shared"]
    assert sorted(acme["properties"]["shared"]["properties"]) == ["a", "b"]
    assert acme["required"] == ["a", "b"]


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"x": {"allOf": [{"$ref": "x"}]}}, "has a circular reference at its root: 'x'"),
        ({"x": {"properties": {"y": {"$ref": "x"}}}}, "has a circular reference at its root.y: 'x'"),
        ({"x": {"properties": {"y": array_of({"$ref": "y"})}}, "y": {"properties": {"z": {"$ref": "x"}}}}, "circular reference at its root.y.*.z: 'x'"),
        ({"x": {"$ref": "#/definitions/none"}}, "refers at its root to '#/definitions/none', which does not exist"),
        ({"x": {"allOf": ["x"]}}, "has str at its root, where a field description is expected"),
    ],
)  # fmt: skip
def test_cycles_and_missing_references_are_named(parts: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SchemaError) as refused:
        resolve({"$ref": "x"}, parts.__getitem__)
    assert sentence in refused.value.sentence


def test_a_data_type_may_be_used_many_times() -> None:
    shared = {"t": object_of(a=STRING)}
    document = resolve({"properties": {name: {"$ref": "t"} for name in "abc"}}, shared.__getitem__)
    assert [document["properties"][name]["properties"] for name in "abc"] == [{"a": STRING}] * 3


FIELD = st.recursive(
    st.sampled_from([STRING, INT, NUMBER, DATE_TIME]),
    lambda inner: st.one_of(
        inner.map(array_of),
        inner.map(map_of),
        st.dictionaries(st.sampled_from("abc"), inner, min_size=1).map(lambda fields: object_of(**fields)),
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["_id", "_acme", "x"]), FIELD, min_size=1), st.data())
def test_a_schema_resolves_alike_however_it_is_divided(fields: dict[str, Any], data: st.DataObject) -> None:
    parts: dict[str, Any] = {}

    def taken_apart(node: Any) -> Any:
        if not isinstance(node, dict):
            return node
        whole = {
            key: {name: taken_apart(child) for name, child in value.items()} if key == "properties"
            else taken_apart(value) if key in ("items", "additionalProperties") else value
            for key, value in node.items()
        }  # fmt: skip
        how = data.draw(st.sampled_from(["here", "reference", "combined"]))
        if how == "here":
            return whole
        name = f"part{len(parts)}"
        parts[name] = whole
        return {"$ref": name} if how == "reference" else {"allOf": [{"$ref": name}]}

    whole = object_of(**fields)
    assert resolve(taken_apart(whole), parts.__getitem__) == whole


@pytest.mark.parametrize("first", ["one", "two"])
def test_items_of_one_array_from_two_field_groups_are_merged(first: str) -> None:
    """As in ``productListItems``, which several of Adobe's field groups define."""
    item = {"$id": "https://ns.adobe.com/xdm/item", "type": "object", "properties": {"SKU": STRING}}
    groups = {
        name: {"properties": {"items": array_of(object_of(**{name: STRING}))}} for name in ("one", "two")
    }
    groups["one"]["properties"]["items"]["items"]["$ref"] = item["$id"]
    second = "two" if first == "one" else "one"
    document = resolve({"allOf": [groups[first], groups[second]]}, lambda _: item)
    assert set(document["properties"]["items"]["items"]["properties"]) == {"one", "two", "SKU"}


@pytest.mark.parametrize("written", [{}, {"type": "object", "meta:xdmType": "object"}])
def test_a_reference_to_a_scalar_is_a_scalar(written: dict[str, Any]) -> None:
    document = resolve(
        {
            "definitions": {"amount": {"type": "number", "meta:xdmType": "number"}},
            "properties": {"total": {"$ref": "#/definitions/amount", **written}},
        },
        fetch,
    )
    assert document["properties"]["total"] == {"type": "number", "meta:xdmType": "number"}

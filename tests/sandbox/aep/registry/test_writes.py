"""What the Schema Registry creates, changes, deletes and refuses."""

from __future__ import annotations

from typing import Any

import pytest

from mixpanel_aep_sandbox.aep.core.constants import EXPERIENCE_EVENT, REGISTRY
from tests.support.sandbox.aep_app import FIELDS, FULL, RAW, AepApp, field_group
from tests.support.sandbox.registry_calls import GROUPS, SCHEMAS, one

pytestmark = pytest.mark.sandbox


def refused(aep: AepApp, method: str, url: str, body: Any) -> str:
    response = aep.request(method, url, json=body)
    assert response.status_code == 400, response.text
    assert response.json()["title"] == "BadRequestError"
    return str(response.json()["detail"])


def test_titles_are_unique_across_all_kinds(aep: AepApp) -> None:
    aep.field_group(title="Same")
    assert "Title must be unique" in refused(aep, "POST", GROUPS, field_group(FIELDS, "Same"))
    body = {"title": "Same", "type": "object", "allOf": [{"$ref": EXPERIENCE_EVENT}]}
    assert "Title must be unique" in refused(aep, "POST", SCHEMAS, body)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            {"type": "object", "properties": {"mine": {"type": "string"}}},
            "top level field named _acmesandbox",
        ),
        (
            {"definitions": {"a": {"properties": {"_other": {"type": "object"}}}}},
            "top level field named _acmesandbox",
        ),
        ({"properties": {"_acmesandbox": {"type": "string"}}}, "must be of type object"),
        ({}, "no fields"),
        ({"type": "string", "properties": {}}, "must be object"),
        ({"allOf": [{"$ref": "#/definitions/none"}]}, "does not exist"),
        ({"allOf": [{"$ref": "https://ns.adobe.com/none"}]}, "does not exist"),
    ],
)
def test_field_groups_that_are_refused(aep: AepApp, body: dict[str, Any], words: str) -> None:
    assert words in refused(aep, "POST", GROUPS, {"title": "T", **body})


@pytest.mark.parametrize(
    ("name", "field", "words"),
    [
        ("_mine", {"type": "string"}, "not valid"),
        ("my field", {"type": "string"}, "not valid"),
        ("$insert_id", {"type": "string"}, "not valid"),
        ("a.b", {"type": "string"}, "not valid"),
        ("a", {}, "not supported"),
        ("a", {"type": "null"}, "not supported"),
        ("a", {"type": ["string", "null"]}, "not supported"),
        ("a", {"type": "array"}, "items"),
        ("a", {"type": "string", "enum": []}, "enum"),
        ("a", {"type": "string", "pattern": "("}, "pattern"),
        ("a", {"type": "object", "additionalProperties": {"type": "string"}}, "meta:xdmType map"),
        (
            "a",
            {"type": "object", "meta:xdmType": "map", "additionalProperties": {"type": "number"}},
            "string or integer",
        ),
        ("a", {"type": "object", "properties": {"_b": {"type": "string"}}}, "not valid"),
        (
            "a",
            {"type": "array", "items": {"type": "object", "properties": {"_b": {"type": "string"}}}},
            "not valid",
        ),
    ],
)
def test_fields_that_are_refused(aep: AepApp, name: str, field: dict[str, Any], words: str) -> None:
    assert words in refused(aep, "POST", GROUPS, field_group({name: field}))


def test_schemas_that_are_refused(aep: AepApp) -> None:
    group = aep.field_group()["$id"]
    profile = "https://ns.adobe.com/xdm/context/profile"
    for refs in ([], [group], [EXPERIENCE_EVENT, profile], [EXPERIENCE_EVENT, group + "0"]):
        refused(
            aep, "POST", SCHEMAS, {"title": "T", "type": "object", "allOf": [{"$ref": ref} for ref in refs]}
        )
    refused(aep, "POST", SCHEMAS, {"title": "T", "type": "object"})
    refused(aep, "POST", SCHEMAS, {"type": "object", "allOf": [{"$ref": EXPERIENCE_EVENT}]})


def test_custom_class(aep: AepApp) -> None:
    body = field_group({"sku": {"type": "string"}}, "Product")
    refused(aep, "POST", f"{REGISTRY}/tenant/classes", body)
    body["allOf"].insert(0, {"$ref": "https://ns.adobe.com/xdm/data/record"})
    made = aep.ok("POST", f"{REGISTRY}/tenant/classes", json=body)
    schema = aep.schema(of=made["$id"])
    assert schema["meta:class"] == made["$id"]
    resolved = aep.ok("GET", one(SCHEMAS, schema["$id"]), headers={"Accept": FULL})
    assert set(resolved["properties"]) == {"_id", "_acmesandbox"}


def test_patch_adds_a_field_and_a_field_group(aep: AepApp) -> None:
    group, more = aep.field_group(), aep.field_group({"late": {"type": "string"}}, "More")
    schema = aep.schema(group["$id"])
    at = "/definitions/customFields/properties/_acmesandbox/properties/extra"
    operation = {"op": "add", "path": at, "value": {"type": "string"}}
    assert aep.ok("PATCH", one(GROUPS, group["$id"]), json=[operation])["version"] == "1.1"
    operation = {"op": "add", "path": "/allOf/-", "value": {"$ref": more["$id"]}}
    changed = aep.ok("PATCH", one(SCHEMAS, schema["meta:altId"]), json=[operation])
    assert changed["version"] == "1.1" and more["$id"] in changed["meta:extends"]
    body = aep.ok("GET", one(SCHEMAS, schema["$id"]), headers={"Accept": FULL})
    assert {"extra", "late"} <= set(body["properties"]["_acmesandbox"]["properties"])
    before, after = (each["meta:registryMetadata"] for each in (schema, changed))
    assert before["eTag"] != after["eTag"] and before["repo:createdDate"] == after["repo:createdDate"]


@pytest.mark.parametrize(
    "operations",
    [
        {},
        [],
        [{"op": "add", "path": "/definitions/nothing/x", "value": 1}],
        [{"op": "remove", "path": "/nothing"}],
        [{"op": "test", "path": "/title", "value": "other"}],
        [{"op": "whatever", "path": "/title"}],
        [{"op": "replace", "path": "/$id", "value": "x"}],
        [{"op": "replace", "path": "", "value": 3}],
    ],
)
def test_patches_that_are_refused_change_nothing(aep: AepApp, operations: Any) -> None:
    group = aep.field_group()
    refused(aep, "PATCH", one(GROUPS, group["$id"]), operations)
    assert aep.ok("GET", one(GROUPS, group["$id"]), headers={"Accept": RAW}) == group


def test_put_replaces_and_delete_deletes(aep: AepApp) -> None:
    group = aep.field_group()
    url = one(GROUPS, group["$id"])
    body = aep.ok("PUT", url, json=field_group({"only": {"type": "string"}}, "New"))
    assert (body["$id"], body["title"], body["version"]) == (group["$id"], "New", "1.0")
    schema = aep.schema(group["$id"])
    assert aep.request("DELETE", url).status_code == 400
    assert aep.request("DELETE", one(SCHEMAS, schema["$id"])).status_code == 204
    assert aep.request("DELETE", url).status_code == 204
    assert aep.request("GET", url, headers={"Accept": RAW}).status_code == 404

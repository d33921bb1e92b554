"""What the Schema Registry refuses, each with a reason, and what it accepts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from mixpanel_aep_sandbox.aep.core.constants import EXPERIENCE_EVENT, REGISTRY
from tests.support.sandbox.aep_app import FULL, RAW, AepApp, aep_app, field_group

pytestmark = pytest.mark.sandbox

TENANT = f"{REGISTRY}/tenant"
PROFILE = "https://ns.adobe.com/xdm/context/profile"
RECORD = "https://ns.adobe.com/xdm/data/record"
AD_HOC = "https://ns.adobe.com/xdm/data/adhoc"


@pytest.fixture
def aep(tmp_path: Path) -> Iterator[AepApp]:
    with aep_app(tmp_path) as caller:
        yield caller


def settings(aep: AepApp, **wanted: Any) -> None:
    assert aep.http.post("/_sandbox/aep/settings", json=wanted).status_code == 200


def refused(aep: AepApp, kind: str, body: Any) -> str:
    response = aep.request("POST", f"{TENANT}/{kind}", json=body)
    assert response.status_code == 400, response.text
    assert response.json()["title"] == "BadRequestError"
    return str(response.json()["detail"])


def data_type(title: str, **fields: Any) -> dict[str, Any]:
    return {"title": title, "type": "object", "properties": fields}


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ({"type": "string", "enum": ["a", "a"]}, "different strings"),
        ({"type": "string", "enum": [1]}, "different strings"),
        ({"type": "integer", "enum": ["1"]}, "type must be string"),
        ({"type": "string", "pattern": "["}, "pattern"),
        ({"type": "string", "pattern": 3}, "pattern"),
        ({"type": "string", "minLength": -1}, "minLength"),
        ({"type": "string", "minLength": True}, "minLength"),
        ({"type": "integer", "minimum": "0"}, "minimum"),
        ({"type": "string", "format": "uri", "maxLength": 9}, "URI"),
        ({"type": "string", "format": 3}, "format"),
        ({"type": "string", "title": {}}, "title"),
        ({"type": "string", "meta:enum": ["a"]}, "meta:enum"),
        ({"type": "array", "items": [{"type": "string"}]}, "must be an object"),
        ({"type": "array", "items": {"type": "object", "properties": []}}, "properties"),
        ({"type": "object", "required": "a"}, "required"),
        ({"type": "object", "properties": {"a": True}}, "must be an object"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "meta:xdmType map"),
        ({"type": "string", "meta:xdmType": "map", "additionalProperties": {"type": "string"}}, "map"),
        ({"type": "object", "meta:xdmType": "map"}, "string or integer"),
        ({"$ref": 3}, "$ref"),
        ({"$ref": "#/nowhere"}, "does not exist"),
        ({"$ref": "#/title"}, "does not exist"),
        ({"$ref": "https://ns.adobe.com/xdm/common/geo#/title"}, "does not exist"),
        ({"allOf": {}}, "allOf"),
        ({"allOf": [{"properties": {"_a": {"type": "string"}}}]}, "not valid"),
        ({"type": "string", "oneOf": []}, "oneOf"),
    ],
)
def test_invalid_fields(aep: AepApp, field: dict[str, Any], words: str) -> None:
    assert words in refused(aep, "fieldgroups", field_group({"a": field}))
    assert words in refused(aep, "datatypes", data_type("T", a=field))


@pytest.mark.parametrize(
    "field",
    [
        {"type": "string", "format": "uri"},
        {"type": "string", "pattern": r"^\p{L}+$"},
        {"type": "string", "enum": ["a"], "meta:enum": {"a": "A"}, "default": "a"},
        {"type": "integer", "minimum": -128, "maximum": 128},
        {"type": "object", "meta:xdmType": "map", "additionalProperties": {"type": "integer"}},
        {"type": "array", "items": {"$ref": "https://ns.adobe.com/xdm/data/paymentitem"}},
        {"$ref": "https://ns.adobe.com/xdm/common/address", "isRequired": False, "type": "object"},
        {"type": "string", "isRequired": False, "meta:ui": {"ref": ["x"]}, "examples": ["2004-10-23"]},
    ],
)
def test_documented_fields(aep: AepApp, field: dict[str, Any]) -> None:
    aep.field_group({"sampleField": field, "field_name2": field, "Field-Name": field})


def test_the_registry_decides_the_types(aep: AepApp) -> None:
    fields = {
        "a": {"type": "integer", "meta:xdmType": "string"},
        "b": {"type": "integer", "minimum": -9007199254740992, "maximum": 9007199254740992},
        "c": {"type": "integer", "minimum": -32768, "maximum": 32768},
        "d": {"type": "integer", "minimum": -128, "maximum": 128},
        "e": {"type": "object", "meta:xdmType": "map", "additionalProperties": {"type": "string"}},
        "f": {"type": "object", "meta:xdmType": "array", "properties": {"x": {"type": "boolean"}}},
        "g": {"type": "integer", "minimum": 0},
        "h": {"type": "integer", "minimum": 5_000_000_000},
        "i": {"type": "integer", "minimum": 1, "maximum": 32767},
    }
    group = aep.field_group(fields)
    made = group["definitions"]["customFields"]["properties"]["_acmesandbox"]["properties"]
    assert [made[name]["meta:xdmType"] for name in "abcdefghi"] == [
        "int",
        "long",
        "short",
        "byte",
        "map",
        "object",
        "int",
        "long",
        "short",
    ]


def test_custom_maps_are_a_switch(aep: AepApp) -> None:
    labels = {"type": "object", "meta:xdmType": "map", "additionalProperties": {"type": "string"}}
    settings(aep, custom_maps="refused")
    assert "reserved" in refused(aep, "fieldgroups", field_group({"labels": labels}))
    settings(aep, custom_maps="allowed")
    aep.field_group({"labels": labels})


def test_titles_of_different_types_are_a_switch(aep: AepApp) -> None:
    group = aep.field_group(title="Same")
    words = refused(aep, "datatypes", data_type("Same", a={"type": "string"}))
    assert words == f"Title must be unique. An object {group['$id']} already exists with the same title."
    settings(aep, unique_titles="type")
    aep.ok("POST", f"{TENANT}/datatypes", json=data_type("Same", a={"type": "string"}))
    assert "unique" in refused(aep, "mixins", field_group({"a": {"type": "string"}}, "Same"))


def test_a_field_group_lists_its_classes(aep: AepApp) -> None:
    body = field_group({"a": {"type": "string"}})
    for wrong in (None, "https://ns.adobe.com/xdm/context/profile", [3]):
        assert "meta:intendedToExtend" in refused(
            aep, "fieldgroups", {**body, "meta:intendedToExtend": wrong}
        )
    body.pop("meta:intendedToExtend")
    assert "meta:intendedToExtend" in refused(aep, "fieldgroups", body)


def test_a_schema_accepts_the_field_groups_of_its_class_or_behavior(aep: AepApp) -> None:
    events = aep.field_group({"a": {"type": "string"}}, "Events only")["$id"]
    records = field_group({"b": {"type": "string"}}, "Records")
    group = aep.ok("POST", f"{TENANT}/fieldgroups", json={**records, "meta:intendedToExtend": [RECORD]})[
        "$id"
    ]
    body = {"title": "P", "type": "object", "allOf": [{"$ref": PROFILE}, {"$ref": events}]}
    words = refused(aep, "schemas", body)
    assert "not compatible" in words and EXPERIENCE_EVENT in words
    aep.schema(group, title="Records of people", of=PROFILE)
    assert "not compatible" in refused(
        aep, "schemas", {"title": "E", "allOf": [{"$ref": EXPERIENCE_EVENT}, {"$ref": group}]}
    )


@pytest.mark.parametrize(
    "parts",
    [
        [{"$ref": 3}],
        [{"properties": {}}],
        ["x"],
        {},
        [{"$ref": "https://ns.adobe.com/xdm/common/geo"}],
        [{"$ref": PROFILE}, {"$ref": PROFILE}],
    ],
)
def test_schemas_with_unusual_parts(aep: AepApp, parts: Any) -> None:
    refused(aep, "schemas", {"title": "T", "type": "object", "allOf": parts})


def test_fields_in_the_schema_itself_are_refused(aep: AepApp) -> None:
    body = {"title": "T", "allOf": [{"$ref": PROFILE}, {"properties": {}}]}
    assert "must be a $ref" in refused(aep, "schemas", body)


def test_fields_set_by_the_registry_cannot_be_given(aep: AepApp) -> None:
    body = field_group({"a": {"type": "string"}})
    given = {"$id": "x", "version": "9.9", "imsOrg": "x", "meta:containerId": "global", "meta:altId": 3}
    made = aep.ok("POST", f"{TENANT}/fieldgroups", json={**body, **given, "meta:resourceType": "schemas"})
    assert made["$id"].startswith("https://ns.adobe.com/acmesandbox/mixins/")
    assert (made["version"], made["imsOrg"], made["meta:containerId"]) == (
        "1.0",
        "DEMO0000@AdobeOrg",
        "tenant",
    )
    url = f"{TENANT}/fieldgroups/{made['meta:altId']}"
    assert aep.ok("PUT", url, json={**body, "version": "7.7"})["version"] == "1.0"
    patch = [{"op": "replace", "path": "/version", "value": "5.0"}]
    assert aep.ok("PATCH", url, json=patch)["version"] == "1.1"


def test_an_ad_hoc_class_and_its_schema(aep: AepApp) -> None:
    """EP:xdm/tutorials/ad-hoc.md."""
    fields = {"type": "object", "properties": {"field1": {"type": "string"}}}
    body = {
        "title": "New ad-hoc class",
        "type": "object",
        "allOf": [{"$ref": AD_HOC}, {"properties": {"_adhoc": fields}}],
    }
    made = aep.ok("POST", f"{TENANT}/classes", json=body)
    namespace = "_" + made["$id"].rpartition("/")[2]
    assert (made["meta:datasetNamespace"], made["meta:extends"]) == (namespace, [AD_HOC])
    schema = aep.schema(of=made["$id"])
    assert schema["meta:datasetNamespace"] == namespace
    at = f"{TENANT}/schemas/{schema['meta:altId']}"
    assert set(aep.ok("GET", at, headers={"Accept": FULL})["properties"]) == {namespace}
    more = {"op": "add", "path": f"/allOf/1/properties/{namespace}/properties/x", "value": {"type": "string"}}
    assert aep.ok("PATCH", f"{TENANT}/classes/{made['meta:altId']}", json=[more])["version"] == "1.1"
    body["allOf"] = [{"$ref": RECORD}, {"properties": {"_adhoc": fields}}]
    assert "top level field named" in refused(aep, "classes", {**body, "title": "No such behavior"})


def test_a_data_type_that_refers_to_itself_is_refused(aep: AepApp) -> None:
    made = aep.ok("POST", f"{TENANT}/datatypes", json=data_type("Tree", name={"type": "string"}))
    url = f"{TENANT}/datatypes/{made['meta:altId']}"
    for child in ({"$ref": made["$id"]}, {"type": "array", "items": {"$ref": made["$id"]}}):
        answer = aep.request("PATCH", url, json=[{"op": "add", "path": "/properties/child", "value": child}])
        assert answer.status_code == 400 and "refers to itself" in answer.json()["detail"]
    assert "child" not in aep.ok("GET", url, headers={"Accept": RAW})["properties"]


def test_data_types_that_multiply_each_other_are_refused(aep: AepApp) -> None:
    below = None
    for number in range(20):
        ref = {"$ref": below} if below else {"type": "string"}
        body = data_type(f"Level {number}", **dict.fromkeys("abcdefgh", ref))
        answer = aep.request("POST", f"{TENANT}/datatypes", json=body)
        if answer.status_code == 400:
            assert "too large" in answer.json()["detail"]
            return
        below = answer.json()["$id"]
    raise AssertionError("8 to the power of 20 fields were taken")


def test_a_deprecated_field_is_marked_on_request(aep: AepApp) -> None:
    """EP:xdm/tutorials/field-deprecation-api.md."""
    schema = aep.schema("https://ns.adobe.com/xdm/context/profile-personal-details", of=PROFILE)["$id"]
    body = {
        "@type": "xdm:descriptorDeprecated",
        "xdm:sourceSchema": schema,
        "xdm:sourceVersion": 1,
        "xdm:sourceProperty": ["/faxPhone", "/xdm:homePhone/xdm:number"],
    }
    aep.ok("POST", f"{TENANT}/descriptors", json=body)
    url = f"{TENANT}/schemas/{quote(schema, safe='')}"
    asked = {"Accept": "application/vnd.adobe.xed-deprecatefield+json; version=1"}
    reported = aep.ok("GET", url, headers=asked)["properties"]
    assert (
        reported["faxPhone"]["meta:status"],
        reported["homePhone"]["properties"]["number"]["meta:status"],
    ) == (
        "deprecated",
        "deprecated",
    )
    assert "meta:status" not in aep.ok("GET", url, headers={"Accept": FULL})["properties"]["faxPhone"]


def test_only_the_tenants_resources_can_be_written(aep: AepApp) -> None:
    url = f"{TENANT}/fieldgroups/_xdm.context.experienceevent-web"
    assert aep.ok("GET", url, headers={"Accept": RAW})["title"] == "Web Details"
    patch = [{"op": "replace", "path": "/title", "value": "Mine"}]
    assert aep.request("PATCH", url, json=patch).status_code == 404
    assert aep.request("PUT", url, json=field_group({})).status_code == 404
    assert aep.request("DELETE", url).status_code == 404
    settings(aep, global_under_tenant="missing")
    assert aep.request("GET", url, headers={"Accept": RAW}).status_code == 404


def test_names_of_settings_are_checked(aep: AepApp) -> None:
    for wrong in ({"unique_titles": "some"}, {"custom_maps": True}, {"global_under_tenant": None}):
        assert aep.http.post("/_sandbox/aep/settings", json=wrong).status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/global/schemas", "GET"),
        ("POST", "/global/fieldgroups/", "GET"),
        ("PATCH", "/global/fieldgroups/_xdm.context.experienceevent-web", "GET"),
        ("PUT", "/global/classes/_xdm.context.profile", "GET"),
        ("DELETE", "/global/behaviors/_xdm.data.record", "GET"),
        ("DELETE", "/tenant/unions/x__union", "GET"),
        ("PATCH", "/tenant/descriptors/x", "GET, PUT, DELETE"),
        ("POST", "/tenant/schemas/x", "GET, PUT, PATCH, DELETE"),
        ("DELETE", "/tenant/schemas", "GET, POST"),
    ],
)
def test_impossible_changes_of_a_resource(aep: AepApp, method: str, path: str, allowed: str) -> None:
    """ "You may only perform list and lookup (GET) requests against the global container." """
    answer = aep.request(method, REGISTRY + path, json={})
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)


@pytest.mark.parametrize("key", ["%0Aa", "a%2Fb", "%00", "%ff", "a" * 1500, "..%2F..", "%F0%9F%98%80"])
def test_unusual_ids_are_not_found(aep: AepApp, key: str) -> None:
    for path in ("tenant/schemas", "global/classes", "tenant/unions", "tenant/descriptors", "rpc/export"):
        answer = aep.request("GET", f"{REGISTRY}/{path}/{key}", headers={"Accept": RAW.replace("xed", "xdm")})
        assert answer.status_code == 404, answer.text


@pytest.mark.parametrize(
    "change",
    [
        {"meta:immutableTags": 5},
        {"meta:immutableTags": [{}]},
        {"meta:datasetNamespace": {}},
        {"meta:class": {}},
        {"meta:extends": 5},
        {"meta:registryMetadata": 5},
        {"meta:xdmType": []},
        {"meta:status": {}},
    ],
)
def test_registry_keys_with_unusual_values_break_nothing(aep: AepApp, change: dict[str, Any]) -> None:
    made = aep.request(
        "POST", f"{TENANT}/fieldgroups", json={**field_group({"a": {"type": "string"}}), **change}
    )
    assert made.status_code in (201, 400)
    aep.ok("GET", f"{REGISTRY}/stats")
    accept = {"Accept": "application/vnd.adobe.xed+json"}
    for kind in ("fieldgroups", "unions", "schemas"):
        aep.ok("GET", f"{TENANT}/{kind}", headers=accept)
    if made.status_code == 201:
        assert aep.schema(made.json()["$id"])["meta:class"] == EXPERIENCE_EVENT

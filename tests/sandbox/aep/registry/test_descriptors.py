"""Descriptors and identity namespaces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from mixpanel_aep_sandbox.aep.core.constants import NAMESPACES, REGISTRY
from tests.support.sandbox.aep_app import AepApp, aep_app, lines, row

pytestmark = pytest.mark.sandbox


@pytest.fixture
def aep(tmp_path: Path) -> Iterator[AepApp]:
    with aep_app(tmp_path) as caller:
        yield caller


DESCRIPTORS = f"{REGISTRY}/tenant/descriptors"


@pytest.fixture
def schema(aep: AepApp) -> str:
    return str(aep.schema(aep.field_group()["$id"])["$id"])


def identity(schema: str, **change: Any) -> dict[str, Any]:
    body = {
        "@type": "xdm:descriptorIdentity",
        "xdm:sourceSchema": schema,
        "xdm:sourceVersion": 1,
        "xdm:sourceProperty": "/_acmesandbox/distinctId",
        "xdm:namespace": "Email",
        "xdm:property": "xdm:code",
        "xdm:isPrimary": True,
    }
    return {name: value for name, value in {**body, **change}.items() if value is not None}


def test_create_look_up_replace_delete(aep: AepApp, schema: str) -> None:
    response = aep.request("POST", DESCRIPTORS + "/", json=identity(schema))
    made = response.json()
    assert response.status_code == 201
    assert made["meta:containerId"] == "tenant" and identity(schema).items() <= made.items()
    url = f"{DESCRIPTORS}/{made['@id']}"
    assert aep.ok("GET", url, headers={"Accept": ""}) == made
    response = aep.request("PUT", url, json=identity(schema, **{"xdm:namespace": "Phone"}))
    assert (response.status_code, response.json()) == (201, {"@id": made["@id"]})
    assert aep.ok("GET", url)["xdm:namespace"] == "Phone"
    response = aep.request("DELETE", url)
    assert (response.status_code, response.content) == (204, b"")
    assert aep.request("GET", url).status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"@type": "xdm:descriptorWhatever"},
        {"@type": None},
        {"xdm:sourceSchema": "https://ns.adobe.com/acmesandbox/schemas/none"},
        {"xdm:sourceVersion": None},
        {"xdm:sourceProperty": None},
        {"xdm:sourceProperty": "_acmesandbox/distinctId"},
        {"xdm:sourceProperty": "/_acmesandbox/distinctId/"},
        {"xdm:sourceProperty": "/properties/_acmesandbox/properties/distinctId"},
        {"xdm:sourceProperty": "/_acmesandbox/none"},
        {"xdm:sourceProperty": "/_acmesandbox/count"},
        {"xdm:sourceProperty": "/_acmesandbox"},
        {"xdm:namespace": "Nowhere"},
        {"xdm:namespace": "6"},
        {"xdm:property": "xdm:name"},
        {"xdm:isPrimary": "yes"},
    ],
)
def test_refusals(aep: AepApp, schema: str, change: dict[str, Any]) -> None:
    assert aep.request("POST", DESCRIPTORS, json=identity(schema, **change)).status_code == 400


@pytest.mark.parametrize(
    ("kind", "fields", "needed"),
    [
        ("xdm:alternateDisplayInfo", {"xdm:title": {"en_us": "Plan"}}, ["xdm:sourceVersion", "xdm:title"]),
        (
            "xdm:descriptorOneToOne",
            {"xdm:destinationVersion": 1, "xdm:destinationSchema": "other"},
            ["xdm:sourceVersion", "xdm:destinationVersion", "xdm:destinationSchema"],
        ),
        (
            "xdm:descriptorRelationship",
            {"xdm:destinationSchema": "other", "xdm:cardinality": "M:1"},
            ["xdm:sourceVersion", "xdm:destinationSchema", "xdm:cardinality"],
        ),
        ("xdm:descriptorReferenceIdentity", {"xdm:identityNamespace": "Email"}, ["xdm:identityNamespace"]),
        ("xdm:descriptorDeprecated", {}, ["xdm:sourceVersion"]),
        ("xdm:descriptorPrimaryKey", {"xdm:sourceVersion": None}, []),
        ("xdm:descriptorVersion", {"xdm:sourceVersion": None, "xdm:sourceProperty": "/timestamp"}, []),
        ("xdm:descriptorTimestamp", {"xdm:sourceVersion": None, "xdm:sourceProperty": "/timestamp"}, []),
    ],
)
def test_every_type_and_its_requirements(
    aep: AepApp, schema: str, kind: str, fields: dict[str, Any], needed: list[str]
) -> None:
    other = aep.schema(title="Other")["$id"]
    base: dict[str, Any] = {
        "@type": kind,
        "xdm:sourceSchema": schema,
        "xdm:sourceVersion": 1,
        "xdm:sourceProperty": "/_acmesandbox/plan",
    }
    body = {name: value for name, value in {**base, **fields}.items() if value is not None}
    body |= {"xdm:destinationSchema": other} if "xdm:destinationSchema" in body else {}
    made = aep.ok("POST", DESCRIPTORS, json=body)
    assert made["@type"] == kind and len(made["@id"]) == 48
    for name in ("@type", "xdm:sourceSchema", "xdm:sourceProperty", *needed):
        without = {key: value for key, value in body.items() if key != name}
        assert aep.request("POST", DESCRIPTORS, json=without).status_code == 400, name


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("xdm:alternateDisplayInfo", {"xdm:title": "Plan"}),
        ("xdm:alternateDisplayInfo", {"xdm:title": {}, "xdm:sourceProperty": ["/timestamp"]}),
        ("xdm:descriptorDeprecated", {"xdm:sourceProperty": ["/timestamp", "/none"]}),
        ("xdm:descriptorDeprecated", {"xdm:sourceProperty": {}}),
        ("xdm:descriptorDeprecated", {"xdm:sourceVersion": "1"}),
        ("xdm:descriptorDeprecated", {"xdm:sourceVersion": 2}),
        ("xdm:descriptorDeprecated", {"xdm:sourceVersion": True}),
        ("xdm:descriptorDeprecated", {"xdm:sourceSchema": {}}),
        ("xdm:descriptorVersion", {"xdm:sourceProperty": "/_acmesandbox/plan"}),
        ("xdm:descriptorTimestamp", {"xdm:sourceProperty": "/_id"}),
        ("xdm:descriptorTimestamp", {"xdm:sourceProperty": "/_acmesandbox/seen"}),
        ("xdm:descriptorReferenceIdentity", {"xdm:identityNamespace": ["Email"]}),
        ("xdm:descriptorRelationship", {"xdm:destinationSchema": "x", "xdm:cardinality": "M:1"}),
        ("xdm:descriptorRelationship", {"xdm:cardinality": "1:M"}),
        ("xdm:descriptorRelationship", {"xdm:cardinality": "1:1", "xdm:destinationProperty": "/none"}),
    ],
)
def test_invalid_descriptors(aep: AepApp, schema: str, kind: str, fields: dict[str, Any]) -> None:
    base: dict[str, Any] = {
        "@type": kind,
        "xdm:sourceSchema": schema,
        "xdm:sourceVersion": 1,
        "xdm:sourceProperty": "/timestamp",
        "xdm:destinationSchema": schema,
    }
    assert aep.request("POST", DESCRIPTORS, json={**base, **fields}).status_code == 400


def test_no_more_than_4000(aep: AepApp, schema: str) -> None:
    body = aep.identity(schema, primary=False).json()
    for number in range(3999):
        aep.scope.put("descriptors", str(number), {**body, "xdm:sourceSchema": "elsewhere"})
    answer = aep.identity(schema, "/_acmesandbox/plan", primary=False)
    assert answer.status_code == 400 and "4000" in answer.json()["detail"]
    aep.ok("DELETE", f"{DESCRIPTORS}/{body['@id']}")
    assert aep.identity(schema, "/_acmesandbox/plan", primary=False).status_code == 201


def test_the_form_of_one_descriptor_follows_accept(aep: AepApp, schema: str) -> None:
    url = f"{DESCRIPTORS}/{aep.identity(schema).json()['@id']}"
    for fine in ("", "*/*", "application/json", "application/vnd.adobe.xdm+json"):
        assert aep.request("GET", url, headers={"Accept": fine}).status_code == 200
    answer = aep.request("GET", url, headers={"Accept": "application/vnd.adobe.xed+json"})
    assert (answer.status_code, answer.json()["detail"]) == (406, "Unknown Accept format available ")


def test_the_global_container_has_no_descriptors(aep: AepApp) -> None:
    paged = {"Accept": "application/vnd.adobe.xdm-v2+json"}
    assert aep.ok("GET", f"{REGISTRY}/global/descriptors", headers=paged)["results"] == []
    assert aep.request("GET", f"{REGISTRY}/global/descriptors/x").status_code == 404


def test_a_schema_with_a_relationship_needs_a_reference_identity_for_profile(
    aep: AepApp, schema: str
) -> None:
    """EP:xdm/troubleshooting-guide.md, "Real-time Customer Profile errors"."""
    other = aep.schema(aep.field_group({"key": {"type": "string"}}, "Keys")["$id"], title="Other")["$id"]
    union = [{"op": "add", "path": "/meta:immutableTags", "value": ["union"]}]

    def enable(key: str) -> Any:
        return aep.request("PATCH", f"{REGISTRY}/tenant/schemas/{quote(key, safe='')}", json=union)

    base = {"xdm:sourceSchema": schema, "xdm:sourceVersion": 1, "xdm:sourceProperty": "/_acmesandbox/plan"}
    aep.identity(schema)
    more = {"xdm:destinationSchema": other, "xdm:destinationVersion": 1}
    aep.ok("POST", DESCRIPTORS, json={**base, "@type": "xdm:descriptorOneToOne", **more})
    assert "must be a xdm:descriptorReferenceIdentity" in enable(schema).json()["detail"]
    kind = {"@type": "xdm:descriptorReferenceIdentity", "xdm:identityNamespace": "Phone"}
    made = aep.ok("POST", DESCRIPTORS, json={**base, **kind})
    assert aep.identity(other, "/_acmesandbox/key").status_code == 201
    assert enable(other).status_code == 200
    assert enable(schema).json()["detail"].endswith("must match")
    aep.ok("PUT", f"{DESCRIPTORS}/{made['@id']}", json={**base, **kind, "xdm:identityNamespace": "Email"})
    assert enable(schema).status_code == 200


def test_one_primary_identity(aep: AepApp, schema: str) -> None:
    assert aep.identity(schema).status_code == 201
    assert aep.identity(schema, "/_acmesandbox/plan").status_code == 400
    assert aep.identity(schema, "/_acmesandbox/distinctId", primary=False).status_code == 400
    assert aep.identity(schema, "/_acmesandbox/plan", primary=False).status_code == 201
    other = aep.schema(title="Other")["$id"]
    assert aep.identity(other, "/_id").status_code == 201


def test_the_primary_identity_is_fixed_once_there_is_data(aep: AepApp, schema: str) -> None:
    key = aep.identity(schema).json()["@id"]
    dataset = aep.dataset(schema)
    aep.ok("PUT", f"{DESCRIPTORS}/{key}", json=identity(schema))
    assert aep.load(dataset, lines(row()))["status"] == "success"
    assert aep.request("PUT", f"{DESCRIPTORS}/{key}", json=identity(schema)).status_code == 400
    assert aep.request("DELETE", f"{DESCRIPTORS}/{key}").status_code == 400


def test_whether_data_alone_fixes_a_primary_identity_is_a_switch(aep: AepApp, schema: str) -> None:
    key = aep.identity(schema).json()["@id"]
    assert aep.load(aep.dataset(schema), lines(row()))["status"] == "success"
    aep.http.post("/_sandbox/aep/settings", json={"primary_identity_locked_by": "profile"})
    aep.ok("PUT", f"{DESCRIPTORS}/{key}", json=identity(schema))
    union = [{"op": "add", "path": "/meta:immutableTags", "value": ["union"]}]
    aep.ok("PATCH", f"{REGISTRY}/tenant/schemas/{quote(schema, safe='')}", json=union)
    assert aep.request("PUT", f"{DESCRIPTORS}/{key}", json=identity(schema)).status_code == 400


def test_the_form_of_lists_follows_accept(aep: AepApp, schema: str) -> None:
    first = aep.identity(schema).json()
    body = {
        "@type": "xdm:alternateDisplayInfo",
        "xdm:sourceSchema": schema,
        "xdm:sourceVersion": 1,
        "xdm:sourceProperty": "/xdm:eventType",
        "xdm:title": {"en_us": "Event"},
    }
    second = aep.ok("POST", DESCRIPTORS, json=body)

    def listed(form: str, **params: str) -> Any:
        accept = {"Accept": f"application/vnd.adobe.{form}+json"}
        return aep.ok("GET", DESCRIPTORS, headers=accept, params=params)

    kinds = ("xdm:descriptorIdentity", "xdm:alternateDisplayInfo")
    assert listed("xdm-id") == {kinds[0]: [first["@id"]], kinds[1]: [second["@id"]]}
    assert listed("xdm-link")[kinds[0]] == [f"/tenant/descriptors/{first['@id']}"]
    assert listed("xdm") == {kinds[0]: [first], kinds[1]: [second]}
    assert listed("xdm", property=f"xdm:sourceSchema=={schema}0") == {}
    assert listed("xdm-v2")["results"] == [first, second]
    assert listed("xdm-v2")["_page"]["next"] is None
    assert listed("xdm-v2", property="@type==xdm:descriptorIdentity")["results"] == [first]
    assert listed("xdm-v2-id")["results"] == [first["@id"], second["@id"]]
    page = listed("xdm-v2", orderby="@id", limit="1")
    rest = listed("xdm-v2", orderby="@id", start=page["_page"]["next"])
    assert {page["results"][0]["@id"], rest["results"][0]["@id"]} == {first["@id"], second["@id"]}
    for wrong in ("xed", "xed-id", "xdm-v3"):
        accept = {"Accept": f"application/vnd.adobe.{wrong}+json"}
        assert aep.request("GET", DESCRIPTORS, headers=accept).status_code == 406


def test_namespaces(aep: AepApp) -> None:
    standard = {body["code"] for body in aep.ok("GET", NAMESPACES)}
    assert {"ECID", "Email", "Phone", "CORE"} <= standard
    body = {"name": "Mixpanel user", "code": "MixpanelUser", "idType": "Cross_device", "description": "d"}
    response = aep.request("POST", NAMESPACES, json=body)
    made = response.json()
    assert response.status_code == 200
    assert (made["status"], made["custom"], made["idType"]) == ("ACTIVE", True, "Cross_device")
    assert made in aep.ok("GET", NAMESPACES)
    url = f"{NAMESPACES}/{made['id']}"
    assert aep.ok("GET", url) == made
    assert aep.ok("PUT", url, json={**body, "name": "New"})["name"] == "New"
    assert aep.request("PUT", url, json={**body, "idType": "Email"}).status_code == 400
    assert aep.request("GET", f"{NAMESPACES}/77").status_code == 404
    for code in ("MixpanelUser", "mixpaneluser", "ecid"):
        assert aep.request("POST", NAMESPACES, json={**body, "code": code}).status_code == 409


@pytest.mark.parametrize(
    "change",
    [
        {"code": "a-b"},
        {"code": "a b"},
        {"code": ""},
        {"code": "é"},
        {"idType": "Person"},
        {"idType": None},
        {"name": ""},
    ],
)
def test_namespaces_that_are_refused(aep: AepApp, change: dict[str, Any]) -> None:
    response = aep.request("POST", NAMESPACES, json={"name": "n", "code": "n", "idType": "Cookie", **change})
    assert (response.status_code, response.json()["report"]["code"]) == (400, "INVALID_REQUEST_PARAMS")


def test_a_custom_namespace_can_be_referenced_by_code_or_id(aep: AepApp, schema: str) -> None:
    aep.namespace("MixpanelUser")
    key = str(aep.ok("GET", NAMESPACES)[-1]["id"])
    made = aep.ok("POST", DESCRIPTORS, json=identity(schema, **{"xdm:namespace": "MixpanelUser"}))
    aep.ok("DELETE", f"{DESCRIPTORS}/{made['@id']}")
    aep.ok("POST", DESCRIPTORS, json=identity(schema, **{"xdm:namespace": key, "xdm:property": "xdm:id"}))

"""The Schema Registry: what it accepts, returns, and in which forms."""

from __future__ import annotations

from typing import Any

import pytest

from mixpanel_aep_sandbox.aep.core.constants import EXPERIENCE_EVENT, REGISTRY
from tests.support.sandbox.aep_app import FIELDS, FULL, RAW, AepApp
from tests.support.sandbox.registry_calls import GROUPS, ID, SCHEMAS, one

pytestmark = pytest.mark.sandbox


def test_stats_have_the_tenant(aep: AepApp) -> None:
    group = aep.field_group()
    for path in ("/stats", "/stats/"):
        stats = aep.ok("GET", REGISTRY + path)
        assert stats["tenantId"] == "acmesandbox"
        assert stats["counts"]["mixins"] == 1
        assert stats["recentlyCreatedResources"][0]["$id"] == group["$id"]


def test_field_group_as_created(aep: AepApp) -> None:
    body = aep.field_group()
    assert body["$id"].startswith("https://ns.adobe.com/acmesandbox/mixins/")
    assert body["meta:altId"] == "_acmesandbox.mixins." + body["$id"].rpartition("/")[2]
    assert (body["version"], body["meta:resourceType"], body["meta:containerId"]) == (
        "1.0",
        "mixins",
        "tenant",
    )
    assert (body["imsOrg"], body["meta:tenantNamespace"]) == ("DEMO0000@AdobeOrg", "_acmesandbox")
    assert body["meta:registryMetadata"]["eTag"]
    fields = body["definitions"]["customFields"]["properties"]["_acmesandbox"]["properties"]
    assert (fields["count"]["meta:xdmType"], fields["small"]["meta:xdmType"]) == ("long", "int")


def test_schema_as_created(aep: AepApp) -> None:
    group = aep.field_group()["$id"]
    body = aep.schema(group)
    assert body["$id"].startswith("https://ns.adobe.com/acmesandbox/schemas/")
    assert (body["version"], body["meta:class"], body["meta:xdmType"]) == ("1.0", EXPERIENCE_EVENT, "object")
    assert {group, EXPERIENCE_EVENT, "https://ns.adobe.com/xdm/data/time-series"} <= set(body["meta:extends"])


def test_resolved_schema(aep: AepApp) -> None:
    schema = aep.schema(aep.field_group()["$id"])
    body = aep.ok("GET", one(SCHEMAS, schema["$id"]), headers={"Accept": FULL})
    assert "allOf" not in body
    assert body["required"] == ["_id", "timestamp"]
    fields = body["properties"]
    assert (fields["_id"]["format"], fields["_id"]["meta:xdmField"]) == ("uri-reference", "@id")
    assert (fields["timestamp"]["format"], fields["timestamp"]["meta:xdmType"]) == ("date-time", "date-time")
    assert "enum" not in fields["eventType"] and fields["eventType"]["meta:enum"]
    assert fields["producedBy"]["default"] == "self" and "eventMergeId" in fields
    identities = fields["identityMap"]
    assert identities["meta:xdmType"] == "map"
    item = identities["additionalProperties"]["items"]["properties"]
    assert item["authenticatedState"]["enum"] == ["ambiguous", "authenticated", "loggedOut"]
    assert (item["id"]["type"], item["primary"]["type"]) == ("string", "boolean")
    assert set(fields["_acmesandbox"]["properties"]) == set(FIELDS)
    assert fields["_acmesandbox"]["properties"]["place"]["required"] == ["city"]
    assert fields["_acmesandbox"]["meta:xdmType"] == "object"


def test_two_field_groups_share_the_tenant_root_and_data_types_are_followed(aep: AepApp) -> None:
    body = {"title": "Money", "type": "object", "properties": {"amount": {"type": "number"}}}
    money = aep.ok("POST", f"{REGISTRY}/tenant/datatypes", json=body)
    groups = [
        aep.field_group({"a": {"type": "string"}}, "One"),
        aep.field_group({"total": {"$ref": money["$id"], "title": "Total"}}, "Two"),
    ]
    schema = aep.schema(*(group["$id"] for group in groups))
    root = aep.ok("GET", one(SCHEMAS, schema["$id"]), headers={"Accept": FULL})["properties"]["_acmesandbox"]
    assert root["properties"]["a"]["meta:xdmType"] == "string"
    total = root["properties"]["total"]
    assert (total["title"], total["type"]) == ("Total", "object")
    assert total["properties"]["amount"]["type"] == "number" and "$id" not in total


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (None, 406),
        ("*/*", 406),
        ("application/json", 406),
        ("application/vnd.adobe.xed-whatever+json; version=1", 406),
        ("application/vnd.adobe.xed+json", 400),
        ("application/vnd.adobe.xed-full+json;version=2", 404),
        ("application/vnd.adobe.xed+json; version=1", 200),
        ("application/vnd.adobe.xed-full+json;version=1", 200),
        ("application/vnd.adobe.xed-notext+json; version=1", 200),
        ("application/vnd.adobe.xed-full-notext+json; version=1", 200),
        ("application/vnd.adobe.xed-full-desc+json; version=1", 200),
        ("application/vnd.adobe.xed-deprecatefield+json; version=1", 200),
        ("application/vnd.adobe.xdm+json; version=1", 200),
        ("application/vnd.adobe.xdm-full+json; version=1", 200),
    ],
)
def test_accept_of_a_lookup(aep: AepApp, accept: str | None, status: int) -> None:
    schema = aep.schema()
    del aep.http.headers["accept"]
    response = aep.request("GET", one(SCHEMAS, schema["$id"]), headers={"Accept": accept} if accept else {})
    assert response.status_code == status
    if status == 200:
        assert ("allOf" in response.json()) is not ("full" in str(accept) or "deprecate" in str(accept))
        assert ("title" in response.json()) is ("notext" not in str(accept))
        assert ("meta:descriptors" in response.json()) is ("desc" in str(accept))


def test_standard_notation(aep: AepApp) -> None:
    url = one(SCHEMAS, aep.schema()["$id"])
    body = aep.ok("GET", url, headers={"Accept": "application/vnd.adobe.xdm-full+json; version=1"})
    assert body["required"] == ["@id", "xdm:timestamp"]
    assert {"@id", "xdm:timestamp", "xdm:identityMap"} <= set(body["properties"])


def test_descriptions_are_omitted_and_fields_called_title_are_not(aep: AepApp) -> None:
    group = aep.field_group({"title": {"type": "string", "title": "T"}, "description": {"type": "string"}})
    accept = {"Accept": "application/vnd.adobe.xed-notext+json; version=1"}
    body = aep.ok("GET", one(GROUPS, group["$id"]), headers=accept)
    fields = body["definitions"]["customFields"]["properties"]["_acmesandbox"]["properties"]
    assert set(fields) == {"title", "description"} and "title" not in fields["title"]


def test_lookup_by_either_id_with_and_without_a_slash(aep: AepApp) -> None:
    group = aep.field_group()
    for key in (group["$id"], group["meta:altId"]):
        for path in (one(GROUPS, key), one(GROUPS, key) + "/", one(f"{REGISTRY}/tenant/mixins", key)):
            assert aep.ok("GET", path, headers={"Accept": RAW})["$id"] == group["$id"]
    response = aep.request("GET", one(GROUPS, group["$id"] + "0"), headers={"Accept": RAW})
    assert response.status_code == 404
    assert response.json() == {
        "type": "/placeholder/type/uri",
        "status": 404,
        "title": "NotFoundError",
        "detail": f"Object {group['$id']}0 with version 1 not found",
    }
    assert aep.request("GET", one(SCHEMAS, group["$id"]), headers={"Accept": RAW}).status_code == 404


def test_global_container(aep: AepApp) -> None:
    classes = aep.ok("GET", f"{REGISTRY}/global/classes", headers=ID)["results"]
    assert {"$id": EXPERIENCE_EVENT, "meta:altId": "_xdm.context.experienceevent"}.items() <= classes[
        0
    ].items()
    body = aep.ok("GET", one(f"{REGISTRY}/global/classes", EXPERIENCE_EVENT), headers={"Accept": FULL})
    assert body["required"] == ["_id", "timestamp"]
    for kind, key in (("fieldgroups", "identitymap"), ("datatypes", "identityitem")):
        url = one(f"{REGISTRY}/global/{kind}", f"https://ns.adobe.com/xdm/context/{key}")
        assert aep.ok("GET", url, headers={"Accept": RAW})["meta:containerId"] == "global"
    assert len(aep.ok("GET", f"{REGISTRY}/global/behaviors", headers=ID)["results"]) == 3


def enabled(aep: AepApp) -> dict[str, Any]:
    """Create a schema that is enabled for Profile."""
    schema = aep.schema(aep.field_group()["$id"])
    assert aep.identity(schema["$id"]).status_code == 201
    patch = [{"op": "add", "path": "/meta:immutableTags", "value": ["union"]}]
    return dict(aep.ok("PATCH", one(SCHEMAS, schema["$id"]), json=patch))


def test_a_class_with_a_schema_for_profile_has_a_union(aep: AepApp) -> None:
    unions = f"{REGISTRY}/tenant/unions"
    assert aep.ok("GET", unions, headers=ID)["results"] == []
    enabled(aep)
    (summary,) = aep.ok("GET", unions + "/", headers=ID)["results"]
    assert (summary["$id"], summary["meta:altId"]) == (
        f"{EXPERIENCE_EVENT}__union",
        "_xdm.context.experienceevent__union",
    )
    for base in (unions, SCHEMAS):
        for key in (summary["$id"], summary["meta:altId"]):
            raw = aep.ok("GET", one(base, key), headers={"Accept": RAW})
            assert (raw["meta:class"], raw["meta:resourceType"]) == (EXPERIENCE_EVENT, "unions")
            assert raw["allOf"][0] == {"$ref": EXPERIENCE_EVENT}
            assert len(raw["allOf"]) == 2
    assert (summary["title"], summary["version"]) == ("XDM ExperienceEvent", "1")
    full = aep.ok("GET", one(unions, summary["$id"]), headers={"Accept": FULL})["properties"]
    assert {"_id", "timestamp", "_acmesandbox", "identityMap", "segmentMembership"} <= set(full)
    assert "timestamp" in full["timeSeriesEvents"]["items"]["properties"]


def test_an_unknown_union_is_not_found_and_cannot_be_created(aep: AepApp) -> None:
    union = one(f"{REGISTRY}/tenant/unions", f"{EXPERIENCE_EVENT}__union")
    assert aep.request("GET", union, headers={"Accept": RAW}).status_code == 404
    answer = aep.request("POST", f"{REGISTRY}/tenant/unions", json={})
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")


def test_sample_data_is_a_row_of_the_schema(aep: AepApp) -> None:
    schema = aep.schema(aep.field_group()["$id"])
    for key in (schema["$id"], schema["meta:altId"]):
        found = aep.ok("GET", one(f"{REGISTRY}/rpc/sampledata", key))
        assert (found["@id"], found["xdm:timestamp"]) == ("/uri-reference", "2018-11-12T20:20:39+00:00")
        assert set(found["_acmesandbox"]) == set(FIELDS)
        assert found["_acmesandbox"]["plan"] == "free"
        assert found["_acmesandbox"]["tags"] == ["string"]
    assert aep.request("GET", one(f"{REGISTRY}/rpc/sampledata", "nope")).status_code == 404

"""The Schema Registry: what it accepts, returns, and in which forms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from mixpanel_aep_sandbox.aep.core.constants import EXPERIENCE_EVENT, REGISTRY
from tests.support.sandbox.aep_app import FIELDS, FULL, RAW, AepApp, aep_app, field_group

pytestmark = pytest.mark.sandbox


@pytest.fixture
def aep(tmp_path: Path) -> Iterator[AepApp]:
    with aep_app(tmp_path) as caller:
        yield caller


GROUPS, SCHEMAS = f"{REGISTRY}/tenant/fieldgroups", f"{REGISTRY}/tenant/schemas"
ID = {"Accept": "application/vnd.adobe.xed-id+json"}


def one(base: str, key: str) -> str:
    return f"{base}/{quote(key, safe='')}"


def refused(aep: AepApp, method: str, url: str, body: Any) -> str:
    response = aep.request(method, url, json=body)
    assert response.status_code == 400, response.text
    assert response.json()["title"] == "BadRequestError"
    return str(response.json()["detail"])


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


def test_list_filters_order_and_pages(aep: AepApp) -> None:
    for title in ("b", "d", "a", "c"):
        aep.field_group({"x": {"type": "string"}}, title)
    every = aep.ok("GET", f"{GROUPS}/", headers=ID)
    assert set(every["results"][0]) == {"$id", "meta:altId", "version", "title"}
    assert every["_page"]["count"] == 4 and every["_page"]["next"] is None
    assert every["_links"]["global_schemas"]["href"].endswith("/global/fieldgroups")

    def titles(**params: Any) -> list[str]:
        return [body["title"] for body in aep.ok("GET", GROUPS, headers=ID, params=params)["results"]]

    assert titles(orderby="title") == ["a", "b", "c", "d"]
    assert titles(orderby="-title") == ["d", "c", "b", "a"]
    page = aep.ok("GET", GROUPS, headers=ID, params={"orderby": "title", "limit": 2})
    assert page["_page"] == {"orderby": "title", "next": "b", "count": 2}
    assert titles(orderby="title", limit=2, start="b") == ["c", "d"]
    assert titles(orderby="-title", limit=2, start="c") == ["b", "a"]
    assert titles(property="title==c") == ["c"]
    assert titles(property="title!=c", orderby="title") == ["a", "b", "d"]
    assert titles(property="title~^[ab]", orderby="title") == ["a", "b"]
    assert titles(property=["title>a", "title<d"], orderby="title") == ["b", "c"]
    assert len(titles(property=f"meta:intendedToExtend=={EXPERIENCE_EVENT}")) == 4
    assert titles(property="meta:nothing") == []
    full = aep.ok("GET", GROUPS, headers={"Accept": "application/vnd.adobe.xed+json"})
    assert "definitions" in full["results"][0]


@pytest.mark.parametrize("query", ["limit=501", "limit=x", "limit=\u00b2", "limit=-1", "property=title~("])
def test_invalid_list_parameters(aep: AepApp, query: str) -> None:
    assert aep.request("GET", f"{GROUPS}?{query}", headers=ID).status_code == 400
    assert aep.request("GET", GROUPS).status_code == 406
    assert aep.request("GET", GROUPS, headers={"Accept": FULL}).status_code == 406


def test_lists_without_an_order_are_ordered_by_their_last_change(aep: AepApp) -> None:
    """As EP:xdm/api/behaviors.md shows; documents and clients disagree whether such lists can be paged."""
    page = aep.ok("GET", f"{REGISTRY}/global/behaviors", headers=ID)
    assert page["_page"] == {"orderby": "updated", "next": None, "count": 3}
    aep.state.clock.set(1_700_000_000, frozen=True)
    made = []
    for title in ("b", "a", "c"):
        made.append(aep.field_group({"x": {"type": "string"}}, title))
        aep.state.clock.advance(1)
    aep.ok("PUT", one(GROUPS, made[0]["$id"]), json=field_group({"x": {"type": "string"}}, "b"))
    first = aep.ok("GET", GROUPS, headers=ID, params={"limit": 2})
    assert [body["title"] for body in first["results"]] == ["a", "c"]
    rest = aep.ok("GET", GROUPS, headers=ID, params={"limit": 2, "start": first["_page"]["next"]})
    assert [body["title"] for body in rest["results"]] == ["b"]
    assert [b["title"] for b in aep.ok("GET", first["_links"]["next"]["href"], headers=ID)["results"]] == [
        "b"
    ]
    aep.http.post("/_sandbox/aep/settings", json={"paging_without_orderby": "refused"})
    for alone in ("limit=2", "start=1"):
        assert aep.request("GET", f"{GROUPS}?{alone}", headers=ID).status_code == 400
    assert aep.request("GET", GROUPS, headers=ID).status_code == 200


def test_pages_are_complete_if_many_resources_have_one_value(aep: AepApp) -> None:
    for number in range(7):
        body = {**field_group({"x": {"type": "string"}}, f"T{number}"), "group": str(number // 3)}
        body |= {"description": "some"} if number % 2 else {}
        aep.ok("POST", GROUPS, json=body)
    for order in ("group", "-group", "description", "-description", "version", "group,-title", "created"):
        found: list[str] = []
        query: dict[str, Any] = {"orderby": order, "limit": 2}
        for _ in range(10):
            page = aep.ok("GET", GROUPS, headers=ID, params=query)
            found += [body["title"] for body in page["results"]]
            if page["_page"]["next"] is None:
                break
            query["start"] = page["_page"]["next"]
        assert sorted(found) == [f"T{number}" for number in range(7)], order


def test_filters_with_commas_and_unusual_values(aep: AepApp) -> None:
    for title in ("a", "a, b", "nan", "1e400", "7"):
        aep.field_group({"x": {"type": "string"}}, title)

    def titles(*filters: str) -> list[str]:
        found = aep.ok("GET", GROUPS, headers=ID, params={"property": filters, "orderby": "title"})
        return sorted(body["title"] for body in found["results"])

    assert titles("title==a, b") == ["a, b"]
    assert titles("title~^a,title!=a") == titles("title~^a", "title!=a") == ["a, b"]
    assert titles("title,meta:nothing") == []
    assert titles("title>=7,meta:containerId") == ["7", "a", "a, b", "nan"]


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
        ({"allOf": [{"$ref": "#/definitions/none"}]}, "points nowhere"),
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

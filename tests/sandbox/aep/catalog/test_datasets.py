"""Catalog: datasets, and batches as it lists them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mixpanel_aep_sandbox.aep.core.constants import CATALOG
from tests.support.sandbox.aep_app import AepApp, aep_app, lines, row

pytestmark = pytest.mark.sandbox


@pytest.fixture
def aep(tmp_path: Path) -> Iterator[AepApp]:
    with aep_app(tmp_path) as caller:
        yield caller


DATASETS = f"{CATALOG}/dataSets"


@pytest.fixture
def schema(aep: AepApp) -> str:
    return str(aep.schema(aep.field_group()["$id"])["$id"])


def test_create_and_read(aep: AepApp, schema: str) -> None:
    body = {
        "name": "Events",
        "schemaRef": {"id": schema, "contentType": "application/vnd.adobe.xed+json;version=1"},
    }
    response = aep.request("POST", f"{DATASETS}?requestDataSource=true", json=body)
    assert response.status_code == 201
    (ref,) = response.json()
    key = re.fullmatch(r"@/dataSets/([0-9a-f]{24})", ref).group(1)  # type: ignore[union-attr]
    read = aep.ok("GET", f"{DATASETS}/{key}")
    assert list(read) == [key]
    view = read[key]["viewId"]
    assert read[key]["files"] == f"@/dataSets/{key}/views/{view}/files"
    assert body.items() <= read[key].items()
    assert (read[key]["version"], read[key]["imsOrg"]) == ("1.0.0", "DEMO0000@AdobeOrg")
    assert aep.ok("GET", f"{DATASETS}/{key}/") == read
    assert aep.request("GET", f"{DATASETS}/{'0' * 24}").status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"name": None},
        {"name": " "},
        {"schemaRef": None},
        {
            "schemaRef": {
                "id": "https://ns.adobe.com/acmesandbox/schemas/none",
                "contentType": "application/vnd.adobe.xed+json;version=1",
            }
        },
        {"tags": {"a": "b"}},
        {"tags": {"a": [1]}},
        {"tags": {"unifiedProfile": ["enabled:true"]}},
        {"tags": {"unifiedProfile": ["enabled: true"]}},
    ],
)
def test_datasets_that_are_refused(aep: AepApp, schema: str, change: dict[str, Any]) -> None:
    ref = {"id": schema, "contentType": "application/vnd.adobe.xed+json;version=1"}
    body = {
        name: value for name, value in {"name": "E", "schemaRef": ref, **change}.items() if value is not None
    }
    assert aep.request("POST", DATASETS, json=body).status_code == 400


@pytest.mark.parametrize(
    "kind", ["application/json", "application/vnd.adobe.xed+json", "application/vnd.adobe.xed+json;version=2"]
)
def test_content_type_of_a_schema_reference(aep: AepApp, schema: str, kind: str) -> None:
    body = {"name": "E", "schemaRef": {"id": schema, "contentType": kind}}
    assert aep.request("POST", DATASETS, json=body).status_code == 400
    body["schemaRef"] = {"id": schema, "contentType": "application/vnd.adobe.xed-full-notext+json; version=1"}
    assert aep.request("POST", DATASETS, json=body).status_code == 201


def test_limits_of_a_list(aep: AepApp, schema: str) -> None:
    for number in range(22):
        aep.dataset(schema, f"D{number}")
    assert len(aep.ok("GET", DATASETS)) == 20
    assert len(aep.ok("GET", DATASETS, params={"limit": 100})) == 22
    assert [body["name"] for body in aep.ok("GET", DATASETS, params={"start": 20}).values()] == ["D20", "D21"]
    for limit in ("0", "101", "x", "-1"):
        assert aep.request("GET", DATASETS, params={"limit": limit}).status_code == 400


def test_filters_order_and_projection(aep: AepApp, schema: str) -> None:
    aep.dataset(schema, "b", tags={"team": ["red"], "mp/x": ["1"]})
    aep.dataset(schema, "a", tags={"team": ["blue"], "x:y": ["on:off"]})
    aep.dataset(schema, "test")

    def names(**params: Any) -> list[str]:
        return [body["name"] for body in aep.ok("GET", DATASETS, params=params).values()]

    assert names(name="a") == ["a"]
    assert names(name="a,b") == ["b", "a"]
    assert names(name="!a,b") == ["test"]
    assert names(name="te*st") == ["test"] and names(name="te**st") == []
    assert names(orderBy="asc:name") == ["a", "b", "test"] and names(orderBy="desc:name") == [
        "test",
        "b",
        "a",
    ]
    assert (
        names(tags="team:*") == ["b", "a"]
        and names(tags="team:re*,mp/x:1") == ["b"]
        and names(tags="z:*") == []
    )
    assert names(tags="x:y:on:off") == ["a"] and names(tags="x:y:*") == ["a"] and names(tags="x:on:off") == []
    assert names(property="name==b") == ["b"] and names(property="name~^t") == ["test"]
    assert names(property="lastBatchId") == [] and len(names(property="!lastBatchId")) == 3
    assert names(state="DRAFT", name="a") == ["a"]
    one = aep.ok("GET", DATASETS, params={"name": "a", "properties": "name,tags"})
    assert list(one.values()) == [
        {"name": "a", "tags": {"team": ["blue"], "x:y": ["on:off"], "adobe/pqs/table": ["a"]}}
    ]
    key = next(iter(one))
    assert aep.ok("GET", f"{DATASETS}/{key}", params={"properties": "name"}) == {key: {"name": "a"}}


def test_patch_in_three_ways(aep: AepApp, schema: str) -> None:
    key = aep.dataset(schema, tags={"team": ["red"]})
    url = f"{DATASETS}/{key}"
    assert aep.ok("PATCH", url, json={"description": "d", "tags": {"more": ["1"]}}) == [f"@/dataSets/{key}"]
    body = aep.ok("GET", url)[key]
    assert (body["description"], body["tags"], body["version"]) == (
        "d",
        {"team": ["red"], "more": ["1"], "adobe/pqs/table": ["events"]},
        "1.0.1",
    )
    operation = {"op": "add", "path": "/tags/team", "value": ["blue"]}
    aep.ok("PATCH", url, json=[operation], headers={"Content-Type": "application/json-patch+json"})
    assert aep.ok("GET", url)[key]["tags"]["team"] == ["blue"]
    deep = {"extensions": {"adobe_lakeHouse": {"rowExpiration": {"ttlValue": "P3Y"}}}}
    aep.ok("PATCH", f"{CATALOG}/v2/dataSets/{key}", json=deep)
    aep.ok("PATCH", f"{CATALOG}/v2/dataSets/{key}", json={"extensions": {"other": 1}})
    assert aep.ok("GET", url)[key]["extensions"] == {**deep["extensions"], "other": 1}
    for wrong in (
        {"name": ""},
        {"viewId": "x"},
        {"schemaRef": {"id": "y", "contentType": "z"}},
        {"tags": {"a": "b"}},
    ):
        assert aep.request("PATCH", url, json=wrong).status_code == 400
    assert aep.request("PATCH", url, json={"name": "x"}, headers={"If-Match": "1"}).status_code == 412
    aep.ok("PATCH", url, json={"name": "x"}, headers={"If-Match": str(aep.ok("GET", url)[key]["updated"])})


def test_delete(aep: AepApp, schema: str) -> None:
    key = aep.dataset(schema)
    assert aep.ok("DELETE", f"{DATASETS}/{key}") == [f"@/dataSets/{key}"]
    assert aep.request("GET", f"{DATASETS}/{key}").status_code == 404
    assert aep.ok("DELETE", f"{DATASETS}/{key}") == []


def test_a_dataset_has_its_last_batches(aep: AepApp, schema: str) -> None:
    key = aep.dataset(schema)
    good, bad = aep.load(key, lines(row()))["id"], aep.load(key, lines({"_id": "1"}))["id"]
    body = aep.ok("GET", f"{DATASETS}/{key}")[key]
    assert (body["lastBatchId"], body["lastBatchStatus"], body["lastSuccessfulBatch"]) == (
        bad,
        "failed",
        good,
    )
    last = aep.ok("GET", f"{CATALOG}/lastBatches", params={"dataSetId": key})[key]
    reported = (
        last["lastBatchId"],
        last["lastBatchStatus"],
        last["lastSuccessfulBatchId"],
        last["lastFailedBatchId"],
    )
    assert reported == (bad, "failed", good, bad)
    files = aep.ok("GET", f"{DATASETS}/{key}/views/{body['viewId']}/files")
    assert [file["batchId"] for file in files.values()] == [good]
    assert aep.request("GET", f"{DATASETS}/{key}/views/none/files").status_code == 404


def test_lists_of_batches(aep: AepApp, schema: str) -> None:
    one, two = aep.dataset(schema, "one"), aep.dataset(schema, "two")
    aep.state.clock.set(1_700_000_000, frozen=True)
    first = aep.create(one, externalId="mine", tags={"mixpanel/day": ["2024-05-01"]})
    aep.state.clock.advance(10)
    second = aep.create(one)
    aep.act(second, "ABORT")
    third = aep.create(two, externalId="mine")

    def found(**params: Any) -> list[str]:
        return list(aep.ok("GET", f"{CATALOG}/batches", params=params))

    assert found() == [first, second, third]
    assert found(orderBy="desc:created", dataSet=one) == [second, first]
    assert found(dataSet=one, externalId="mine") == [first]
    assert found(externalId=second) == [second]
    assert found(status="loading") == [first, third] and found(status="aborted,failed") == [second]
    assert found(batch=third) == [third]
    assert found(createdAfter=1_700_000_000_000) == [second, third]
    assert found(createdBefore=1_700_000_005_000) == [first]
    assert found(limit=1, start=1) == [second]
    assert found(tags="mixpanel/day:2024-05-01") == [first]
    assert found(property=f"externalId=={second}") == [second]
    only = aep.ok("GET", f"{CATALOG}/batches", params={"batch": first, "properties": "status,externalId"})
    assert only == {first: {"status": "loading", "externalId": "mine"}}
    for wrong in ({"limit": 0}, {"createdAfter": "x"}, {"orderBy": "up:created"}):
        assert aep.request("GET", f"{CATALOG}/batches", params=wrong).status_code == 400
    assert aep.request("GET", f"{CATALOG}/batches/none").status_code == 404
    assert aep.batch(first)["relatedObjects"] == [{"type": "dataSet", "id": one}]
    assert list(aep.ok("GET", f"{CATALOG}/batch/{first}")) == [first]


def test_a_dataset_has_the_behavior_of_its_data(aep: AepApp, schema: str) -> None:
    """Adobe's public Python client reads this of every listed dataset."""
    key = aep.dataset(schema)
    found = aep.ok("GET", f"{CATALOG}/dataSets/{key}")[key]
    assert found["classification"] == {"dataBehavior": "time-series", "managedBy": "CUSTOMER"}
    profiles = aep.schema(title="Profiles", of="https://ns.adobe.com/xdm/context/profile")["$id"]
    other = aep.dataset(profiles, "Profiles")
    assert aep.ok("GET", f"{CATALOG}/dataSets/{other}")[other]["classification"]["dataBehavior"] == "record"

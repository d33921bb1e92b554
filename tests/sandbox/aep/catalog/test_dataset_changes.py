"""Catalog: changes of datasets, and detection of concurrent changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from httpx import Response

from mixpanel_aep_sandbox.aep.core.constants import CATALOG, REGISTRY
from tests.support.sandbox.aep_app import AepApp, aep_app

TABLE = {"adobe/pqs/table": ["events"]}
"""Catalog's own tag, which names the table in Query Service."""
pytestmark = pytest.mark.sandbox
DATASETS = f"{CATALOG}/dataSets"
JSON_PATCH = {"Content-Type": "application/json-patch+json"}


@pytest.fixture(scope="module")
def aep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AepApp]:
    with aep_app(tmp_path_factory.mktemp("sandbox")) as caller:
        yield caller


@pytest.fixture(scope="module")
def schema(aep: AepApp) -> str:
    return str(aep.schema(aep.field_group()["$id"])["$id"])


@pytest.fixture
def key(aep: AepApp, schema: str) -> str:
    return aep.dataset(schema, "Events", tags={"team": ["red"]})


def read(aep: AepApp, key: str) -> dict[str, Any]:
    return dict(aep.ok("GET", f"{DATASETS}/{key}")[key])


def change(aep: AepApp, key: str, body: Any, method: str = "PATCH", **headers: str) -> Response:
    return aep.request(method, f"{DATASETS}/{key}", json=body, headers=headers)


def test_a_replaced_dataset_keeps_catalogs_own_fields(aep: AepApp, key: str) -> None:
    before = read(aep, key)
    body = {
        "name": "New",
        "description": "d",
        "state": "DRAFT",
        "tags": {"a": ["b"]},
        "files": before["files"],
    }
    assert change(aep, key, body, "PUT").json() == [f"@/dataSets/{key}"]
    after = read(aep, key)
    assert (after["name"], after["tags"], after["version"]) == ("New", {**TABLE, "a": ["b"]}, "1.0.1")
    for name in ("schemaRef", "viewId", "created", "imsOrg", "sandboxId"):
        assert after[name] == before[name]
    assert change(aep, key, {"name": "Newer"}, "PUT").status_code == 200
    assert "description" not in read(aep, key) and read(aep, key)["tags"] == TABLE


def test_a_dataset_as_read_can_be_sent_back(aep: AepApp, key: str) -> None:
    aep.create(key)
    whole = read(aep, key)
    assert "lastBatchId" in whole
    whole["description"] = "changed"
    assert change(aep, key, whole, "PUT").status_code == 200
    whole = read(aep, key)
    assert change(aep, key, whole | {"description": "again"}).status_code == 200
    assert read(aep, key)["description"] == "again"


@pytest.mark.parametrize(
    "name", ["viewId", "files", "created", "imsOrg", "version", "updated", "createdUser"]
)
def test_catalogs_own_fields_cannot_be_changed(aep: AepApp, key: str, name: str) -> None:
    for method in ("PATCH", "PUT"):
        assert change(aep, key, {"name": "x", name: "other"}, method).status_code == 400
    patch = [{"op": "replace", "path": f"/{name}", "value": "other"}]
    assert change(aep, key, patch, **JSON_PATCH).status_code == 400


def test_a_change_with_an_etag_needs_the_current_version(aep: AepApp, key: str) -> None:
    response = aep.request("GET", f"{DATASETS}/{key}")
    tag = response.headers["ETag"]
    assert tag == response.headers["E-Tag"] == '"1.0.0"'
    assert change(aep, key, {"name": "a"}, **{"If-Match": tag}).status_code == 200
    assert change(aep, key, {"name": "b"}, **{"If-Match": tag}).status_code == 412
    assert change(aep, key, {"name": "b"}, "PUT", **{"If-Match": tag}).status_code == 412
    assert change(aep, key, {"name": "b"}, **{"If-Match": '"none", "1.0.1"'}).status_code == 200
    assert change(aep, key, {"name": "c"}, **{"If-Match": str(read(aep, key)["updated"])}).status_code == 200
    assert change(aep, key, {"name": "d"}, **{"If-None-Match": '"1.0.3"'}).status_code == 412
    assert change(aep, key, {"name": "d"}, **{"If-None-Match": '"1.0.2"'}).status_code == 200
    assert read(aep, key)["name"] == "d"


def test_a_client_with_the_current_version_gets_no_body(aep: AepApp, key: str) -> None:
    tag = aep.request("GET", f"{DATASETS}/{key}").headers["ETag"]
    response = aep.request("GET", f"{DATASETS}/{key}", headers={"If-None-Match": tag})
    assert (response.status_code, response.content) == (304, b"")
    change(aep, key, {"name": "x"})
    assert aep.request("GET", f"{DATASETS}/{key}", headers={"If-None-Match": tag}).status_code == 200


def test_a_validation_only_request_stores_nothing(aep: AepApp, schema: str, key: str) -> None:
    pragma = {"Pragma": "validate-only"}
    count = len(aep.ok("GET", DATASETS, params={"limit": 100}))
    ref = {"id": schema, "contentType": "application/vnd.adobe.xed+json;version=1"}
    assert aep.ok("POST", DATASETS, json={"name": "x", "schemaRef": ref}, headers=pragma) == []
    assert aep.request("POST", DATASETS, json={"name": ""}, headers=pragma).status_code == 400
    assert change(aep, key, {"name": "x"}, "PUT", **pragma).status_code == 200
    assert read(aep, key)["name"] == "Events"
    assert len(aep.ok("GET", DATASETS, params={"limit": 100})) == count


def test_the_address_is_accepted_in_both_spellings(aep: AepApp, key: str) -> None:
    lower = f"{CATALOG}/datasets/{key}"
    assert aep.ok("GET", lower) == aep.ok("GET", f"{DATASETS}/{key}")
    aep.ok("PATCH", f"{CATALOG}/v2/datasets/{key}", json={"description": "x"})
    assert aep.ok("GET", f"{CATALOG}/v2/dataSets/{key}")[key]["description"] == "x"
    assert key in aep.ok("GET", f"{CATALOG}/datasets", params={"limit": 100})


def test_a_schema_may_be_referenced_by_its_address_only(aep: AepApp, schema: str) -> None:
    response = aep.request("POST", DATASETS, json={"name": "Short", "schema": schema})
    key = response.json()[0].removeprefix("@/dataSets/")
    assert response.headers["Location"].endswith(f"/dataSets/{key}")
    assert read(aep, key)["schemaRef"]["id"] == schema


def test_a_data_source_is_created_on_request(aep: AepApp, schema: str) -> None:
    body = {"name": "x", "schema": schema}
    (ref,) = aep.ok("POST", DATASETS, json=body, params={"requestDataSource": "true"})
    assert type(read(aep, ref.removeprefix("@/dataSets/"))["dataSourceId"]) is int
    assert aep.request("POST", DATASETS, json=body, params={"requestDataSource": "x"}).status_code == 400


@pytest.mark.parametrize(
    "wrong",
    [
        {"description": 5},
        {"enableErrorDiagnostics": "true"},
        {"observableSchema": []},
        {"dataSourceId": "1"},
        {"dataSourceId": True},
        {"fileDescription": {"format": "xml"}},
        {"fileDescription": {"charset": "EBCDIC"}},
        {"fileDescription": {"delimiters": ","}},
        {"fileDescription": []},
        {"extensions": {"adobe_lakeHouse": {"rowExpiration": {"ttlValue": "three months"}}}},
        {"extensions": {"adobe_lakeHouse": {"rowExpiration": {"ttlValue": "P"}}}},
        {"tags": {"unifiedProfile": ["yes"]}},
        {"tags": {"unifiedIdentity": [""]}},
        {"tags": []},
    ],
)
def test_fields_of_the_wrong_kind_are_refused(
    aep: AepApp, schema: str, key: str, wrong: dict[str, Any]
) -> None:
    assert aep.request("POST", DATASETS, json={"name": "x", "schema": schema, **wrong}).status_code == 400
    assert change(aep, key, wrong).status_code == 400


def test_the_row_expiration_is_nested_and_null_switches_it_off(aep: AepApp, key: str) -> None:
    url = f"{CATALOG}/v2/dataSets/{key}"

    def expire(value: Any) -> dict[str, Any]:
        return {"extensions": {"adobe_lakeHouse": {"rowExpiration": {"ttlValue": value}}}}

    aep.ok("PATCH", url, json=expire("P3M"))
    assert read(aep, key)["extensions"] == expire("P3M")["extensions"]
    aep.ok("PATCH", url, json=expire(None))
    assert read(aep, key)["extensions"] == {"adobe_lakeHouse": {"rowExpiration": {}}}
    bounds = aep.ok("GET", f"{CATALOG}/ttl/{key}")["extensions"]["adobe_lakeHouse"]["rowExpiration"]
    assert set(bounds) == {"defaultValue", "maxValue", "minValue"}
    assert aep.request("GET", f"{CATALOG}/ttl/none").status_code == 404


@pytest.mark.parametrize("value", ["enabled:true", "enabled: true"])
def test_profile_needs_a_schema_with_a_union(aep: AepApp, value: str) -> None:
    schema = aep.schema(aep.field_group(title=f"F {value}")["$id"], title=f"S {value}")["$id"]
    key = aep.dataset(schema, f"D {value}")
    patch = [{"op": "add", "path": "/tags/unifiedProfile", "value": [value]}]
    refused = change(aep, key, patch, **JSON_PATCH)
    assert (refused.status_code, refused.json()["detail"]) == (
        400,
        "To enable profile datasets the schema should be valid",
    )
    assert change(aep, key, {"tags": {"unifiedProfile": [value]}}).status_code == 400
    assert aep.identity(schema).status_code == 201
    alt_id = aep.ok(
        "GET", f"{REGISTRY}/tenant/schemas", headers={"Accept": "application/vnd.adobe.xed-id+json"}
    )
    (found,) = [body["meta:altId"] for body in alt_id["results"] if body["$id"] == schema]
    union = [{"op": "add", "path": "/meta:immutableTags", "value": ["union"]}]
    aep.ok("PATCH", f"{REGISTRY}/tenant/schemas/{found}", json=union)
    assert change(aep, key, patch, **JSON_PATCH).status_code == 200
    assert read(aep, key)["tags"]["unifiedProfile"] == [value]
    assert change(aep, key, {"tags": {"unifiedProfile": ["enabled:false"]}}).status_code == 200


@pytest.mark.parametrize(
    "body", [[], {}, "x", 5, None, [{}], [{"op": "add"}], [{"op": "fly", "path": "/name"}]]
)
def test_a_body_that_is_not_a_patch_is_refused(aep: AepApp, key: str, body: Any) -> None:
    assert change(aep, key, body, **JSON_PATCH).status_code == 400
    assert aep.request("PATCH", f"{DATASETS}/none", json={"name": "x"}).status_code == 404
    assert aep.request("PUT", f"{DATASETS}/none", json={"name": "x"}).status_code == 404

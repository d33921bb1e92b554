"""Base, source and target connections: what they store, show and refuse."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from mixpanel_aep_sandbox import demo_data as data
from tests.support.sandbox.flow_client import DATA_LAKE_SPEC, FLOW, MIXPANEL_SPEC, ZONE, Client

pytestmark = pytest.mark.sandbox

WRONG = {"password": "not-the-secret"}


def test_a_password_is_never_shown(client: Client) -> None:
    key = client.connection()
    shown = client.item(f"/connections/{key}")
    assert shown["auth"] == {
        "specName": "Basic Authentication",
        "params": {"username": data.SERVICE_ACCOUNT},
    }
    client.ok("PATCH", f"{FLOW}/connections/{key}", _account(**WRONG), headers={"If-Match": "*"})
    for path in ("/connections", f"/connections/{key}", f"/connections/{key}/test"):
        text = client.ask("GET", FLOW + path).text
        assert data.SERVICE_ACCOUNT_SECRET not in text and WRONG["password"] not in text
    assert WRONG["password"] not in json.dumps(client.transcript(service=""))


def _account(**params: str) -> list[dict[str, Any]]:
    account = {"username": data.SERVICE_ACCOUNT, "password": data.SERVICE_ACCOUNT_SECRET}
    return [{"op": "replace", "path": "/auth/params", "value": account | params}]


def test_a_password_cannot_be_moved_to_a_visible_field(client: Client) -> None:
    path = f"{FLOW}/connections/{client.connection()}"
    for op in ("copy", "move", "test"):
        operation = {"op": op, "from": "/auth/params/password", "path": "/description", "value": "x"}
        assert client.refused("PATCH", path, [operation], headers={"If-Match": "*"}) == "1434-400"


def test_a_connection_is_tested_with_a_request_to_mixpanel(client: Client) -> None:
    good, bad = client.connection(), client.connection(**WRONG)
    assert client.ok("GET", f"{FLOW}/connections/{good}/test/") == {"result": True}
    assert client.ok("GET", f"{FLOW}/connections/{bad}/test") == {"result": False}
    assert [(entry["path"], entry["status"]) for entry in client.transcript(service="mixpanel")] == [
        ("/api/app/me", 200),
        ("/api/app/me", 401),
    ]
    client.ok("PATCH", f"{FLOW}/connections/{bad}", _account(), headers={"If-Match": "*"})
    assert client.ok("GET", f"{FLOW}/connections/{bad}/test") == {"result": True}


def test_a_wrong_account_is_refused_at_once_if_configured(client: Client) -> None:
    client.settings(flow_test_on_create=True)
    params = {"username": data.SERVICE_ACCOUNT, **WRONG}
    body = {"name": "x", "connectionSpec": MIXPANEL_SPEC, "auth": {"specName": "Basic Authentication"}}
    body["auth"] |= {"params": params}  # type: ignore[operator]
    assert client.refused("POST", f"{FLOW}/connections", body) == "1100-400"
    client.connection()


@pytest.mark.parametrize(
    ("account", "given", "reason"),
    [
        (WRONG, {}, "Mixpanel answered 401"),
        ({}, {"projectId": "999"}, "Mixpanel answered 403"),
        ({}, {"projectId": 2671127, "timezone": "Eastern Standard Time"}, "is not Eastern Standard Time"),
        ({}, {"timezone": "Nowhere Standard Time"}, "is not a time zone"),
        ({}, {"timezone": None}, "is not a time zone"),
        ({}, {"projectId": "-1"}, "is not the number of a project"),
        # Without the beta's host, a project in the EU cannot be reached.
        (
            {},
            {"projectId": str(data.HOSTILE_PROJECT_ID), "timezone": "UTC"},
            "invalid project id for cluster",
        ),
    ],
)
def test_a_project_that_mixpanel_refuses_cannot_be_explored(
    client: Client, account: dict[str, str], given: dict[str, Any], reason: str
) -> None:
    answer = client.explore(client.connection(**account), **given)
    assert answer.status_code == 400
    assert reason in answer.json()["errorMessage"]


def test_a_project_in_the_eu_is_explored_by_the_host_of_the_beta(client: Client) -> None:
    key = client.connection(host="https://data-eu.mixpanel.com")
    assert client.ok("GET", f"{FLOW}/connections/{key}/test") == {"result": True}
    answer = client.explore(key, projectId=str(data.HOSTILE_PROJECT_ID), timezone="UTC")
    assert answer.status_code == 200
    found = answer.json()["schema"]["properties"]["properties"]["properties"]
    # A property with numbers and texts is a text; one that is always null has no better type.
    assert found["$browser_version"] == {"type": "number"} or found["$browser_version"]["type"] in (
        "integer",
        "string",
    )
    assert found["mp_processing_time_ms"]["type"] == "integer"


def test_the_zone_is_not_checked_if_configured(client: Client) -> None:
    client.settings(flow_explore_checks_zone=False)
    assert client.explore(client.connection(), timezone="Eastern Standard Time").status_code == 200


def test_iana_names_are_accepted_too(client: Client) -> None:
    key = client.connection()
    for name in ("America/Los_Angeles", "US/Pacific", ZONE):
        assert client.explore(key, timezone=name).status_code == 200


def test_without_preview_there_is_a_schema_and_no_data(client: Client) -> None:
    where = f"{FLOW}/connections/{client.connection()}/explore"
    params = json.dumps({"projectId": "2671127", "timezone": ZONE}).encode()
    query = {"objectType": "REST", "FileType": "JSON", "preview": "false"}
    for encoded in (base64.b64encode(params).decode().rstrip("="), base64.urlsafe_b64encode(params).decode()):
        found = client.ok("GET", where, params=query | {"sourceParams": encoded})
        assert found["data"] == [] and "properties" in found["schema"]["properties"]


@pytest.mark.parametrize(
    "query",
    [
        {"objectType": "file"},
        {"fileType": "delimited"},
        {"object": "xml"},
        {"sourceParams": "not base64!"},
        {"sourceParams": base64.b64encode(b"[]").decode()},
        {"sourceParams": base64.b64encode(b"{").decode()},
        {"sourceParams": base64.b64encode(b"\xff").decode()},
        {"sourceParams": ""},
    ],
)
def test_an_invalid_exploration_is_refused(client: Client, query: dict[str, str]) -> None:
    params = base64.b64encode(json.dumps({"projectId": "2671127", "timezone": ZONE}).encode()).decode()
    asked = {"objectType": "rest", "object": "json", "fileType": "json", "sourceParams": params}
    path = f"{FLOW}/connections/{client.connection()}/explore"
    assert client.refused("GET", path, params=asked | query) == "1100-400"
    assert client.refused("GET", f"{FLOW}/connections/nowhere/explore", params=asked) == "1439-404"


def test_exploring_fails_if_mixpanel_ends_early(client: Client) -> None:
    key = client.connection()
    for action in ({"do": "cut", "after_bytes": 300}, {"do": "drop"}, {"do": "answer", "status": 502}):
        client.plan_fault(**action, service="mixpanel", path="/api/2.0/export")
        answer = client.explore(key)
        assert (answer.status_code, answer.json()["title"]) == (503, "Service Unavailable")
    assert client.explore(key).status_code == 200


def test_a_change_needs_the_current_etag(client: Client) -> None:
    key = client.connection()
    path, change = f"{FLOW}/connections/{key}", [{"op": "REPLACE", "path": "/name", "value": "Other"}]
    assert client.refused("PATCH", path, change) == "1403-400"
    etag = client.item(f"/connections/{key}")["etag"]
    # One sample has the quotes that belong to the etag, another has not.
    changed = client.ok("PATCH", path, change, headers={"If-Match": etag.strip('"')})
    assert client.item(f"/connections/{key}")["version"] == changed["etag"] != etag
    assert client.refused("PATCH", path, change, headers={"If-Match": etag}) == "1404-412"
    assert client.item(f"/connections/{key}")["name"] == "Other"


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ({"op": "replace", "path": "/id", "value": "x"}, "1455-400"),
        ({"op": "replace", "path": "/connectionSpec/id", "value": "x"}, "1414-400"),
        ({"op": "replace", "path": "/auth/params/nothing", "value": "x"}, "1455-400"),
        ({"op": "remove", "path": "/name"}, "1100-400"),
        ({"op": "add", "path": "/name"}, "1455-400"),
        ({"op": "add", "path": "name", "value": "x"}, "1455-400"),
        ({"op": "replace", "path": "", "value": {}}, "1455-400"),
        ({"op": "add", "path": "/auth", "value": None}, "1100-400"),
    ],
)
def test_what_cannot_be_changed(client: Client, operation: dict[str, Any], code: str) -> None:
    path = f"{FLOW}/connections/{client.connection()}"
    assert client.refused("PATCH", path, [operation], headers={"If-Match": "*"}) == code
    assert client.refused("PATCH", path, [], headers={"If-Match": "*"}) == "1405-400"
    assert client.refused("PATCH", path, {"op": "add"}, headers={"If-Match": "*"}) == "1455-400"


def test_a_source_connection_belongs_to_its_base_connection(client: Client) -> None:
    base = client.connection()
    key = client.source(base)
    assert client.item(f"/sourceConnections/{key}")["inheritedAttributes"] == {
        "baseConnection": {"id": base, "connectionSpec": MIXPANEL_SPEC}
    }
    body = {
        "name": "x",
        "connectionSpec": MIXPANEL_SPEC,
        "data": {"format": "json"},
        "params": {"projectId": "1", "timezone": ZONE},
    }
    path = f"{FLOW}/sourceConnections"
    assert client.refused("POST", path, body) == "1101-404"
    body["baseConnectionId"] = base
    assert client.refused("POST", path, body | {"data": {"format": "delimited"}}) == "1100-400"
    assert client.refused("POST", path, body | {"params": {"projectId": "1"}}) == "1100-400"
    assert client.refused("POST", path, body | {"connectionSpec": DATA_LAKE_SPEC}) == "1413-400"


def test_both_documented_specifications_are_accepted_for_a_target(client: Client) -> None:
    schema = client.schema()
    dataset = client.add_dataset(schema=schema)
    for spec in (MIXPANEL_SPEC, DATA_LAKE_SPEC):
        key = client.target(dataset, spec)
        assert client.item(f"/targetConnections/{key}")["connectionSpec"] == spec
    with_schema = {
        "name": "x",
        "connectionSpec": DATA_LAKE_SPEC,
        "data": {
            "format": "parquet_xdm",
            "schema": {"id": schema, "version": "application/vnd.adobe.xed-full+json;version=1"},
        },
        "params": {"dataSetId": dataset},
    }
    path = f"{FLOW}/targetConnections"
    client.ok("POST", path, with_schema)
    assert client.refused("POST", path, with_schema | {"params": {"dataSetId": "gone"}}) == "1100-400"
    other = {"format": "json", "schema": {"id": "https://ns.adobe.com/acmesandbox/schemas/other"}}
    assert client.refused("POST", path, with_schema | {"data": other}) == "1100-400"


def test_specifications_are_listed_found_and_filtered(client: Client) -> None:
    specs = client.ok("GET", f"{FLOW}/connectionSpecs")["items"]
    assert {spec["id"] for spec in specs} == {MIXPANEL_SPEC["id"], DATA_LAKE_SPEC["id"]}
    (mixpanel,) = client.ok("GET", f"{FLOW}/connectionSpecs/{MIXPANEL_SPEC['id']}/")["items"]
    assert mixpanel["sourceSpec"]["attributes"]["urlParams"]["path"] == "/api/2.0/export"
    (flow,) = client.ok("GET", f'{FLOW}/flowSpecs?property=name=="RestStorageToAEP"')["items"]
    assert MIXPANEL_SPEC["id"] in flow["sourceConnectionSpecIds"]
    assert flow["targetConnectionSpecIds"] == [DATA_LAKE_SPEC["id"]]
    assert client.ok("GET", f"{FLOW}/flowSpecs?property=name==CRMToAEP")["items"] == []
    assert client.refused("GET", f"{FLOW}/flowSpecs/nowhere") == "1439-404"


def test_connections_of_one_aep_sandbox_are_not_in_another(client: Client) -> None:
    key = client.connection()
    client.aep_sandbox = "dev"
    assert client.ok("GET", f"{FLOW}/connections")["items"] == []
    assert client.refused("GET", f"{FLOW}/connections/{key}") == "1439-404"

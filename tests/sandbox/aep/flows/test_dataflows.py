"""Dataflows: their parts, their changes, and when they can no longer be changed."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.support.sandbox.flow_client import COMPLETED, FLOW, MAPPING_SETS, Client

pytestmark = pytest.mark.sandbox

FLOWS = f"{FLOW}/flows"
ANY = {"If-Match": "*"}
PAST, FUTURE = "1625040887", "1893456000"


@pytest.fixture
def body(client: Client) -> dict[str, Any]:
    return client.chain()


@pytest.mark.parametrize(
    ("schedule", "taken_by"),
    [
        ({"frequency": "once"}, "spec tutorial"),
        ({"frequency": "ONCE"}, "spec tutorial"),
        ({"frequency": "once", "interval": 15}, "tutorial"),
        ({"frequency": "once", "backfill": "true"}, "tutorial"),
        ({"frequency": "minute", "interval": 15}, "spec tutorial"),
        ({"frequency": "minute", "interval": "15", "backfill": "false"}, "spec tutorial"),
        ({"frequency": "minute", "interval": 14}, ""),
        ({"frequency": "hour", "interval": 1}, "spec"),
        ({"frequency": "hour", "interval": 15, "backfill": True}, "spec tutorial"),
        ({"frequency": "day", "interval": 14}, "spec"),
        ({"frequency": "week", "interval": 0}, ""),
        ({"frequency": "week", "interval": -15}, ""),
        ({"frequency": "week"}, ""),
        ({"frequency": "day", "interval": 10**30}, ""),
        ({"frequency": "day", "interval": 1.5}, ""),
        ({"frequency": "day", "interval": True}, ""),
        ({"frequency": "day", "interval": 15, "backfill": "yes"}, ""),
        ({"frequency": "month", "interval": 15}, ""),
        ({"startTime": None, "frequency": "once"}, ""),
        ({"startTime": "soon", "frequency": "once"}, ""),
        ({"startTime": -1, "frequency": "once"}, ""),
        ({"startTime": 10**400, "frequency": "once"}, "spec tutorial"),
        ({"startTime": 1625040887000, "frequency": "once"}, "spec tutorial"),
    ],
)
def test_schedules(client: Client, body: dict[str, Any], schedule: dict[str, Any], taken_by: str) -> None:
    """The flow spec requires 15 for minutes only, the tutorial for every frequency but once."""
    wanted = body | {"scheduleParams": {"startTime": FUTURE, **schedule}}
    for rules in ("spec", "tutorial"):
        client.settings(flow_schedule_rules=rules)
        if rules in taken_by:
            client.flow(wanted)
        else:
            assert client.refused("POST", FLOWS, wanted) == "1100-400"


def test_a_start_in_the_past_is_refused_if_configured(client: Client, body: dict[str, Any]) -> None:
    client.settings(flow_start_in_past="refuse")
    assert client.refused("POST", FLOWS, body) == "1100-400"
    client.flow(body | {"scheduleParams": {"startTime": FUTURE, "frequency": "once"}})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": None}, "1100-400"),
        ({"name": " "}, "1100-400"),
        ({"state": "disabled"}, "1410-400"),
        ({"flowSpec": {"id": "9753525b-82c7-4dce-8a9b-5ccfce2b9876"}}, "1413-400"),
        ({"flowSpec": None}, "1100-400"),
        ({"sourceConnectionIds": []}, "1100-400"),
        ({"sourceConnectionIds": ["gone"]}, "1101-404"),
        ({"targetConnectionIds": [{}]}, "1101-404"),
        ({"transformations": []}, "1100-400"),
        ({"transformations": None}, "1100-400"),
        ({"scheduleParams": None}, "1100-400"),
        ({"options": {"partialIngestionPercent": 0}}, "1100-400"),
        ({"options": {"partialIngestionPercent": True}}, "1100-400"),
        ({"options": {"errorDiagnosticsEnabled": "true"}}, "1100-400"),
        ({"options": {"other": 1}}, "1100-400"),
    ],
)
def test_what_a_dataflow_needs(
    client: Client, body: dict[str, Any], change: dict[str, Any], code: str
) -> None:
    assert client.refused("POST", FLOWS, body | change) == code
    assert client.refused("POST", FLOWS, {}) == "1405-400"


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"mappingId": "gone"}, "1419-400"),
        ({"mappingId": 1}, "1100-400"),
        ({"mappingVersion": 7}, "1412-400"),
        ({"mappingVersion": "x"}, "1412-400"),
        ({"mappingVersion": [0]}, "1412-400"),
    ],
)
def test_the_mapping_of_a_dataflow_must_exist(
    client: Client, body: dict[str, Any], params: dict[str, Any], code: str
) -> None:
    mapping = body["transformations"][0]["params"] | params
    wanted = body | {"transformations": [{"name": "Mapping", "params": mapping}]}
    assert client.refused("POST", FLOWS, wanted) == code


def test_the_mapping_must_be_for_the_schema_of_the_dataset(client: Client, body: dict[str, Any]) -> None:
    other = client.mapping(client.schema("Other"))
    wanted = body | {"transformations": [{"name": "Mapping", "params": {"mappingId": other}}]}
    assert client.refused("POST", FLOWS, wanted) == "1425-400"


def test_the_mapping_of_a_dataflow_is_changed_to_a_newer_version(
    client: Client, body: dict[str, Any]
) -> None:
    flow = client.flow(body | {"scheduleParams": {"startTime": PAST, "frequency": "day", "interval": 1}})
    mapping = body["transformations"][0]["params"]["mappingId"]
    mapping_set = client.ok("GET", f"{MAPPING_SETS}/{mapping}")
    client.ok("PUT", f"{MAPPING_SETS}/{mapping}", mapping_set)
    value = {"name": "Mapping", "params": {"mappingId": mapping, "mappingVersion": 1}}
    change = [{"op": "replace", "path": "/transformations/0", "value": value}]
    client.ok("PATCH", f"{FLOWS}/{flow}", change, headers=ANY)
    assert client.item(f"/flows/{flow}")["transformations"] == [value]
    value["params"]["mappingVersion"] = 2
    assert client.refused("PATCH", f"{FLOWS}/{flow}", change, headers=ANY) == "1412-400"


def test_a_start_time_cannot_be_changed_once_it_has_passed(client: Client, body: dict[str, Any]) -> None:
    change = [{"op": "replace", "path": "/scheduleParams/startTime", "value": "1900000000"}]
    schedule = {"startTime": FUTURE, "frequency": "day", "interval": 1}
    flow = client.flow(body | {"scheduleParams": schedule})
    client.ok("PATCH", f"{FLOWS}/{flow}", change, headers=ANY)
    client.clock.set("2031-01-01T00:00:00Z", freeze=True)
    client.ok("POST", f"{FLOWS}/{flow}/action?op=DISABLE")
    change[0]["value"] = "1950000000"
    # "This limitation applies to both enabled and disabled dataflows."
    assert client.refused("PATCH", f"{FLOWS}/{flow}", change, headers=ANY) == "1100-400"
    change[0]["value"] = "1900000000"
    client.ok("PATCH", f"{FLOWS}/{flow}", change, headers=ANY)


def test_a_one_time_dataflow_keeps_its_schedule_and_mapping(client: Client, body: dict[str, Any]) -> None:
    flow = client.flow(body)
    again = [{"op": "replace", "path": "/scheduleParams/frequency", "value": "day"}]
    again.append({"op": "add", "path": "/scheduleParams/interval", "value": "1"})
    assert client.refused("PATCH", f"{FLOWS}/{flow}", again, headers=ANY) == "1100-400"
    client.ok("PATCH", f"{FLOWS}/{flow}", [{"op": "remove", "path": "/description"}], headers=ANY)
    assert "description" not in client.item(f"/flows/{flow}")
    client.settings(flow_once_locked=False)
    client.ok("PATCH", f"{FLOWS}/{flow}", again, headers=ANY)


def test_source_and_target_of_a_dataflow_cannot_be_changed(client: Client, body: dict[str, Any]) -> None:
    flow = client.flow(body)
    other = client.target(client.add_dataset("Other", schema=client.schema("Other")))
    change = [{"op": "replace", "path": "/targetConnectionIds/0", "value": other}]
    assert client.refused("PATCH", f"{FLOWS}/{flow}", change, headers=ANY) == "1425-400"
    source = client.source(client.connection())
    change = [{"op": "replace", "path": "/sourceConnectionIds/0", "value": source}]
    assert client.refused("PATCH", f"{FLOWS}/{flow}", change, headers=ANY) == "1100-400"


def test_actions_are_case_insensitive(client: Client, body: dict[str, Any]) -> None:
    path = f"{FLOWS}/{client.flow(body)}/action"
    for op, state in (("DISABLE", "disabled"), ("enable", "enabled"), ("Disable", "disabled")):
        client.ok("POST", f"{path}/?op={op}")
        assert client.item(path.removeprefix(FLOW).removesuffix("/action"))["state"] == state
        assert client.refused("POST", f"{path}?op={op}") == "1422-400"
    assert client.refused("POST", f"{path}?op=FINALIZE") == "1402-400"
    assert client.refused("POST", f"{path}?op=reverse") == "1434-400"
    assert client.refused("POST", path) == "1434-400"
    assert client.refused("POST", f"{path}?op=ENABLE", headers={"If-Match": "old"}) == "1404-412"
    assert client.refused("POST", f"{FLOWS}/gone/action?op=ENABLE") == "1439-404"


def test_ids_may_be_encoded_and_paths_may_end_with_a_slash(client: Client, body: dict[str, Any]) -> None:
    flow = client.ok("POST", f"{FLOWS}/", body)["id"]
    encoded = "".join(f"%{ord(letter):02X}" for letter in flow)
    assert client.item(f"/flows/{encoded}/")["id"] == client.item(f"/flows/{quote(flow)}")["id"] == flow


def test_resources_used_by_a_dataflow_cannot_be_deleted(client: Client, body: dict[str, Any]) -> None:
    flow = client.flow(body)
    ends = [
        f"{FLOW}/sourceConnections/{body['sourceConnectionIds'][0]}",
        f"{FLOW}/targetConnections/{body['targetConnectionIds'][0]}",
    ]
    assert [client.refused("DELETE", end) for end in ends] == ["1447-400"] * 2
    client.ok("DELETE", f"{FLOWS}/{flow}/")
    assert client.refused("DELETE", f"{FLOWS}/{flow}") == "1439-404"
    for end in ends:
        client.ok("DELETE", end)
        assert client.refused("GET", end) == "1439-404"


def test_a_draft_is_completed_and_published(client: Client, body: dict[str, Any]) -> None:
    """The draft tutorial: created without mapping and schedule, patched, published."""
    first = {name: body[name] for name in ("name", "flowSpec", "sourceConnectionIds", "targetConnectionIds")}
    assert client.refused("POST", FLOWS, first) == "1100-400"
    flow = client.ok("POST", f"{FLOWS}?mode=draft", first)["id"]
    assert client.item(f"/flows/{flow}")["state"] == "draft"
    publish = f"{FLOWS}/{flow}/action?op=publish"
    assert client.refused("POST", publish) == "1100-400"
    assert client.refused("POST", f"{FLOWS}/{flow}/action?op=enable") == "1422-400"
    change = [
        {"op": "add", "path": f"/{name}", "value": body[name]}
        for name in ("transformations", "scheduleParams")
    ]
    client.ok("PATCH", f"{FLOWS}/{flow}", change, headers=ANY)
    assert client.runs(flow) == []
    assert client.ok("POST", publish)["id"] == flow
    assert client.item(f"/flows/{flow}")["state"] == "enabled"
    assert client.refused("POST", publish) == "1422-400"
    assert [run["metrics"]["statusSummary"]["status"] for run in client.runs(flow)] == ["success"]


def test_connections_may_be_drafts_too(client: Client) -> None:
    spec = {"connectionSpec": client.item(f"/connections/{client.connection()}")["connectionSpec"]}
    base = client.ok("POST", f"{FLOW}/connections?mode=draft", {"name": "x", **spec})["id"]
    assert client.ok("GET", f"{FLOW}/connections/{base}/test") == {"result": False}
    publish = f"{FLOW}/connections/{base}/action?op=PUBLISH"
    assert client.refused("POST", publish) == "1100-400"
    auth = {"specName": "Basic Authentication", "params": {"username": "u", "password": "p"}}
    client.ok(
        "PATCH", f"{FLOW}/connections/{base}", [{"op": "add", "path": "/auth", "value": auth}], headers=ANY
    )
    client.ok("POST", publish)
    assert client.item(f"/connections/{base}")["state"] == "enabled"
    for kind in ("sourceConnections", "targetConnections"):
        key = client.ok("POST", f"{FLOW}/{kind}?mode=draft", {"name": "x", **spec})["id"]
        assert client.refused("POST", f"{FLOW}/{kind}/{key}/action?op=PUBLISH") in ("1101-404", "1100-400")
    assert client.refused("POST", f"{FLOWS}?mode=other", {"name": "x"}) == "1451-400"


def test_a_dataflow_of_drafts_cannot_be_created(client: Client, body: dict[str, Any]) -> None:
    source = client.item(f"/sourceConnections/{body['sourceConnectionIds'][0]}")
    draft = client.ok("POST", f"{FLOW}/sourceConnections?mode=draft", source | {"state": None})
    assert client.refused("POST", FLOWS, body | {"sourceConnectionIds": [draft["id"]]}) == "1100-400"


def test_a_dataflow_lists_inherited_attributes(client: Client, body: dict[str, Any]) -> None:
    client.mapping(client.schema("Unused"), *COMPLETED)
    flow = client.item(f"/flows/{client.flow(body)}")
    assert flow["inheritedAttributes"]["targetConnections"][0]["id"] == body["targetConnectionIds"][0]
    assert flow["lastOperation"]["operation"] == "create"
    assert "plan" not in flow
    assert client.ok("GET", f"{FLOW}{flow['runs']}")["items"]

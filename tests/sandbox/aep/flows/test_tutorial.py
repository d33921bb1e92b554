"""Adobe's tutorial of its Mixpanel source, from the first call to the last (EP:sources/tutorials/api/create/analytics/
mixpanel.md, monitor.md, update-dataflows.md, delete-dataflows.md, delete.md), over plain HTTP."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from mixpanel_aep_sandbox import demo_data as data
from tests.support.sandbox.flow_client import COMPLETED, DATA_LAKE_SPEC, FLOW, MAPPED, TENANT, Client

pytestmark = pytest.mark.sandbox

PRINTED = "eyJwcm9qZWN0SWQiOiIyNjcxMTI3IiwidGltZXpvbmUiOiJQYWNpZmljIFN0YW5kYXJkIFRpbWUifQ=="
"""``sourceParams`` as the tutorial's table has it; its example call has a leftover of another source."""
LEFTOVER = "eyJsaXN0SWQiOiIxMGMwOTdjYTcxIn0="
EVENTS = [json.loads(line) for line in data.ADOBE_EVENTS.read_text().splitlines()]


def test_the_tutorial_from_its_first_call_to_its_last(client: Client) -> None:
    base = client.connection()
    assert client.ok("GET", f"{FLOW}/connections/{base}/test") == {"result": True}
    _explore(client, base)
    source = client.source(base)
    schema = client.schema()
    dataset = client.add_dataset(schema=schema)
    target = client.target(dataset)
    mapping = client.mapping(schema, *COMPLETED)

    created = client.ok("POST", f"{FLOW}/flows", client.flow_body(source, target, mapping))
    flow = created["id"]
    (run,) = client.runs(flow)
    _monitor(run, source, target)

    rows = client.preview(dataset)
    assert len(rows) == len(EVENTS)
    assert {row[TENANT]["item_name"] for row in rows} == {"charger", "chair", "mobile", "Watch", "Pen"}
    purchased = next(row for row in rows if row[TENANT]["item_name"] == "charger")
    # Read from `time`, 1652825148, it would be seven hours less: the project stores its wall clock.
    assert purchased["timestamp"] == "2022-05-18T05:05:48.643Z"
    assert purchased[TENANT] == {
        "distinct_id": "test@test.com",
        "event_name": "Items purchased",
        "insert_id": "935d87b1-00cd-41b7-be34-b9d98dd08b70",
        "item_id": "29066",
        "item_name": "charger",
        "item_price": "800.00",
        "mp_api_endpoint": "api.mixpanel.com",
        "mp_api_timestamp_ms": 1652850348643,
        "mp_processing_time_ms": 1652850348702,
        "time": 1652825148,
    }
    _update(client, flow)
    _take_down(client, flow, base)


def _explore(client: Client, base: str) -> None:
    where = f"{FLOW}/connections/{base}/explore?objectType=rest&object=json&fileType=json&preview=true&sourceParams="
    assert base64.b64decode(PRINTED) == b'{"projectId":"2671127","timezone":"Pacific Standard Time"}'
    found = client.ok("GET", where + PRINTED)
    assert client.refused("GET", where + LEFTOVER) == "1100-400"
    assert found["format"] == "hierarchical"
    assert sorted(found["data"], key=str) == sorted(EVENTS, key=str)
    long = {"type": "integer", "minimum": -9007199254740992, "maximum": 9007199254740991}
    text = {"type": "string"}
    assert found["schema"] == {
        "type": "object",
        "properties": {
            "event": text,
            "properties": {
                "type": "object",
                "properties": {
                    "$mp_api_endpoint": text,
                    "$insert_id": text,
                    "item_id": text,
                    "distinct_id": text,
                    "$mp_api_timestamp_ms": long,
                    "item_price": text,
                    "$import": {"type": "boolean"},
                    "item_name": text,
                    "time": long,
                    "mp_processing_time_ms": long,
                },
            },
        },
    }


def _monitor(run: dict[str, Any], source: str, target: str) -> None:
    metrics = run["metrics"]
    assert metrics["statusSummary"] == {"status": "success", "activityRefs": ["promotionActivity"]}
    assert metrics["recordSummary"] == {
        "inputRecordCount": 10,
        "outputRecordCount": 10,
        "failedRecordCount": 0,
    }
    assert (metrics["fileSummary"]["inputFileCount"], metrics["fileSummary"]["outputFileCount"]) == (1, 1)
    copied, promoted = run["activities"]
    assert (copied["id"], promoted["id"]) == ("copyActivity", "promotionActivity")
    assert copied["sizeSummary"]["inputBytes"] > 0
    assert copied["sourceInfo"][0]["id"] == source
    assert copied["sourceInfo"][0]["reference"]["type"] == "AdfRunId"
    assert promoted["targetInfo"][0]["id"] == target
    assert promoted["targetInfo"][0]["reference"]["type"] == "Batch"
    duration = metrics["durationSummary"]
    assert duration["startedAtUTC"] <= duration["completedAtUTC"]


def _update(client: Client, flow: str) -> None:
    before = client.item(f"/flows/{flow}")
    assert before["state"] == "enabled" and before["version"] == before["etag"]
    assert before["lastRunDetails"]["state"] == "success"
    (inherited,) = before["inheritedAttributes"]["sourceConnections"]
    assert inherited["baseConnection"]["connectionSpec"]["id"] == "fd2c8ff3-1de0-4f6b-8fa8-4264784870eb"
    operations = [
        {"op": "replace", "path": "/scheduleParams/frequency", "value": "day"},
        {"op": "replace", "path": "/name", "value": "Database Dataflow Feb2021"},
        {"op": "replace", "path": "/description", "value": "Database dataflow for testing update API"},
    ]
    changed = client.ok("PATCH", f"{FLOW}/flows/{flow}", operations, headers={"If-Match": before["etag"]})
    after = client.item(f"/flows/{flow}")
    assert changed == {"id": flow, "etag": after["etag"]} and after["etag"] != before["etag"]
    assert after["name"] == "Database Dataflow Feb2021"
    assert after["scheduleParams"] == {"startTime": "1625040887", "frequency": "day", "interval": 15}
    assert after["lastOperation"]["ops"] == operations
    assert after["lastOperation"]["status"] == {"value": "completed", "errors": []}


def _take_down(client: Client, flow: str, base: str) -> None:
    client.ok("POST", f"{FLOW}/flows/{flow}/action?op=disable")
    assert client.item(f"/flows/{flow}")["state"] == "disabled"
    assert client.refused("DELETE", f"{FLOW}/connections/{base}") == "1418-400"
    for kind, key in (("flows", flow), ("connections", base)):
        gone = client.ask("DELETE", f"{FLOW}/{kind}/{key}")
        assert (gone.status_code, gone.content) == (204, b"")
        assert client.refused("GET", f"{FLOW}/{kind}/{key}") == "1439-404"


def test_the_tutorials_own_mapping_fits_no_experience_event(client: Client) -> None:
    """It maps neither ``_id`` nor ``timestamp``, so every row lacks required fields."""
    schema = client.schema()
    dataset = client.add_dataset(schema=schema)
    source, target = client.source(client.connection()), client.target(dataset, DATA_LAKE_SPEC)
    body = client.flow_body(source, target, client.mapping(schema))
    flow = client.flow({**body, "options": {"errorDiagnosticsEnabled": True}})
    (run,) = client.runs(flow)
    assert run["metrics"]["statusSummary"] == {
        "status": "failed",
        "errors": [{"code": "CONNECTOR-2001-500", "message": "Error occurred at promotion activity."}],
        "activityRefs": ["promotionActivity"],
    }
    assert run["metrics"]["recordSummary"] == {
        "inputRecordCount": 10,
        "outputRecordCount": 0,
        "failedRecordCount": 10,
    }
    extensions = run["activities"][1]["statusSummary"]["extensions"]
    assert [(error["code"], error.get("recordCount")) for error in extensions["errors"]] == [
        ("INGEST-1212-400", None),
        ("INGEST-1555-400", 10),
    ]
    # The address of the diagnostics that the run reports is valid.
    listed = client.ok("GET", _path(client, extensions["manifest"]["failedRecords"]))["data"]
    assert [entry["name"] for entry in listed] == ["validation_errors_0.json"]
    first = client.ask("GET", _path(client, listed[0]["_links"]["self"]["href"])).text.splitlines()[0]
    assert {error["code"] for error in json.loads(first)["_errors"]} == {"1555"}
    assert client.preview(dataset) == []
    assert set(json.loads(first)[TENANT]) <= set(MAPPED)


def _path(client: Client, address: str) -> str:
    assert address.startswith(client.url)
    return address.removeprefix(client.url)

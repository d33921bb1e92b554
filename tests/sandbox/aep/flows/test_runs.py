"""Runs: what they read, load and report."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mixpanel_aep_sandbox import demo_data as data
from mixpanel_aep_sandbox.aep.core.constants import CATALOG
from tests.support.sandbox.flow_client import COMPLETED, FLOW, TENANT, Client
from tests.support.sandbox.http_client import Sandbox

pytestmark = pytest.mark.sandbox

RUNS = f"{FLOW}/runs"
EVENTS = [json.loads(line) for line in data.ADOBE_EVENTS.read_text().splitlines()]
NEVER = {"startTime": "4000000000", "frequency": "once"}
"""A one-time dataflow that only an on-demand run executes."""
DAY = ("1652770800", "1652857200")
"""2022-05-17 in Los Angeles, from midnight to midnight."""


def status(run: dict[str, Any]) -> str:
    return str(run["metrics"]["statusSummary"]["status"])


def codes(run: dict[str, Any]) -> list[str]:
    """Return the errors of the run and those of its last activity."""
    errors = run["metrics"]["statusSummary"].get("errors", [])
    behind = run["activities"][-1]["statusSummary"].get("extensions", {}).get("errors", [])
    return [error["code"] for error in (*errors, *behind)]


def counts(run: dict[str, Any]) -> tuple[int, int, int]:
    found = run["metrics"]["recordSummary"]
    return (found["inputRecordCount"], found["outputRecordCount"], found["failedRecordCount"])


def on_demand(client: Client, flow: str, **params: Any) -> dict[str, Any]:
    """Run to its end."""
    key = client.ok("POST", f"{RUNS}/", {"flowId": flow, "params": params})["id"]
    return client.item(f"/runs/{key}/")


def dataset_of(client: Client, body: dict[str, Any]) -> str:
    target = client.item(f"/targetConnections/{body['targetConnectionIds'][0]}")
    return str(target["params"]["dataSetId"])


def times(client: Client, body: dict[str, Any]) -> list[int]:
    """Return ``time`` of the rows in the dataset."""
    return sorted(row[TENANT]["time"] for row in client.preview(dataset_of(client, body)))


@pytest.fixture
def body(client: Client) -> dict[str, Any]:
    return client.chain() | {"scheduleParams": NEVER}


@pytest.mark.parametrize("unit", ["seconds", "milliseconds", "numbers"])
def test_a_window_is_read_by_the_projects_days(client: Client, body: dict[str, Any], unit: str) -> None:
    start, end = {
        "seconds": DAY,
        "milliseconds": tuple(f"{each}000" for each in DAY),
        "numbers": tuple(int(each) for each in DAY),
    }[unit]
    run = on_demand(client, client.flow(body), windowStartTime=start, windowEndTime=end)
    assert (status(run), counts(run)) == ("success", (1, 1, 0))
    # 22:05:48 on the project's clock; in UTC it is already the next day.
    assert times(client, body) == [1652825148]
    extensions = run["activities"][0]["durationSummary"]["extensions"]
    assert extensions == {"windowStart": 1652770800000, "windowEnd": 1652857200000}
    assert run["activities"][0]["statusSummary"]["extensions"] == {"type": "one-time"}
    assert run["params"] == {"windowStartTime": start, "windowEndTime": end}
    (asked,) = client.control("GET", "/mixpanel/exports")
    assert (asked["project_id"], asked["from_date"], asked["to_date"]) == (
        2671127,
        "2022-05-17",
        "2022-05-17",
    )


def test_a_wrong_zone_shifts_the_read_days(client: Client, body: dict[str, Any]) -> None:
    source = client.source(client.connection(), zone="Tokyo Standard Time")
    flow = client.flow(body | {"sourceConnectionIds": [source]})
    on_demand(client, flow, windowStartTime=DAY[0], windowEndTime=DAY[1])
    (asked,) = client.control("GET", "/mixpanel/exports")
    assert (asked["from_date"], asked["to_date"]) == ("2022-05-17", "2022-05-18")


def test_the_example_of_the_guide_runs(client: Client, body: dict[str, Any]) -> None:
    """Its ``windowEndTime`` has one digit too many: a date in the far future."""
    params = {
        "startTime": "1663735590",
        "windowStartTime": "1651584991",
        "windowEndTime": "16515859567",
        "deltaColumn": {"name": "DOB"},
    }
    flow = client.flow(body)
    created = client.ok("POST", f"{RUNS}/", {"flowId": flow, "params": params})
    assert status(created) == "scheduled" and created["activities"] == []
    assert created["items"] == [{"id": created["id"], "etag": created["etag"]}]
    run = client.item(f"/runs/{created['id']}")
    assert (status(run), counts(run)) == ("success", (3, 3, 0))
    steps = client.item(f"/flows/{flow}")["transformations"]
    assert steps[1] == {"name": "Copy", "params": {"deltaColumn": {"name": "DOB"}}}
    again = {"flowId": flow, "params": {"deltaColumn": {"name": "DOB"}}}
    client.ok("POST", RUNS, again)
    # "Any attempts to change the deltaColumn value through the flow run parameters will result in an error."
    assert (
        client.refused("POST", RUNS, {"flowId": flow, "params": {"deltaColumn": {"name": "x"}}}) == "1100-400"
    )


@pytest.mark.parametrize(
    ("form", "names"),
    [
        ("items", {"items"}),
        ("id", {"id", "etag"}),
        ("run", {"id", "etag", "metrics", "activities", "flowId"}),
    ],
)
def test_the_forms_of_the_response(client: Client, body: dict[str, Any], form: str, names: set[str]) -> None:
    client.settings(flow_run_answer=form)
    answer = client.ok("POST", RUNS, {"flowId": client.flow(body)})
    assert names <= answer.keys() and ("items" in answer) is (form == "items")


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, "1405-400"),
        ({"params": {}}, "1446-400"),
        ({"flowId": "gone"}, "1430-400"),
        ({"params": []}, "1100-400"),
        ({"params": {"windowStartTime": "x"}}, "1100-400"),
        ({"params": {"windowStartTime": 2, "windowEndTime": 1}}, "1100-400"),
        ({"params": {"windowEndTime": 1.5}}, "1100-400"),
        ({"params": {"startTime": True}}, "1100-400"),
        ({"params": {"deltaColumn": "DOB"}}, "1100-400"),
    ],
)
def test_the_requirements_of_a_run_on_demand(
    client: Client, body: dict[str, Any], asked: dict[str, Any], code: str
) -> None:
    flow = client.flow(body)
    wanted = asked if code in ("1405-400", "1446-400") else {"flowId": flow} | asked
    assert client.refused("POST", RUNS, wanted) == code


def test_only_an_enabled_one_time_dataflow_is_run_on_demand(client: Client, body: dict[str, Any]) -> None:
    daily = client.flow(body | {"scheduleParams": NEVER | {"frequency": "day", "interval": 1}})
    assert client.refused("POST", RUNS, {"flowId": daily}) == "1100-400"
    once = client.flow(body)
    client.ok("POST", f"{FLOW}/flows/{once}/action?op=DISABLE")
    assert client.refused("POST", RUNS, {"flowId": once}) == "1444-400"


def test_a_run_waits_for_its_start(client: Client, body: dict[str, Any]) -> None:
    flow = client.flow(body)
    # 2026-07-02T21:00:00Z, in an hour.
    run = on_demand(client, flow, startTime="1783026000", windowStartTime=DAY[0], windowEndTime=DAY[1])
    assert status(run) == "scheduled" and "durationSummary" not in run["metrics"]
    assert client.item(f"/flows/{flow}")["lastRunDetails"] == {"id": run["id"], "state": "scheduled"}
    client.clock.set("2026-07-02T21:00:00Z", freeze=True)
    (ended,) = client.runs(flow)
    assert (ended["id"], status(ended)) == (run["id"], "success")
    assert ended["metrics"]["durationSummary"]["startedAtUTC"] == 1783026000000
    assert client.item(f"/flows/{flow}")["lastRunDetails"]["state"] == "success"


def test_a_run_creates_an_ordinary_batch(client: Client, body: dict[str, Any]) -> None:
    flow = client.flow(body)
    run = on_demand(client, flow)
    (key,) = run["activities"][1]["targetInfo"][0]["reference"]["ids"]
    batch = client.ok("GET", f"{CATALOG}/batches/{key}")[key]
    assert batch["tags"]["flowId"] == [flow] and batch["tags"]["flowRunId"] == [run["id"]]
    assert batch["status"] == "success"
    metrics = batch["metrics"]
    assert (
        counts(run)
        == (10, 10, 0)
        == (
            metrics["inputRecordCount"],
            metrics["outputRecordCount"],
            metrics["failedRecordCount"],
        )
    )
    assert run["metrics"]["sizeSummary"] == {
        "inputBytes": metrics["inputByteSize"],
        "outputBytes": metrics["outputByteSize"],
    }
    assert times(client, body) == sorted(event["properties"]["time"] for event in EVENTS)


def test_a_run_is_in_progress_until_its_batch_has_ended(client: Client, body: dict[str, Any]) -> None:
    client.settings(batch_seconds=60)
    flow = client.flow(body)
    run = on_demand(client, flow)
    assert status(run) == "inProgress" and run["activities"][1]["recordSummary"] == {}
    assert client.ok("GET", f"{RUNS}?property=state==inProgress&count=true") == {"count": 1}
    client.clock.advance(60)
    ended = _until_ended(client, run["id"])
    assert (status(ended), counts(ended)) == ("success", (10, 10, 0))


def _until_ended(client: Client, key: str) -> dict[str, Any]:
    for _ in range(200):
        run = client.item(f"/runs/{key}")
        if status(run) != "inProgress":
            return run
    raise AssertionError(run)


IMPORTED = [{"sourceType": "ATTRIBUTE", "source": "data.import", "destination": "_id"}, COMPLETED[1]]
"""Only two of the ten events were imported: the others get no ``_id``."""


@pytest.mark.parametrize(
    ("options", "ended", "kept", "told"),
    [
        (None, "failed", 0, ["CONNECTOR-2001-500", "INGEST-1211-400"]),
        ({"partialIngestionPercent": 79}, "failed", 0, ["CONNECTOR-2001-500", "INGEST-1211-400"]),
        ({"partialIngestionPercent": 80}, "success", 2, ["CONNECTOR-2001-500", "INGEST-1211-400"]),
        (
            {"partialIngestionPercent": 80, "errorDiagnosticsEnabled": True},
            "success",
            2,
            ["CONNECTOR-2001-500", "INGEST-1212-400", "INGEST-1555-400"],
        ),
    ],
)
def test_bad_rows_up_to_the_threshold_are_accepted(
    client: Client, options: dict[str, Any] | None, ended: str, kept: int, told: list[str]
) -> None:
    body = client.chain(*IMPORTED) | {"scheduleParams": NEVER, "options": options}
    run = on_demand(client, client.flow(body))
    assert (status(run), counts(run), codes(run)) == (ended, (10, kept, 8), told)
    assert len(client.preview(dataset_of(client, body))) == kept


def test_a_failed_transformation_rejects_a_row_if_the_column_is_required(client: Client) -> None:
    """The column is null and the row is kept, unless the column is required."""
    names = {"sourceType": "ATTRIBUTE", "source": "data.item_name"}
    needed = client.chain(COMPLETED[0], names | {"destination": "timestamp"})
    options = {"errorDiagnosticsEnabled": True}
    run = on_demand(client, client.flow(needed | {"scheduleParams": NEVER, "options": options}))
    assert (status(run), counts(run)) == ("failed", (10, 0, 10))
    assert codes(run) == ["CONNECTOR-2001-500", "INGEST-1212-400", "MAPPER-3700-400"]
    assert run["activities"][1]["statusSummary"]["extensions"]["errors"][-1] == {
        "code": "MAPPER-3700-400",
        "recordCount": 10,
        "message": "Mapper Transform Error",
    }


def test_a_failed_transformation_of_an_optional_field_is_not_an_error(client: Client) -> None:
    names = {"sourceType": "ATTRIBUTE", "source": "data.item_name"}
    body = client.chain(*COMPLETED, names | {"destination": f"{TENANT}.time"}) | {"scheduleParams": NEVER}
    run = on_demand(client, client.flow(body))
    assert (status(run), counts(run)) == ("success", (10, 10, 0))
    assert "errors" not in run["metrics"]["statusSummary"]


def test_a_failed_copy_is_reported_and_retried(client: Client, body: dict[str, Any]) -> None:
    source = client.item(f"/sourceConnections/{body['sourceConnectionIds'][0]}")
    account = {"username": data.SERVICE_ACCOUNT, "password": "not-the-secret"}
    change = [{"op": "replace", "path": "/auth/params", "value": account}]
    connection = f"{FLOW}/connections/{source['baseConnectionId']}"
    client.ok("PATCH", connection, change, headers={"If-Match": "*"})
    flow = client.flow(body)
    run = on_demand(client, flow, windowStartTime=DAY[0], windowEndTime=DAY[1])
    assert status(run) == "failed" and codes(run) == ["CONNECTOR-1001-500", "2200"]
    cause = {"code": "2200", "message": "Mixpanel answered 401: Unauthorized"}
    assert run["metrics"]["recordSummary"] == {"failedInfo": [cause]}
    assert [each["id"] for each in run["activities"]] == ["copyActivity"]
    assert client.ok("GET", f"{RUNS}?property=metrics.statusSummary.status==Failed&count=true") == {
        "count": 1
    }

    client.ok("POST", f"{FLOW}/flows/{flow}/action?op=DISABLE")
    assert client.refused("POST", f"{RUNS}/{run['id']}/action?op=RE_TRIGGER") == "1444-400"
    client.ok("POST", f"{FLOW}/flows/{flow}/action?op=ENABLE")

    change[0]["value"] = account | {"password": data.SERVICE_ACCOUNT_SECRET}
    client.ok("PATCH", connection, change, headers={"If-Match": "*"})
    again = client.ok("POST", f"{RUNS}/{run['id']}/action?op=re-trigger")
    ended = client.item(f"/runs/{again['id']}")
    assert ended["parentFlowRunId"] == run["id"] != again["id"]
    assert (status(ended), counts(ended)) == ("success", (1, 1, 0))
    assert ended["activities"][0]["durationSummary"]["extensions"] == {
        "windowStart": 1652770800000,
        "windowEnd": 1652857200000,
    }
    assert client.refused("POST", f"{RUNS}/{ended['id']}/action?op=RE_TRIGGER") == "1422-400"
    assert client.refused("POST", f"{RUNS}/{ended['id']}/action?op=STOP") == "1434-400"
    assert client.refused("POST", f"{RUNS}/gone/action?op=RE_TRIGGER") == "1439-404"


@pytest.mark.parametrize(
    "fault",
    [
        {"do": "cut", "after_bytes": 400},
        {"do": "cut", "after_bytes": 400, "honest": True},
        {"do": "drop"},
        {"do": "sentinel"},
        {"do": "answer", "status": 500},
        {"do": "answer", "status": 429},
    ],
)
def test_a_truncated_export_creates_no_batch(
    client: Client, body: dict[str, Any], fault: dict[str, Any]
) -> None:
    client.plan_fault(**fault, service="mixpanel", path="/api/2.0/export", times=None)
    run = on_demand(client, client.flow(body))
    assert status(run) == "failed" and codes(run)[0] == "CONNECTOR-1001-500"
    assert client.ok("GET", f"{CATALOG}/batches") == {}


def test_mixpanel_is_asked_again_after_too_many_requests(client: Client, body: dict[str, Any]) -> None:
    client.plan_fault("answer", status=429, service="mixpanel", path="/api/2.0/export", times=2)
    assert status(on_demand(client, client.flow(body))) == "success"
    asked = client.transcript(service="mixpanel", path="/api/2.0/export")
    assert [entry["status"] for entry in asked] == [429, 429, 200]


def test_a_window_without_events_creates_no_batch(client: Client, body: dict[str, Any]) -> None:
    run = on_demand(client, client.flow(body), windowStartTime="1600000000", windowEndTime="1600000001")
    assert status(run) == "success" and [each["id"] for each in run["activities"]] == ["copyActivity"]
    assert run["metrics"]["recordSummary"] == {"inputRecordCount": 0, "outputRecordCount": 0}
    later = on_demand(client, client.flow(body), windowStartTime="1893456000", windowEndTime="1893459600")
    assert status(later) == "success"
    assert client.ok("GET", f"{CATALOG}/batches") == {}


def test_a_deleted_dataset_fails_the_run(client: Client, body: dict[str, Any]) -> None:
    flow = client.flow(body)
    client.ok("DELETE", f"{CATALOG}/dataSets/{dataset_of(client, body)}")
    run = on_demand(client, flow)
    assert status(run) == "failed" and codes(run)[0] == "CONNECTOR-3001-500"


def test_a_deleted_mapping_fails_the_run(client: Client, body: dict[str, Any]) -> None:
    flow = client.flow(body)
    mapping = body["transformations"][0]["params"]["mappingId"]
    client.ok("DELETE", f"/data/foundation/conversion/mappingSets/{mapping}")
    run = on_demand(client, flow)
    assert status(run) == "failed" and codes(run)[0] == "CONNECTOR-2001-500"


def test_an_aborted_batch_fails_the_run(client: Client, body: dict[str, Any]) -> None:
    client.settings(batch_seconds=60)
    run = on_demand(client, client.flow(body))
    (key,) = run["activities"][1]["targetInfo"][0]["reference"]["ids"]
    client.control("POST", f"/aep/batches/{key}", json={"status": "aborted"})
    assert status(client.item(f"/runs/{run['id']}")) == "failed"


def test_runs_are_found_by_dataflow_and_time(client: Client, body: dict[str, Any]) -> None:
    first, second = client.flow(body), client.flow(body)
    for flow in (first, second, second):
        client.clock.advance(10)
        on_demand(client, flow, windowStartTime=DAY[0], windowEndTime=DAY[1])
    assert [run["flowId"] for run in client.runs(second)] == [second, second]
    started = client.runs(second)[0]["metrics"]["durationSummary"]["startedAtUTC"]
    query = f"{RUNS}?property=flowId=={second}&property=metrics.durationSummary.startedAtUTC>{started}"
    assert len(client.ok("GET", query)["items"]) == 1
    newest = client.ok("GET", f"{RUNS}?orderby=-createdAt&limit=1")["items"]
    assert newest[0]["createdAt"] == started + 10_000


def test_a_later_change_of_source_or_target_is_not_reflected(client: Client, body: dict[str, Any]) -> None:
    flow = client.flow(body)
    source = f"{FLOW}/sourceConnections/{body['sourceConnectionIds'][0]}"
    change = [{"op": "replace", "path": "/params/projectId", "value": "999"}]
    client.ok("PATCH", source, change, headers={"If-Match": "*"})
    assert status(on_demand(client, flow)) == "success"
    other = client.add_dataset("Other", schema=client.schema("Other"))
    target = f"{FLOW}/targetConnections/{body['targetConnectionIds'][0]}"
    change = [{"op": "replace", "path": "/params/dataSetId", "value": other}]
    client.ok("PATCH", target, change, headers={"If-Match": "*"})
    assert status(on_demand(client, flow)) == "success" and client.preview(other) == []


def test_a_dataflow_shows_its_last_run_without_a_request_for_runs(
    client: Client, body: dict[str, Any]
) -> None:
    flow = client.flow(body)
    assert "lastRunDetails" not in client.item(f"/flows/{flow}")
    run = client.ok("POST", RUNS, {"flowId": flow})["id"]
    last = client.item(f"/flows/{flow}")["lastRunDetails"]
    assert (last["id"], last["state"]) == (run, "success") and last["startedAtUTC"] <= last["completedAtUTC"]


def test_a_run_is_executed_once_for_many_readers(client: Client, body: dict[str, Any]) -> None:
    flow = client.flow(body)
    client.ok("POST", RUNS, {"flowId": flow})
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda _: client.runs(flow), range(16)))
    assert {len(runs) for runs in seen} == {1} and {status(runs[0]) for runs in seen} == {"success"}
    assert len(client.ok("GET", f"{CATALOG}/batches")) == 1


@pytest.mark.parametrize("lost", [("copy", "mapper", "batch"), ("copy", "mapper")])
def test_an_interrupted_run_restarts_unless_its_rows_were_handed_over(
    client: Client, body: dict[str, Any], sandbox: Sandbox, lost: tuple[str, ...]
) -> None:
    """The store of a sandbox that was killed before the batch was created, and right after it."""
    run = on_demand(client, client.flow(body))
    store, kind = sandbox.state.store, f"aep/{client.org}/prod/flows/"
    kept = store.get(kind + "runs", run["id"]) or {}
    cut = {name: value for name, value in kept.items() if name not in (*lost, "ended", "outcome")}
    store.put(kind + "runs", run["id"], cut | {"status": "inProgress"})
    store.put(kind + "clock", f"run:{run['id']}", {"due": 0})
    again = client.item(f"/runs/{run['id']}")
    assert (status(again), counts(again)) == ("success", (10, 10, 0))
    assert len(client.ok("GET", f"{CATALOG}/batches")) == (2 if "batch" in lost else 1)

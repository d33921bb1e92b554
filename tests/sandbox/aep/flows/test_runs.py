"""Runs: what they read, load and report."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mixpanel_aep_sandbox import demo_data as data
from mixpanel_aep_sandbox.aep.core.constants import CATALOG
from tests.support.sandbox.flow_client import FLOW, TENANT, Client
from tests.support.sandbox.flow_runs import DAY, NEVER, RUNS, counts, dataset_of, on_demand, status
from tests.support.sandbox.http_client import Sandbox

pytestmark = pytest.mark.sandbox
EVENTS = [json.loads(line) for line in data.ADOBE_EVENTS.read_text().splitlines()]


def times(client: Client, body: dict[str, Any]) -> list[int]:
    """Return ``time`` of the rows in the dataset."""
    return sorted(row[TENANT]["time"] for row in client.preview(dataset_of(client, body)))


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

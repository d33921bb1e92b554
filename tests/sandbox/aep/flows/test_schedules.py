"""Dataflows run when the sandbox's clock passes their times, without sleeps or reads at the right time."""

from __future__ import annotations

from typing import Any

import pytest

from mixpanel_aep_sandbox import demo_data as data
from mixpanel_aep_sandbox.aep.core.constants import CATALOG
from mixpanel_aep_sandbox.client import MixpanelSandbox
from tests.sandbox.aep.flows.test_runs import status, times
from tests.support.sandbox.flow_client import FLOW, Client

pytestmark = pytest.mark.sandbox

START = 1783026000
"""2026-07-02T21:00:00Z, an hour after the tests' now."""
HOUR = 3600
START_MS = START * 1000


def hourly(client: Client, body: dict[str, Any], **more: Any) -> str:
    schedule = {"startTime": str(START), "frequency": "hour", "interval": "1", **more}
    return client.flow(body | {"scheduleParams": schedule})


def to(client: Client, hours: float) -> None:
    """Return the time so many hours after the start."""
    client.clock.set(START + hours * HOUR, freeze=True)


def windows(client: Client, flow: str) -> list[tuple[float, float]]:
    """Return the windows of all runs, in hours after the start."""
    found = []
    for run in client.runs(flow):
        window = run["activities"][0]["durationSummary"]["extensions"]
        found.append(tuple((window[name] - START_MS) / HOUR / 1000 for name in ("windowStart", "windowEnd")))
    return found  # type: ignore[return-value]


@pytest.fixture
def body(client: Client) -> dict[str, Any]:
    client.settings(flow_backfill_days=1)
    return client.chain()


def test_each_run_continues_where_the_previous_one_ended(client: Client, body: dict[str, Any]) -> None:
    flow = hourly(client, body)
    assert client.runs(flow) == []
    to(client, 0)
    assert windows(client, flow) == [(-24, 0)]
    assert windows(client, flow) == [(-24, 0)]  # A read does not make it run again.
    to(client, 3.5)
    assert windows(client, flow) == [(-24, 0), (0, 1), (1, 2), (2, 3)]
    created = [(run["createdAt"] - START_MS) / HOUR / 1000 for run in client.runs(flow)]
    assert created == [0, 1, 2, 3]
    assert {run["createdBy"] for run in client.runs(flow)} == {"acp_foundation_connectors@AdobeID"}
    to(client, 3.9)
    assert len(client.runs(flow)) == 4


def test_without_backfill_the_first_run_reads_from_the_start_only(
    client: Client, body: dict[str, Any]
) -> None:
    flow = hourly(client, body, backfill="false")
    to(client, 1)
    assert windows(client, flow) == [(0, 1 / HOUR / 1000), (0, 1)]
    past = client.flow(
        body
        | {
            "scheduleParams": {
                "startTime": START - 6 * HOUR,
                "frequency": "day",
                "interval": 1,
                "backfill": False,
            }
        }
    )
    assert windows(client, past) == [(-6, 1)]


def test_a_dataflow_whose_start_has_passed_runs_at_once(client: Client, body: dict[str, Any]) -> None:
    schedule = {"startTime": START - 5.5 * HOUR, "frequency": "hour", "interval": 2}
    schedule["startTime"] = int(schedule["startTime"])
    flow = client.flow(body | {"scheduleParams": schedule})
    assert windows(client, flow) == [(-25, -1)]
    to(client, 1)
    assert windows(client, flow) == [(-25, -1), (-1, 0.5)]


def test_a_one_time_dataflow_runs_once(client: Client, body: dict[str, Any]) -> None:
    flow = client.flow(body | {"scheduleParams": {"startTime": str(START), "frequency": "once"}})
    for hours in (0, 1, 1000):
        to(client, hours)
        assert windows(client, flow) == [(-24, 0)]


def test_a_disabled_dataflow_does_not_run(client: Client, body: dict[str, Any]) -> None:
    flow = hourly(client, body)
    to(client, 0)
    assert len(client.runs(flow)) == 1
    client.ok("POST", f"{FLOW}/flows/{flow}/action?op=DISABLE")
    to(client, 5.5)
    assert len(client.runs(flow)) == 1
    client.ok("POST", f"{FLOW}/flows/{flow}/action?op=ENABLE")
    assert len(client.runs(flow)) == 1
    to(client, 6)
    # What was not read in the meantime is read now: nothing is omitted.
    assert windows(client, flow)[1:] == [(0, 6)]


def test_a_waiting_run_is_deleted_with_its_dataflow(client: Client, body: dict[str, Any]) -> None:
    later = {"startTime": START, "windowStartTime": START - HOUR, "windowEndTime": START}
    for method, path in (("POST", "/action?op=DISABLE"), ("DELETE", "")):
        flow = client.flow(body | {"scheduleParams": {"startTime": "4000000000", "frequency": "once"}})
        client.ok("POST", f"{FLOW}/runs", {"flowId": flow, "params": later})
        client.ok(method, f"{FLOW}/flows/{flow}{path}")
        assert client.runs(flow) == []


def test_a_deleted_dataflow_does_not_run(client: Client, body: dict[str, Any]) -> None:
    flow = hourly(client, body)
    client.ok("DELETE", f"{FLOW}/flows/{flow}")
    to(client, 5)
    assert client.runs(flow) == []


def test_a_jump_of_the_clock_omits_nothing(client: Client, body: dict[str, Any]) -> None:
    client.settings(flow_missed_runs=3)
    flow = hourly(client, body)
    to(client, 100)
    assert windows(client, flow) == [(74, 98), (98, 99), (99, 100)]
    to(client, 110)
    assert windows(client, flow)[3:] == [(100, 108), (108, 109), (109, 110)]


def test_a_changed_schedule_applies_from_now_on(client: Client, body: dict[str, Any]) -> None:
    flow = hourly(client, body)
    to(client, 1)
    assert len(client.runs(flow)) == 2
    change = [{"op": "replace", "path": "/scheduleParams/frequency", "value": "day"}]
    client.ok("PATCH", f"{FLOW}/flows/{flow}", change, headers={"If-Match": "*"})
    to(client, 23.9)
    assert len(client.runs(flow)) == 2
    to(client, 24)
    assert windows(client, flow)[2:] == [(1, 24)]


def test_a_schedule_is_kept_when_the_rules_for_new_ones_change(client: Client, body: dict[str, Any]) -> None:
    flow = hourly(client, body)
    client.settings(flow_schedule_rules="tutorial")
    to(client, 1)
    assert len(client.runs(flow)) == 2


def test_a_request_to_catalog_starts_due_runs_too(client: Client, body: dict[str, Any]) -> None:
    client.settings(flow_backfill_days=5 * 365)
    hourly(client, body)
    to(client, 0)
    for _ in range(300):
        batches = client.ok("GET", f"{CATALOG}/batches")
        if any(batch["status"] == "success" for batch in batches.values()):
            break
    assert len(times(client, body)) == 10


def test_the_events_of_a_day_are_loaded_again_by_every_run_of_that_day(
    client: Client, body: dict[str, Any]
) -> None:
    """Mixpanel exports whole days: a lake loaded every hour has them several times, as Adobe's has."""
    mixpanel = MixpanelSandbox(client.url)
    project = mixpanel.add_project(timezone="UTC")
    properties = {"time": START - 60, "distinct_id": "u", "$insert_id": "i", "$mp_api_timestamp_ms": START_MS}
    mixpanel.add_events(project, {"event": "Late", "properties": properties})
    source = client.source(client.connection(), project, "UTC")
    body = body | {"sourceConnectionIds": [source]}
    flow = hourly(client, body)
    to(client, 1)
    assert [status(run) for run in client.runs(flow)] == ["success", "success"]
    assert times(client, body) == [START - 60] * 2


def test_the_connector_uses_the_projects_budget(client: Client, body: dict[str, Any]) -> None:
    limits = {"enabled": True, "per_hour": 2, "per_second": 100}
    client.control("POST", "/mixpanel/projects", json={"id": data.ADOBE_PROJECT_ID, "limits": limits})
    flow = hourly(client, body)
    to(client, 2)
    assert [status(run) for run in client.runs(flow)] == ["success", "success", "failed"]
    cause = client.runs(flow)[2]["metrics"]["recordSummary"]["failedInfo"][0]["message"]
    assert cause.startswith("Mixpanel answered 429: Query rate limit exceeded")

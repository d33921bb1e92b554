"""Runs of a dataflow with bad rows, failed copies or deleted resources."""

from __future__ import annotations

from typing import Any

import pytest

from mixpanel_aep_sandbox import demo_data as data
from mixpanel_aep_sandbox.aep.core.constants import CATALOG
from tests.support.sandbox.flow_client import COMPLETED, FLOW, TENANT, Client
from tests.support.sandbox.flow_runs import DAY, NEVER, RUNS, counts, dataset_of, on_demand, status

pytestmark = pytest.mark.sandbox


def codes(run: dict[str, Any]) -> list[str]:
    """Return the errors of the run and those of its last activity."""
    errors = run["metrics"]["statusSummary"].get("errors", [])
    behind = run["activities"][-1]["statusSummary"].get("extensions", {}).get("errors", [])
    return [error["code"] for error in (*errors, *behind)]


IMPORTED = [{"sourceType": "ATTRIBUTE", "source": "data.import", "destination": "_id"}, COMPLETED[1]]
"""Only two of the ten events were imported: the others get no ``_id``."""


@pytest.mark.parametrize(
    ("options", "ended", "kept", "reported"),
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
    client: Client, options: dict[str, Any] | None, ended: str, kept: int, reported: list[str]
) -> None:
    body = client.chain(*IMPORTED) | {"scheduleParams": NEVER, "options": options}
    run = on_demand(client, client.flow(body))
    assert (status(run), counts(run), codes(run)) == (ended, (10, kept, 8), reported)
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

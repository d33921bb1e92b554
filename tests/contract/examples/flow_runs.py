"""Runs of a dataflow, and the results of the Mixpanel source (aep 1.6, 1.7 and 12)."""

from __future__ import annotations

from typing import Any

from mixpanel_aep_sandbox.client import MixpanelSandbox
from tests.contract.aep_calls import CATALOG, later, sent
from tests.contract.documented_client import NOW, DocumentedClient
from tests.contract.example import Call, Each, Example, Has, Is, Lines, Preparation
from tests.contract.examples.dataprep import SETS, mapping
from tests.contract.examples.flows import (
    BASE,
    DAILY,
    DAY,
    MAPPINGS,
    ONCE,
    START,
    chain,
    change,
    flow,
    flowing,
)

RUNS = Call("GET", f"{BASE}/runs", {"property": "flowId==<flow>"})
WINDOW = {"startTime": str(START), "windowStartTime": "1782777600", "windowEndTime": "1782950400"}
AD_HOC = Call("POST", f"{BASE}/runs", json={"flowId": "<flow>", "params": WINDOW})
LAKE_ROWS = Call("GET", "/_sandbox/aep/active?org=DEMO0000@AdobeOrg&sandbox=prod&dataset=<dataset>")


def ran(schedule: dict[str, Any], seconds: float, *calls: Call) -> Preparation:
    """Create a dataflow whose first runs are due and done; the last run is ``run``, its batch ``batch``."""

    def prepare(client: DocumentedClient) -> None:
        flowing(schedule)(client)
        sent(*calls)(client)
        runs_done(client, seconds)

    return prepare


def runs_done(client: DocumentedClient, seconds: float) -> None:
    """Advance the clock, and finish the runs that are due by then."""
    later(seconds)(client)
    for run in client.fine(RUNS)["items"]:
        client.names["run"] = run["id"]
        for activity in run.get("activities", []):
            for info in activity.get("targetInfo", []):
                client.names["batch"] = info["reference"]["ids"][0]


def with_mappings(*mappings: dict[str, Any], **options: Any) -> Preparation:
    """Create a dataflow with backfill and this mapping set, after its first run."""

    def prepare(client: DocumentedClient) -> None:
        chain(client)
        body = {
            "version": 0,
            "xdmSchema": "<schema>",
            "xdmVersion": "1.0",
            "id": None,
            "mappings": list(mappings),
        }
        client.names["mapping"] = client.fine(Call("POST", SETS, json=body))["id"]
        client.names["flow"] = client.fine(flow(BACKFILL, options=options))["id"]
        runs_done(client, 60)

    return prepare


def refused_by_mixpanel(client: DocumentedClient) -> None:
    """Create a dataflow whose account has an outdated password, and its failed run."""
    flowing(BACKFILL)(client)
    [account] = client.fine(Call("GET", f"{BASE}/connections/<base>"))["items"]
    client.names["etag"] = account["etag"]
    wrong = {"username": "demo.5a4d00.mp-service-account", "password": "wrong"}
    client.fine(change("replace", "/auth/params", wrong, what="connections/<base>"))
    runs_done(client, 60)


def emptied(client: DocumentedClient) -> None:
    """Delete the project's events."""
    MixpanelSandbox(client.sandbox.url).delete_events(int(client.names["project"]), purged_at=NOW)


BACKFILL = {**DAILY, "backfill": "true"}
DONE = ran(BACKFILL, 60)
STATUS = Has({"status": "success"})


def run_is(status: str, **more: Any) -> Has:
    return Has({"items": [Has({"metrics": Has({"statusSummary": Has({"status": status, **more})})})]})


# A row is a line.
# fmt: off
RUN_PAIRS = [
    Example("aep 1.6 an on-demand run", AD_HOC, 201, given=(flowing(ONCE),)),
    *(Example(f"aep 1.6 an on-demand run, answered with {form}", AD_HOC, 201, body, settings={"flow_run_answer": form}, given=(flowing(ONCE),)) for form, body in {"run": Has({"metrics": Has({"statusSummary": Has({"status": "scheduled"})})}), "items": {"items": [{"id": str, "etag": str}]}, "id": {"id": str, "etag": str}}.items()),
    Example("aep 1.6 an on-demand run of a dataflow with a schedule", AD_HOC, 400, given=(flowing(),)),
    Example("aep 1.7 runs of a dataflow", RUNS, 200, Has({"items": Each(Has({"id": str, "flowId": "<flow>", "metrics": Has({"durationSummary": Has({"startedAtUTC": int, "completedAtUTC": int}), "sizeSummary": Has({"inputBytes": int, "outputBytes": int}), "recordSummary": Has({"inputRecordCount": 2, "outputRecordCount": 2, "failedRecordCount": 0}), "fileSummary": Has({"inputFileCount": int, "outputFileCount": int, "activityRefs": list}), "statusSummary": STATUS}), "activities": list}))}), given=(DONE,)),
    Example("aep 1.7 the copy activity", RUNS, 200, Has({"items": Each(Has({"activities": Has([Has({"id": "copyActivity", "sourceInfo": Has([Has({"reference": Has({"type": "AdfRunId"})})])})])}))}), given=(DONE,)),
    Example("aep 1.7 the promotion activity names the batch", RUNS, 200, Has({"items": Each(Has({"activities": Has([Has({"id": "promotionActivity", "targetInfo": Has([Has({"reference": {"type": "Batch", "ids": ["<batch>"]}})])})])}))}), given=(DONE,)),
    Example("aep 1.7 one run", Call("GET", f"{BASE}/runs/<run>"), 200, Has({"items": [Has({"id": "<run>"})]}), given=(DONE,)),
    Example("aep 1.7 no run", Call("GET", f"{BASE}/runs/00000000-0000-0000-0000-000000000000"), 404),
    Example("aep 1.7 limit", Call("GET", f"{BASE}/runs", {"property": "flowId==<flow>", "limit": 1}), 200, Has({"items": Is(lambda found: len(found) == 1)}), given=(ran(DAILY, 2 * DAY + 60),)),
    Example("aep 1.7 lastRunDetails", Call("GET", f"{BASE}/flows/<flow>"), 200, Has({"items": [Has({"lastRunDetails": Has({"id": "<run>", "state": str, "startedAtUTC": int, "completedAtUTC": int})})]}), given=(DONE,)),
    Example("aep 1.7 CONNECTOR-1001-500, Mixpanel cannot be read", Call("GET", f"{BASE}/runs/<run>"), 200, run_is("failed", errors=Has([Has({"code": "CONNECTOR-1001-500", "message": str})])), given=(refused_by_mixpanel,)),
    Example("aep 1.7 a run of which rows were refused", Call("GET", f"{BASE}/runs/<run>"), 200, run_is("failed"), given=(with_mappings(*MAPPINGS[1:]),)),
    Example("aep 12 22 a failed run is tried again", Call("POST", f"{BASE}/runs/<run>/action", {"op": "re-trigger"}), 200, {"id": str, "etag": str}, given=(refused_by_mixpanel,)),
    Example("aep 12 22 a run that ingested nothing is tried again", Call("POST", f"{BASE}/runs/<run>/action", {"op": "re-trigger"}), 200, {"id": str, "etag": str}, given=(flowing(DAILY), emptied, lambda client: runs_done(client, 60))),
    Example("aep 12 22 a run that ingested rows is not", Call("POST", f"{BASE}/runs/<run>/action", {"op": "re-trigger"}), 400, given=(DONE,)),
    Example("aep 12 23 partial ingestion", RUNS, 200, Has({"items": Each(Has({"metrics": Has({"recordSummary": Has({"failedRecordCount": 2})})}))}), given=(with_mappings(*MAPPINGS[1:], errorDiagnosticsEnabled=True, partialIngestionPercent=99),)),
    Example("aep 12 25 what fails is null, and the row is there", LAKE_ROWS, 200, Lines(Is(lambda found: len(found) == 2)), given=(with_mappings(*MAPPINGS, mapping("to_integer(event)", "_acmesandbox.count")),)),
    Example("aep 12 17 one-time ingestion", LAKE_ROWS, 200, Lines(Is(lambda found: len(found) == 2)), given=(ran(ONCE, 60),)),
    Example("aep 12 18 a run each day", RUNS, 200, Has({"items": Is(lambda found: len(found) == 3)}), given=(ran(DAILY, 2 * DAY + 60),)),
    Example("aep 12 19 backfill brings what was there", LAKE_ROWS, 200, Lines(Is(lambda found: len(found) == 2)), given=(DONE,)),
    Example("aep 12 21 on-demand run with a date range", LAKE_ROWS, 200, Lines(Is(lambda found: len(found) >= 2)), given=(ran(ONCE, 60, AD_HOC),)),
    Example("aep 12 35 a disabled dataflow does not run", RUNS, 200, Has({"items": []}), given=(ran({**DAILY, "startTime": str(START + DAY)}, 2 * DAY, Call("POST", f"{BASE}/flows/<flow>/action", {"op": "DISABLE"})),)),
    Example("aep 12 38 another AEP sandbox has its own", Call("GET", f"{BASE}/flows/<flow>", headers={"x-sandbox-name": "dev"}), 404, given=(flowing(),)),
    Example("aep 12 43 a run is one batch", Call("GET", f"{CATALOG}/batches/<batch>"), 200, {"<batch>": Has({"status": "success", "relatedObjects": [{"type": "dataSet", "id": "<dataset>"}]})}, given=(DONE,)),
    Example("aep 12 43 that batch is reverted", LAKE_ROWS, 200, b"", given=(DONE, sent(Call("POST", "/data/foundation/import/batches/<batch>", {"action": "REVERT"})))),
    *(Example(f"aep 12 45 a list of {kind}", Call("GET", f"{BASE}/{kind}", {"limit": 5}), 200, Has({"items": Each(Has({"id": str, "name": str}))}), given=(flowing(),)) for kind in ("flows", "connections", "sourceConnections", "targetConnections")),
    Example("aep 12 45 filtered", Call("GET", f"{BASE}/flows", {"property": "name==none"}), 200, Has({"items": []}), given=(flowing(),)),
]
# fmt: on

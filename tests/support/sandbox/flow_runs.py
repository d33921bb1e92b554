"""Starts runs of a dataflow, and reads their status, errors and counts."""

from __future__ import annotations

from tests.support.sandbox.flow_client import FLOW, Client
from tests.support.sandbox.json_types import JsonObject

RUNS = f"{FLOW}/runs"


NEVER = {"startTime": "4000000000", "frequency": "once"}
"""A one-time dataflow that only an on-demand run executes."""


DAY = ("1652770800", "1652857200")
"""2022-05-17 in Los Angeles, from midnight to midnight."""


def status(run: JsonObject) -> str:
    return str(run["metrics"]["statusSummary"]["status"])


def counts(run: JsonObject) -> tuple[int, int, int]:
    found = run["metrics"]["recordSummary"]
    return (found["inputRecordCount"], found["outputRecordCount"], found["failedRecordCount"])


def on_demand(client: Client, flow: str, **params: object) -> JsonObject:
    """Start an on-demand run, and return it when it has ended."""
    key = client.ok("POST", f"{RUNS}/", {"flowId": flow, "params": params})["id"]
    return client.item(f"/runs/{key}/")


def dataset_of(client: Client, body: JsonObject) -> str:
    target = client.item(f"/targetConnections/{body['targetConnectionIds'][0]}")
    return str(target["params"]["dataSetId"])

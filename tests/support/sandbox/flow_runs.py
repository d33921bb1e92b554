"""Starts runs of a dataflow, and reads their status, errors and counts."""

from __future__ import annotations

from typing import Any

from tests.support.sandbox.flow_client import FLOW, Client

RUNS = f"{FLOW}/runs"


NEVER = {"startTime": "4000000000", "frequency": "once"}
"""A one-time dataflow that only an on-demand run executes."""


DAY = ("1652770800", "1652857200")
"""2022-05-17 in Los Angeles, from midnight to midnight."""


def status(run: dict[str, Any]) -> str:
    return str(run["metrics"]["statusSummary"]["status"])


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

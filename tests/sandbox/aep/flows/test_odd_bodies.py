"""Any body, query or header gets a response, and never an internal error of the sandbox."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.sandbox.flow_client import FLOW, Client

pytestmark = pytest.mark.sandbox

ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    10**400,
    "",
    "\0",
    "é" * 300,
    "x" * 100_000,
    [],
    {},
    [[]],
    [None],
    {"id": None},
    {"a": {"b": []}},
]


def spoilt(body: Any) -> Iterator[Any]:
    """Yield the body with each of its parts replaced by every odd value."""
    yield from ODD
    for path in paths(body):
        for odd in ODD:
            changed = copy.deepcopy(body)
            parent = changed
            for step in path[:-1]:
                parent = parent[step]
            parent[path[-1]] = odd
            yield changed


def paths(body: Any) -> Iterator[list[Any]]:
    items = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else []
    for name, value in items:
        yield [name]
        for rest in paths(value):
            yield [name, *rest]


@pytest.fixture
def bodies(client: Client) -> dict[str, Any]:
    flow = client.chain() | {"options": {"partialIngestionPercent": 5}}
    # Never due: a run for each of hundreds of dataflows would only take time.
    flow["scheduleParams"] = {
        "startTime": "4000000000",
        "frequency": "day",
        "interval": 1,
        "backfill": "true",
    }
    known = client.item(f"/connections/{client.connection()}")
    auth = {"specName": "Basic Authentication", "params": {"username": "u", "password": "p"}}
    source = client.item(f"/sourceConnections/{flow['sourceConnectionIds'][0]}")
    target = client.item(f"/targetConnections/{flow['targetConnectionIds'][0]}")
    names = ("name", "description", "connectionSpec", "data", "params", "baseConnectionId")
    params = {
        "startTime": 4 * 10**9,
        "windowStartTime": "1",
        "windowEndTime": 2,
        "deltaColumn": {"name": "x"},
    }
    once = client.flow(flow | {"scheduleParams": {"startTime": "4000000000", "frequency": "once"}})
    return {
        "connections": {"name": "x", "connectionSpec": known["connectionSpec"], "auth": auth},
        "sourceConnections": {name: source[name] for name in names if name in source},
        "targetConnections": {name: target[name] for name in names if name in target},
        "flows": flow,
        "runs": {"flowId": once, "params": params},
    }


@pytest.mark.parametrize("kind", ["connections", "sourceConnections", "targetConnections", "flows", "runs"])
def test_odd_bodies(client: Client, bodies: dict[str, Any], kind: str) -> None:
    seen: set[int] = set()
    for body in spoilt(bodies[kind]):
        answer = client.ask("POST", f"{FLOW}/{kind}", json=body)
        assert answer.status_code in (201, 400, 404), (body, answer.text)
        seen.add(answer.status_code)
    assert seen >= {201, 400}
    assert client.ok("GET", f"{FLOW}/{kind}?orderby=name,params.startTime")["items"]


def test_odd_changes(client: Client, bodies: dict[str, Any]) -> None:
    path = f"{FLOW}/flows/{client.flow(bodies['flows'])}"
    for each in ("/name", "/transformations/0", "/scheduleParams", "/scheduleParams/interval", "/options"):
        for body in spoilt([{"op": "replace", "path": each, "value": {}}]):
            answer = client.ask("PATCH", path, json=body, headers={"If-Match": "*"})
            assert answer.status_code in (200, 400, 404), (body, answer.text)
    assert client.ok("GET", path)["items"]


@pytest.mark.parametrize(
    "name", ["property", "limit", "orderby", "continuationToken", "count", "mode", "op", "x"]
)
def test_odd_queries(client: Client, bodies: dict[str, Any], name: str) -> None:
    flow = client.flow(bodies["flows"])
    for odd in ("", "\0", "\ufffd", "a==\0", "a.b[].c>=" + "9" * 400, "==", "[]", "." * 50, "%", "é"):
        for path in ("flows", "runs", "flowSpecs", f"flows/{flow}", f"connections/{flow}/explore"):
            answer = client.ask("GET", f"{FLOW}/{path}", params={name: odd})
            assert answer.status_code in (200, 400, 404), (path, odd, answer.text)
        answer = client.ask("POST", f"{FLOW}/flows/{flow}/action", params={name: odd})
        assert answer.status_code == 400, (odd, answer.text)


@pytest.mark.parametrize("key", ["%00", "a%2Fb", "%FF", "é", "x" * 1000, "..%2F..", "%20"])
def test_odd_ids(client: Client, key: str) -> None:
    for kind in ("connections", "flows", "runs", "connectionSpecs"):
        answer = client.ask("GET", f"{FLOW}/{kind}/{key}")
        assert answer.status_code in (404, 501), answer.text
